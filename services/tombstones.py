"""That somebody had their data erased, known by a keyed hash of their address: what is sent again stays erased."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

import clock
import sealing
from extensions import db
from models import Erasure

PLACE = "erasures.email_hash"


def erect(email_keys: Iterable[str]) -> None:
    """Afterwards it is known that who had these addresses had their data erased just now.

    Inside the caller's transaction. Whoever did so before is known by the last time.
    """
    insert = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    now = clock.now()
    for each in sorted(sealing.fingerprint(key, PLACE) for key in set(email_keys)):
        row = insert(Erasure).values(email_hash=each, erased_at=now)
        db.session.execute(row.on_conflict_do_update(index_elements=["email_hash"], set_={"erased_at": now}))


def of(email_keys: Iterable[str]) -> dict[str, datetime]:
    """Return since when the data of these addresses are erased, by e-mail key; nothing of who asked for nothing."""
    hashes = {sealing.fingerprint(key, PLACE): key for key in set(email_keys)}
    found = select(Erasure.email_hash, Erasure.erased_at).where(Erasure.email_hash.in_(hashes))
    return {hashes[row.email_hash]: row.erased_at for row in db.session.execute(found)}
