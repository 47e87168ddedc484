"""Files that an admin hands in: tried first, shown with what they would change, and taken in once the admin says so."""

import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import undefer

import clock
import failpoints
import task_queue
from extensions import DomainError, db, transaction
from models import Customer, Shop, Upload
from services import history, issuing, leases, tally
from services.leases import Lease, LeaseLost
from shops.candidates import UnreadableFile
from shops.notation import Notation

MOST_BYTES = 16 * 1024 * 1024
MOST_DOCUMENTS = 100_000
PORTION = 100  # Documents between two signs of life.
SHOWN = 20
TO_LOAD = leases.to_work_on(Upload)


def hand_in(
    admin: Customer, filename: str, content: bytes, *, shape: str, notation: Notation, shop: Shop | None
) -> Upload:
    """Afterwards the file is written down, and on its way to be tried; return it.

    Raises DomainError when it is empty.
    """
    if not content.strip():
        raise DomainError(_("Ce fichier est vide."))
    upload = Upload(
        admin_id=admin.id,
        shop_id=shop.id if shop else None,
        filename=filename[:200],
        shape=shape,
        options=asdict(notation),
        content=content,
        size=len(content),
    )
    with transaction():
        db.session.add(upload)
        db.session.flush()
        history.record("upload.handed_in", customer=admin, detail=f"{upload.id}, {shape}")
    task_queue.ring("load", upload.id)
    return upload


def load(upload_id: int) -> None:
    """Afterwards the file was tried and says what it would change; one that is confirmed is taken in.

    A second run, or one beside another, changes nothing more; one that is killed is done again from the beginning,
    which is the same.
    """
    with transaction():
        lease = leases.take(Upload, upload_id, TO_LOAD)
    if lease is None:
        return
    failpoints.reach("load.claimed")
    found = select(Upload).where(Upload.id == upload_id).options(undefer(Upload.content))
    upload = db.session.scalars(found).one()
    dry_run = upload.state == "uploaded"
    written = io.StringIO()
    counted = tally.Tally(tally.labels(upload.shape), written)
    try:
        _count(lease, upload, counted, dry_run=dry_run)
        _conclude(lease, "previewed" if dry_run else "imported", counted, written.getvalue())
    except LeaseLost:
        return
    except (UnreadableFile, issuing.WrongMode) as error:
        db.session.rollback()
        _fail(lease, str(error))


def confirm(upload_id: int, admin: Customer) -> bool:
    """Afterwards the file is on its way to be taken in; False when that was said already, or the file is given up."""
    return _decide(upload_id, "confirmed", admin)


def discard(upload_id: int, admin: Customer) -> bool:
    """Afterwards the file is given up, and its content forgotten; False when it is no longer to be decided."""
    return _decide(upload_id, "failed", admin)


def latest() -> Sequence[Upload]:
    """Return the files handed in last."""
    return db.session.scalars(select(Upload).order_by(Upload.id.desc()).limit(SHOWN)).all()


def park_killers() -> None:
    """Afterwards a file whose worker ended each of five times is given up."""
    found = select(Upload).where(leases.is_killer(Upload)).limit(leases.MOST_AT_ONCE)
    if db.session.scalar(found.limit(1)) is None:
        return
    with transaction():
        for upload in db.session.scalars(found.with_for_update(skip_locked=True, of=Upload)):
            upload.become("failed", problem=_("Le traitement s'est arrêté cinq fois."))
            upload.content = None


def _count(lease: Lease, upload: Upload, counted: tally.Tally, *, dry_run: bool) -> None:
    """Take the documents in, or try them, and give a sign of life now and then. Raises UnreadableFile, LeaseLost."""
    options: dict[str, Any] = upload.options
    stream, notation = io.BytesIO(upload.content or b""), Notation(**options)
    documents = tally.take_in(counted, stream, upload.shape, notation, upload.shop, dry_run=dry_run)
    for number, _document in enumerate(documents, start=1):
        if number > MOST_DOCUMENTS:
            raise UnreadableFile(_("Ce fichier a plus de %(most)s documents\u00a0: coupez-le.", most=MOST_DOCUMENTS))
        if number % PORTION == 0:
            failpoints.reach("load.portion")
            _keep(lease, stream.tell())


def _keep(lease: Lease, done: int) -> None:
    with transaction():
        leases.keep(Upload, lease).done_bytes = done


def _conclude(lease: Lease, state: str, counted: tally.Tally, report: str) -> None:
    with transaction():
        upload = leases.held(Upload, lease)
        upload.become(state)
        upload.counts, upload.report = dict(counted.outcomes), report.encode("utf-8-sig")
        upload.done_bytes, upload.attempts = 0, 0
        if state == "imported":
            upload.content = None
            history.record("upload.imported", detail=str(upload.id))
        leases.release(upload)


def _fail(lease: Lease, problem: str) -> None:
    with transaction():
        upload = leases.held(Upload, lease)
        upload.become("failed", problem=problem[:500])
        upload.content = None
        leases.release(upload)


def _decide(upload_id: int, state: str, admin: Customer) -> bool:
    admin_id = admin.id
    with transaction():
        waiting = select(Upload).where(Upload.id == upload_id, Upload.state == "previewed")
        upload = db.session.scalar(waiting.with_for_update(of=Upload))
        if upload is None:
            return False
        given_up = state == "failed"
        upload.become(state, due_at=None if given_up else clock.now(), problem=_("Abandonné.") if given_up else None)
        if given_up:
            upload.content = None
        history.record(f"upload.{state}", customer=db.session.get_one(Customer, admin_id), detail=str(upload_id))
    if state == "confirmed":
        task_queue.ring("load", upload_id)
    return True
