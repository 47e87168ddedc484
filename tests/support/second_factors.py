"""An admin's authenticator application, as a telephone has it."""

from dataclasses import dataclass

import pyotp

import clock
from models import Customer
from services import second_factor


@dataclass(frozen=True, slots=True)
class Telephone:
    """What an admin has noted: the secret of the application, and the recovery codes."""

    customer_id: int
    secret: str
    codes: list[str]


def now_code(secret: str) -> str:
    """Return what an application with this secret shows now, by our clock."""
    return pyotp.TOTP(secret).at(clock.now())


def a_second_factor(customer: Customer) -> Telephone:
    """Return the telephone with which the customer's second factor was set up just now; its first code is used."""
    second_factor.begin(customer)
    waiting = second_factor.enrolment(customer)
    assert waiting is not None
    return Telephone(customer.id, waiting.secret, second_factor.confirm(customer, now_code(waiting.secret)))
