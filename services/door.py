"""The door for shops: who calls, whether the call is theirs and fresh, and what the equal call was answered."""

import hashlib
import logging
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

import clock
import sealing
from extensions import db, transaction
from models import ApiCall, ApiKey, Shop
from services import history, limits, shops
from shops import signatures

SEEN_EVERY = timedelta(minutes=1)
ANSWERED_WITHIN = timedelta(minutes=2)
"""What is not answered by then never will be: its process was killed, and the equal call begins anew."""

_BEARER = re.compile(r"Bearer (ec_[0-9a-f]{24})")
log = logging.getLogger(__name__)


class NotAdmitted(Exception):
    """The call opens nothing (401, 403); the text is French and helps who holds the key, and nobody else."""

    def __init__(self, status: int, reason: str) -> None:
        """Carry the status."""
        super().__init__(reason)
        self.status = status


class BeingAnswered(Exception):
    """The equal call is being answered at this moment (409)."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it arrived: `target` is path and query as they were sent.

    The body is raw, and read only of a call that names a live key and this moment.
    """

    method: str
    target: str
    read_body: Callable[[], bytes]
    authorization: str
    signature: str
    visitor: str | None

    @property
    def digest(self) -> str:
        """Name the call: the signature covers everything else of it."""
        return hashlib.sha256(f"{self.authorization} {self.signature}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call was answered."""

    status: int
    mimetype: str
    body: bytes


def admit(call: Call, scope: str) -> ApiKey:
    """Return the key that has signed the call, within five minutes, and that may do this; it counts as used.

    Raises NotAdmitted, limits.TooMany for a network that is refused too often, and sealing.WrongKeysSecret.
    """
    try:
        key = _signing_key(call)
    except NotAdmitted as refusal:
        log.warning("call refused", extra={"reason": str(refusal), "key": _named(call)})
        if call.signature:  # What is not signed at all was refused for nothing; to count it would cost more.
            limits.hit(limits.REFUSED_CALLS_BY_IP, limits.network(call.visitor))
            history.once_an_hour("call.refused", detail=_named(call))
        raise
    if scope not in key.scopes:
        log.warning("call refused", extra={"reason": f"scope {scope}", "key": key.key_id})
        history.once_an_hour("call.exceeded", detail=f"{key.key_id}, {scope}")
        raise NotAdmitted(403, f"Cette clé n'a pas le droit « {scope} ».")
    _note_use(key)
    return key


def begin(key: ApiKey, call: Call) -> Answer | None:
    """Return what the equal call was answered; None for the first one, which is being answered from now on.

    What was answered, or is being answered, is not counted again: who has copied a call would else use up the minute
    of the shop whose key it is. One that came to no answer costs as much as the first did, and counts as that one.
    Raises BeingAnswered, and limits.TooMany for a key that calls too often.
    """
    key_id, now = key.id, clock.now()
    if db.session.scalar(select(ApiCall.id).where(ApiCall.digest == call.digest)) is not None:
        return _answered(call)
    limits.hit(limits.CALLS_BY_KEY, key.key_id)
    try:
        with transaction():
            db.session.add(ApiCall(key_id=key_id, digest=call.digest, created_at=now))
    except IntegrityError:
        return _answered(call)
    return None


def finish(call: Call, answer: Answer) -> None:
    """Afterwards the equal call gets this answer, as long as its signature is good."""
    sealed = sealing.seal(zlib.compress(answer.body), _place(call))
    mine = update(ApiCall).where(ApiCall.digest == call.digest)
    with transaction():
        db.session.execute(mine.values(status=answer.status, mimetype=answer.mimetype, answer=sealed))


def give_up(call: Call) -> None:
    """Afterwards the equal call begins anew: this one came to no answer that is worth repeating."""
    db.session.rollback()
    with transaction():
        db.session.execute(delete(ApiCall).where(ApiCall.digest == call.digest, ApiCall.status.is_(None)))


def _signing_key(call: Call) -> ApiKey:
    scheme, _blank, key_id = call.authorization.partition(" ")
    at = signatures.call_moment(call.signature)
    if scheme != "Bearer" or not key_id:
        raise NotAdmitted(401, "L'en-tête Authorization: Bearer <clé> manque.")
    if at is None:
        raise NotAdmitted(401, "L'en-tête X-Signature: t=<secondes>,v1=<hex> manque ou a une autre forme.")
    if not call.target.startswith("/"):
        raise NotAdmitted(401, "La ligne de l'appel doit nommer un chemin, et non une adresse entière.")
    key = db.session.scalar(select(ApiKey).where(ApiKey.key_id == key_id))
    if key is None or not key.is_live:
        raise NotAdmitted(401, "Cette clé n'existe pas ou n'est plus active.")
    if abs(clock.now().timestamp() - at) > signatures.DRIFT_SECONDS:
        raise NotAdmitted(401, "La signature a plus de cinq minutes, ou l'horloge de la boutique est déréglée.")
    secret, body = shops.key_secret(key), call.read_body()
    if not signatures.is_call_signed(call.signature, secret, method=call.method, target=call.target, body=body):
        raise NotAdmitted(401, "La signature ne correspond pas à cet appel.")
    return key


def _named(call: Call) -> str:
    """Return the id of the key that the call names; of another shape nothing, since it may be a secret."""
    found = _BEARER.fullmatch(call.authorization)
    return found[1] if found else ""


def _note_use(key: ApiKey) -> None:
    """Write down when the key was last used, to the minute, and that it was, by the hour; not with each call."""
    now, before = clock.now(), key.last_used_at
    if before is None or before < now - SEEN_EVERY:
        key_id, shop_id = key.id, key.shop_id
        is_first = before is None or f"{before:%Y%m%d%H}" != f"{now:%Y%m%d%H}"
        with transaction():
            if is_first:
                history.record("key.used", detail=key.key_id, actor=f"shop:{key.shop.name}")
            db.session.execute(update(ApiKey).where(ApiKey.id == key_id).values(last_used_at=now))
            db.session.execute(update(Shop).where(Shop.id == shop_id).values(last_message_at=now))


def _answered(call: Call) -> Answer | None:
    with transaction():
        known = db.session.scalar(select(ApiCall).where(ApiCall.digest == call.digest).with_for_update())
        if known is not None and known.status is not None:
            body = zlib.decompress(sealing.open_sealed(known.answer or b"", _place(call)))
            return Answer(known.status, known.mimetype, body)
        if known is None or known.created_at > clock.now() - ANSWERED_WITHIN:
            raise BeingAnswered
        known.created_at = clock.now()
    return None


def _place(call: Call) -> str:
    return f"api_calls.answer/{call.digest}"
