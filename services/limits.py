"""How often something may be tried: counters in the database, so that they hold while Redis is away."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql, sqlite

import clock
from extensions import db, transaction
from models import RateCounter

MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class TooMany(Exception):
    """It was tried too often; `retry_after` says in how many seconds the window ends."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"retry after {retry_after} s")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` tries of `action` by one key within each `window`."""

    action: str
    most: int
    window: timedelta


# By address of the network: an office shares one, so that these only stop machines.
SIGN_IN_BY_IP = Limit("sign_in.ip", 100, QUARTER)
REGISTER_BY_IP = Limit("register.ip", 30, QUARTER)
RESET_BY_IP = Limit("reset.ip", 30, QUARTER)
LOOK_UP_BY_IP = Limit("look_up.ip", 60, QUARTER)
CODE_BY_IP = Limit("code.ip", 60, QUARTER)
SIGN_IN_CODES_BY_IP = Limit("sign_in_code.ip", 30, QUARTER)
REFUSED_CALLS_BY_IP = Limit("call.ip", 100, QUARTER)
# By what is tried: whoever tries from many places is stopped too; nobody is kept out for longer than the window.
SIGN_IN_BY_EMAIL = Limit("sign_in.email", 10, QUARTER)
SIGN_IN_CODE_BY_EMAIL = Limit("sign_in_code.email", 10, QUARTER)
LOOK_UP_BY_NUMBER = Limit("look_up.number", 10, QUARTER)
PASSWORD_BY_ACCOUNT = Limit("password.account", 10, QUARTER)
SECOND_FACTOR_BY_ACCOUNT = Limit("second_factor.account", 5, QUARTER)
RESENDS_BY_ORDER = Limit("resend.order", 3, DAY)
CALLS_BY_KEY = Limit("call.key", 1200, MINUTE)
UNSIGNED_BY_SHOP = Limit("webhook.shop", 1, MINUTE)  # One of them is written into the audit, each is counted.
AUDITED_BY_HOUR = Limit("audit.hour", 1, HOUR)
# What one mailbox may get from us unasked; documents are never counted.
CONFIRMATIONS_BY_HOUR = Limit("confirmation.hour", 5, HOUR)
CONFIRMATIONS_BY_DAY = Limit("confirmation.day", 10, DAY)
RESETS_BY_HOUR = Limit("reset_mail.hour", 5, HOUR)
RESETS_BY_DAY = Limit("reset_mail.day", 10, DAY)
SIGN_IN_CODES_BY_HOUR = Limit("sign_in_code.hour", 5, HOUR)
SIGN_IN_CODES_BY_DAY = Limit("sign_in_code.day", 10, DAY)
ACCOUNT_NOTICES_BY_DAY = Limit("account_exists.day", 5, DAY)
ORDER_CODES_BY_HOUR = Limit("order_code.hour", 5, HOUR)
ORDER_CODES_BY_DAY = Limit("order_code.day", 10, DAY)
INVITATIONS_BY_DAY = Limit("invitation.day", 5, DAY)
DATA_EXPORTS_BY_DAY = Limit("data_export.day", 3, DAY)
YEAR_PACKS_BY_DAY = Limit("year_pack.day", 12, DAY)
EMAIL_CHANGES_BY_HOUR = Limit("email_change.hour", 5, HOUR)
EMAIL_CHANGES_BY_DAY = Limit("email_change.day", 10, DAY)


def hit(limit: Limit, key: str) -> None:
    """Afterwards this try is counted, in a transaction of its own, whatever becomes of what is tried.

    Raises TooMany when the window is full. Tries beside each other are counted one by one (an upsert).
    """
    start = _window_start(limit)
    count = _counted(limit, key, start)
    if count > limit.most:
        raise TooMany(max(1, int((start + limit.window - clock.now()).total_seconds()) + 1))


def allows(limit: Limit, key: str) -> bool:
    """Count this try and say whether it is within the limit, where the answer to the visitor must not differ."""
    try:
        hit(limit, key)
    except TooMany:
        return False
    return True


def forgive(limit: Limit, key: str) -> None:
    """Afterwards the last try is not counted: it was an honest one."""
    found = (
        RateCounter.action == limit.action,
        RateCounter.key == _digest(key),
        RateCounter.window_start == _window_start(limit),
        RateCounter.count > 0,
    )
    with transaction():
        db.session.execute(update(RateCounter).where(*found).values(count=RateCounter.count - 1))


def counted(limit: Limit) -> int:
    """Return how often it was tried in all, as long as that is kept (two days)."""
    return db.session.scalar(select(func.sum(RateCounter.count)).where(RateCounter.action == limit.action)) or 0


def network(address: str | None) -> str:
    """Return what stands for one household or office: an IPv4 address, or the first 64 bits of an IPv6 one."""
    try:
        found = ip_address(address or "")
    except ValueError:
        return "unknown"
    if found.version == 4:
        return str(found)
    # A server that listens on both kinds sees IPv4 as ::ffff:192.0.2.1: one household each, not one in all.
    return str(found.ipv4_mapped or ip_network((found, 64), strict=False))


def _counted(limit: Limit, key: str, start: datetime) -> int:
    insert = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    first = insert(RateCounter).values(action=limit.action, key=_digest(key), window_start=start, count=1)
    counted = first.on_conflict_do_update(
        index_elements=["action", "key", "window_start"], set_={"count": RateCounter.count + 1}
    ).returning(RateCounter.count)
    with transaction():
        return db.session.execute(counted).scalar_one()


def _window_start(limit: Limit) -> datetime:
    seconds = int(limit.window.total_seconds())
    return datetime.fromtimestamp(int(clock.now().timestamp()) // seconds * seconds, UTC)


def _digest(key: str) -> str:
    """Addresses of people and networks are counted, not kept."""
    return hashlib.sha256(key.encode()).hexdigest()
