"""The second factor of admins: six digits of an authenticator application (TOTP, RFC 6238), or a recovery code.

No reset, no change of address and no invitation goes round it: who has lost both asks whoever runs the machine.
"""

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pyotp
from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import select, update

import clock
import config
import sealing
from extensions import DomainError, db, transaction
from models import Customer, Delivery, RecoveryCode, SecondFactor
from services import accounts, history, invoicing, limits, outbox, sessions, tokens

RECENT = timedelta(minutes=30)
RECOVERY_CODES = 10
RECOVERY_SIGNS = 24  # 120 random bits, so that a plain hash does (ASVS 6.5.2).
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class WrongCode(DomainError):
    """The code is none of now, was used, or never was one."""

    def __init__(self) -> None:
        super().__init__(_("Ce code n'est pas valable, ou il a déjà servi. Saisissez celui que l'application affiche."))


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator application is told, by a QR code (`uri`) or typed (`secret`)."""

    uri: str = field(repr=False)
    secret: str = field(repr=False)


def is_on(customer: Customer) -> bool:
    """Say whether a code is asked of this account when it signs in."""
    return customer.is_admin and _confirmed(customer) is not None


def is_missing(customer: Customer) -> bool:
    """Say whether this admin has to set a second factor up before anything else; development leaves it to them."""
    return customer.is_admin and not customer.session_has_second_factor and not config.current().development


def codes_left(customer: Customer) -> int:
    """Return how many recovery codes were not used yet."""
    factor = _confirmed(customer)
    return sum(code.used_at is None for code in factor.recovery_codes) if factor else 0


def begin(customer: Customer) -> None:
    """Afterwards a new secret waits for its first code; what counted before counts no more."""
    former = _id_of(customer)
    with transaction():
        invoicing.lock_account(customer.id)
        if _id_of(customer) != former:
            return  # The other press of a double click has begun.
        _forget(customer)
        factor = SecondFactor(customer_id=customer.id, secret="")  # nosec B106  # It is sealed below, once the row is known.
        db.session.add(factor)
        db.session.flush()
        factor.secret = sealing.seal_text(pyotp.random_base32(), _place(factor))
        history.record("second_factor.begun", customer=customer)


def enrolment(customer: Customer) -> Enrolment | None:
    """Return what the application is to be told, as long as its first code is awaited."""
    factor = _of(customer)
    if factor is None or factor.confirmed_at:
        return None
    secret = _secret(factor)
    if not secret:
        return None
    shop = current_app.extensions["sellers"].shop.name
    return Enrolment(pyotp.TOTP(secret).provisioning_uri(name=customer.email, issuer_name=shop), secret)


def confirm(customer: Customer, code: str) -> list[str]:
    """Afterwards the factor counts, and every session but the present one is over; return the recovery codes.

    They are shown this once: only hashes are kept. Raises WrongCode, and limits.TooMany after five wrong ones.
    """
    limits.hit(limits.SECOND_FACTOR_BY_ACCOUNT, str(customer.id))
    with transaction():
        invoicing.lock_account(customer.id)
        factor = _of(customer)
        if factor is None or factor.confirmed_at or not _take_totp(factor, code):
            raise WrongCode
        factor.confirmed_at = clock.now()
        codes = _fresh_codes(factor)
        sessions.end_all(customer, except_raw=customer.session_token)
        told = _record(customer, "second_factor.set_up")
    limits.forgive(limits.SECOND_FACTOR_BY_ACCOUNT, str(customer.id))
    outbox.ring(told)
    return codes


def renew_codes(customer: Customer) -> list[str]:
    """Afterwards only these recovery codes open the account; every session but the present one is over.

    Raises DomainError where there is no second factor, and for the later of two presses at once: whichever of the two
    answers the browser shows, it shows no codes that open nothing.
    """
    former = _code_ids(customer)
    with transaction():
        invoicing.lock_account(customer.id)
        factor = _confirmed(customer)
        if factor is None:
            raise DomainError(_("Activez d'abord la double authentification."))
        if _code_ids(customer) != former:
            raise DomainError(_("Les codes de secours viennent d'être renouvelés. Demandez-en d'autres s'il le faut."))
        codes = _fresh_codes(factor)
        sessions.end_all(customer, except_raw=customer.session_token)
        told = _record(customer, "second_factor.codes_renewed")
    outbox.ring(told)
    return codes


def check(customer: Customer, code: str) -> None:
    """Afterwards the code, of the application or for recovery, is used up.

    Raises WrongCode, and limits.TooMany after five wrong ones in a quarter of an hour.
    """
    limits.hit(limits.SECOND_FACTOR_BY_ACCOUNT, str(customer.id))
    told, right = None, False
    with transaction():
        factor = _confirmed(customer)
        if factor is not None and _take_totp(factor, code):
            right = True
        elif factor is not None and _take_recovery(factor, code):
            right, told = True, _record(customer, "second_factor.recovery_code_used")
        else:
            history.record("second_factor.refused", customer=customer)
    if not right:
        raise WrongCode
    limits.forgive(limits.SECOND_FACTOR_BY_ACCOUNT, str(customer.id))
    if told is not None:
        outbox.ring(told)


def is_recent(customer: Customer) -> bool:
    """Say whether whoever is signed in here has shown within 30 minutes who they are (ASVS 7.5.3)."""
    proven = customer.session_proven_at
    return proven is not None and proven > clock.now() - RECENT


def prove(customer: Customer, password: str, code: str) -> None:
    """Afterwards it is shown once more that it is they: by the password, and a code where one is asked.

    Raises accounts.WrongPassword, WrongCode and limits.TooMany.
    """
    accounts.require_password(customer, password)
    if is_on(customer):
        check(customer, code)


def reset_by_operator(customer: Customer) -> bool:
    """Afterwards the account has no second factor and is signed in nowhere; say whether it had one."""
    with transaction():
        invoicing.lock_account(customer.id)
        had = _of(customer) is not None
        _forget(customer)
        sessions.end_all(customer)
        told = _record(customer, "second_factor.reset_by_operator")
    outbox.ring(told)
    return had


def _of(customer: Customer) -> SecondFactor | None:
    return db.session.scalar(select(SecondFactor).where(SecondFactor.customer_id == customer.id))


def _id_of(customer: Customer) -> int | None:
    return db.session.scalar(select(SecondFactor.id).where(SecondFactor.customer_id == customer.id))


def _code_ids(customer: Customer) -> Sequence[int]:
    own = select(RecoveryCode.id).join(SecondFactor).where(SecondFactor.customer_id == customer.id)
    return db.session.scalars(own.order_by(RecoveryCode.id)).all()


def _confirmed(customer: Customer) -> SecondFactor | None:
    factor = _of(customer)
    return factor if factor and factor.confirmed_at else None


def _forget(customer: Customer) -> None:
    factor = _of(customer)
    if factor is not None:
        db.session.delete(factor)
        db.session.flush()


def _take_totp(factor: SecondFactor, code: str) -> bool:
    """Use the code up if it is of this half minute or of the one before, which a slow clock or hand may still be in.

    One conditional UPDATE decides, so that of two presses one gets it (RFC 6238, 5.2).
    """
    secret = _secret(factor)
    if not secret:
        return False
    totp = pyotp.TOTP(secret)
    now = int(clock.now().timestamp()) // totp.interval
    right = [step for step in (now, now - 1) if hmac.compare_digest(totp.generate_otp(step), code)]
    if not right:
        return False
    newer = (SecondFactor.id == factor.id, SecondFactor.last_step < right[0])
    taken = update(SecondFactor).where(*newer).values(last_step=right[0]).returning(SecondFactor.id)
    return db.session.scalar(taken) is not None


def _take_recovery(factor: SecondFactor, code: str) -> bool:
    wanted = tokens.digest(re.sub(r"[\s-]", "", code).upper())
    free = (RecoveryCode.factor_id == factor.id, RecoveryCode.code_hash == wanted, RecoveryCode.used_at.is_(None))
    taken = update(RecoveryCode).where(*free).values(used_at=clock.now()).returning(RecoveryCode.id)
    return db.session.scalar(taken) is not None


def _fresh_codes(factor: SecondFactor) -> list[str]:
    codes = ["".join(secrets.choice(ALPHABET) for _sign in range(RECOVERY_SIGNS)) for _code in range(RECOVERY_CODES)]
    factor.recovery_codes = [RecoveryCode(code_hash=tokens.digest(code)) for code in codes]
    return ["-".join(re.findall("....", code)) for code in codes]


def _record(customer: Customer, action: str) -> Delivery:
    """Write it into the audit and to the account: its owner may not be who did it."""
    history.record(action, customer=customer)
    return outbox.add_about(customer, "second_factor_changed")


def _secret(factor: SecondFactor) -> str:
    """Return what makes the codes; nothing once `KEYS_SECRET` is another: recovery codes open the account still."""
    try:
        return sealing.open_text(factor.secret, _place(factor))
    except sealing.WrongKeysSecret:
        return ""


def _place(factor: SecondFactor) -> str:
    return f"second_factors.secret/{factor.id}"
