"""One-time proofs, mailed or given to a shop: a link of 256 random bits and, for a mailbox, a code of six digits.

Only hashes are stored. Earlier proofs stay good until one of them is used or they expire: a mail that was sent
twice for want of an answer (see `mail.smtp`) may be read in either copy.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Literal

from sqlalchemy import Select, select, update

import clock
import config
from extensions import db, transaction
from models import Customer, Order, Token

Purpose = Literal["confirmation", "password_reset", "email_change", "shop_sign_in", "order_claim", "invitation"]

LINK_LIVES = {
    "confirmation": timedelta(days=3),
    "password_reset": timedelta(hours=1),
    "email_change": timedelta(days=1),
    "shop_sign_in": timedelta(seconds=60),
    "order_claim": timedelta(minutes=30),
    "invitation": timedelta(days=7),
}
WITH_CODE = ("confirmation", "email_change", "order_claim")
CODE_LIVES = timedelta(minutes=30)
MOST_CODE_TRIES = 5


def fresh(
    customer: Customer, purpose: Purpose, email: str | None = None, *, order: Order | None = None
) -> tuple[str, str]:
    """Afterwards a new proof is good; return its link token and its 6-digit code, which only the mail will hold.

    Only what proves a mailbox has a code; of other purposes it is empty. `email` is the address that an
    `email_change` proves, `order` what an `order_claim` gives.
    """
    link = secrets.token_urlsafe(32)
    code = f"{secrets.randbelow(10**6):06d}" if purpose in WITH_CODE else ""
    link_hash = digest(link)
    now = clock.now()
    with transaction():
        db.session.add(
            Token(
                customer_id=customer.id,
                purpose=purpose,
                email=email,
                order_id=order.id if order else None,
                token_hash=link_hash,
                code_hash=_code_hash(link_hash, code) if code else None,
                created_at=now,
                expires_at=now + LINK_LIVES[purpose],
            )
        )
    return link, code


def find(link: str, purpose: Purpose) -> Token | None:
    """Return the proof of this link, used or not, while it lasts."""
    wanted = select(Token).where(Token.token_hash == digest(link), Token.purpose == purpose)
    return db.session.scalar(wanted.where(Token.expires_at > clock.now()))


def take(link: str, purpose: Purpose) -> int | None:
    """Use the proof up and return whose it is, inside the caller's transaction; None when it was used or expired.

    One conditional UPDATE decides, so that of two presses one gets it. The account is held before its proofs.
    """
    now = clock.now()
    free = (Token.token_hash == digest(link), Token.purpose == purpose, Token.used_at.is_(None), Token.expires_at > now)
    taken = update(Token).where(*free).values(used_at=now).returning(Token.customer_id)
    return db.session.execute(taken).scalar_one_or_none()


def usable_codes(customer: Customer, purpose: Purpose) -> list[Token]:
    """Return the proofs whose code may still be tried, locked, inside the caller's transaction."""
    usable = _codes(customer, purpose).where(Token.used_at.is_(None), Token.code_tries < MOST_CODE_TRIES)
    return list(db.session.scalars(usable.with_for_update(of=Token)))


def try_code(candidates: list[Token], code: str) -> Token | None:
    """Return the proof whose code this is; a wrong one costs each of them a try, inside the caller's transaction."""
    right = _of_code(candidates, code)
    for one in candidates if right is None else ():
        one.code_tries += 1
    return right


def used_code(customer: Customer, purpose: Purpose, code: str) -> Token | None:
    """Return the proof, used up by now, whose code this was: the second press of a double click brings it again."""
    return _of_code(db.session.scalars(_codes(customer, purpose).where(Token.used_at.is_not(None))), code)


def _codes(customer: Customer, purpose: Purpose) -> Select[Token]:
    """Return what finds the proofs whose code has not run out, used or not, the oldest first."""
    own = (Token.customer_id == customer.id, Token.purpose == purpose, Token.code_hash.is_not(None))
    return select(Token).where(*own, Token.created_at > clock.now() - CODE_LIVES).order_by(Token.id)


def _of_code(candidates: Iterable[Token], code: str) -> Token | None:
    """Return the newest proof whose code this is."""
    right = [one for one in candidates if hmac.compare_digest(one.code_hash or "", _code_hash(one.token_hash, code))]
    return right[-1] if right else None


def use_up(customer: Customer, *purposes: Purpose) -> None:
    """Afterwards no proof of these purposes is left for the customer; inside the caller's transaction."""
    left = update(Token).where(Token.customer_id == customer.id, Token.purpose.in_(purposes), Token.used_at.is_(None))
    db.session.execute(left.values(used_at=clock.now()))


def use_up_claims(order: Order) -> None:
    """Afterwards no code gives this order to anybody; inside the caller's transaction, which holds the order."""
    left = update(Token).where(Token.order_id == order.id, Token.used_at.is_(None))
    db.session.execute(left.values(used_at=clock.now()))


def digest(link: str) -> str:
    """Return what is stored of a secret of 256 random bits: it is found by it, and nobody finds it from there."""
    return hashlib.sha256(link.encode()).hexdigest()


def _code_hash(link_hash: str, code: str) -> str:
    """Key the hash: six digits alone would be found by trying all of them on a stolen table."""
    key = config.current().secret_key.encode()
    return hmac.new(key, f"{link_hash}:{code}".encode(), hashlib.sha256).hexdigest()
