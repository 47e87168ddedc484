"""The second factor: when a code counts, that it counts once, and that nothing goes round it."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

import clock
from extensions import DomainError, db
from models import AuditEntry, Customer, Delivery, RecoveryCode, SecondFactor, SignInSession
from services import accounts, limits, second_factor, sessions, tokens
from services.second_factor import WrongCode
from tests.support.factories import PASSWORD, a_customer
from tests.support.second_factors import a_second_factor, now_code


@pytest.fixture
def merchant(app: Flask) -> Customer:
    """Give an admin without a second factor."""
    return a_customer(email="admin@example.org", admin=True)


def the_actions() -> list[str]:
    return list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def test_it_counts_from_its_first_code_on_and_ends_every_other_session(merchant: Customer) -> None:
    elsewhere, here = (sessions.open(merchant, "pytest") for _ in range(2))
    second_factor.begin(merchant)
    waiting = second_factor.enrolment(merchant)
    assert waiting is not None
    assert not second_factor.is_on(merchant)
    with pytest.raises(WrongCode):
        second_factor.confirm(merchant, "000000" if now_code(waiting.secret) != "000000" else "000001")
    codes = second_factor.confirm(merchant, now_code(waiting.secret))
    assert second_factor.is_on(merchant)
    assert second_factor.enrolment(merchant) is None
    assert sessions.load(elsewhere) is None
    assert sessions.load(here) is merchant
    assert len({*codes}) == second_factor.codes_left(merchant) == 10
    assert all(re.fullmatch(r"([A-Z2-7]{4}-){5}[A-Z2-7]{4}", code) for code in codes)
    assert [mail.kind for mail in db.session.scalars(select(Delivery))] == ["second_factor_changed"]


def test_what_the_application_is_told_says_whose_it_is(merchant: Customer) -> None:
    second_factor.begin(merchant)
    waiting = second_factor.enrolment(merchant)
    assert waiting is not None
    told = urlsplit(waiting.uri)
    asked = parse_qs(told.query)
    assert (told.scheme, told.netloc) == ("otpauth", "totp")
    assert "admin%40example.org" in told.path
    assert asked["secret"] == [waiting.secret]
    assert len(waiting.secret) == 32  # 160 bits (RFC 4226, 4).


def test_neither_secret_nor_recovery_codes_can_be_read_in_the_database(merchant: Customer) -> None:
    factor = a_second_factor(merchant)
    row = db.session.scalars(select(SecondFactor)).one()
    assert factor.secret not in row.secret
    kept = db.session.scalars(select(RecoveryCode.code_hash)).all()
    plain = [code.replace("-", "") for code in factor.codes]
    assert sorted(kept) == sorted(tokens.digest(code) for code in plain)


def test_a_code_is_taken_once(merchant: Customer, frozen_clock: time_machine.Traveller) -> None:
    factor = a_second_factor(merchant)
    frozen_clock.shift(30)
    code = now_code(factor.secret)
    second_factor.check(merchant, code)
    with pytest.raises(WrongCode):
        second_factor.check(merchant, code)


def test_of_two_presses_at_once_one_gets_the_code(app: Flask, frozen_clock: time_machine.Traveller) -> None:
    factor = a_second_factor(a_customer(email="admin@example.org", admin=True))
    frozen_clock.shift(30)
    code = now_code(factor.secret)

    def press(_number: int) -> bool:
        with app.app_context():
            try:
                second_factor.check(db.session.get_one(Customer, factor.customer_id), code)
            except WrongCode:
                return False
            return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(press, range(4))) == 1


@pytest.mark.parametrize(("late", "taken"), [(0, True), (30, True), (60, False), (-30, False)])
@pytest.mark.databases("sqlite")
def test_a_code_lasts_until_the_end_of_the_next_half_minute(
    merchant: Customer, frozen_clock: time_machine.Traveller, late: int, taken: bool
) -> None:
    factor = a_second_factor(merchant)
    frozen_clock.shift(300)
    code = now_code(factor.secret)
    frozen_clock.shift(late)
    if taken:
        second_factor.check(merchant, code)
    else:
        with pytest.raises(WrongCode):
            second_factor.check(merchant, code)


@pytest.mark.databases("sqlite")
def test_after_a_code_an_earlier_one_counts_no_more(merchant: Customer, frozen_clock: time_machine.Traveller) -> None:
    factor = a_second_factor(merchant)
    frozen_clock.shift(300)
    earlier = now_code(factor.secret)
    frozen_clock.shift(30)
    second_factor.check(merchant, now_code(factor.secret))
    with pytest.raises(WrongCode):
        second_factor.check(merchant, earlier)


def test_a_recovery_code_opens_once_however_it_is_typed_and_its_owner_is_told(merchant: Customer) -> None:
    factor = a_second_factor(merchant)
    first, second, *_rest = factor.codes
    second_factor.check(merchant, first.lower().replace("-", " "))
    second_factor.check(merchant, second)
    assert second_factor.codes_left(merchant) == 8
    with pytest.raises(WrongCode):
        second_factor.check(merchant, first)
    assert the_actions().count("second_factor.recovery_code_used") == 2
    assert len(db.session.scalars(select(Delivery)).all()) == 3


@pytest.mark.databases("sqlite")
def test_new_recovery_codes_replace_the_old_ones(merchant: Customer) -> None:
    factor = a_second_factor(merchant)
    elsewhere, here = (sessions.open(merchant, "pytest") for _ in range(2))
    fresh = second_factor.renew_codes(merchant)
    with pytest.raises(WrongCode):
        second_factor.check(merchant, factor.codes[0])
    second_factor.check(merchant, fresh[0])
    assert sessions.load(elsewhere) is None
    assert sessions.load(here) is merchant


@pytest.mark.databases("sqlite")
def test_there_are_no_recovery_codes_without_a_factor(merchant: Customer) -> None:
    with pytest.raises(DomainError):
        second_factor.renew_codes(merchant)
    assert second_factor.codes_left(merchant) == 0


def test_guessing_is_stopped_after_five_wrong_codes(merchant: Customer, frozen_clock: time_machine.Traveller) -> None:
    factor = a_second_factor(merchant)
    frozen_clock.shift(1000)
    for _try in range(5):
        with pytest.raises(WrongCode):
            second_factor.check(merchant, "nothing")
    with pytest.raises(limits.TooMany) as refused:
        second_factor.check(merchant, now_code(factor.secret))
    assert refused.value.retry_after <= 900
    frozen_clock.shift(refused.value.retry_after)
    for _honest in range(7):
        frozen_clock.shift(30)
        second_factor.check(merchant, now_code(factor.secret))
    assert the_actions().count("second_factor.refused") == 5


@pytest.mark.databases("sqlite")
def test_another_secret_counts_only_once_its_own_first_code_was_given(merchant: Customer) -> None:
    former = a_second_factor(merchant)
    second_factor.begin(merchant)
    waiting = second_factor.enrolment(merchant)
    assert waiting is not None
    assert waiting.secret != former.secret
    assert not second_factor.is_on(merchant)
    with pytest.raises(WrongCode):
        second_factor.check(merchant, former.codes[0])


def reset(merchant: Customer) -> None:
    link, _code = tokens.fresh(merchant, "password_reset")
    accounts.reset_password(link, "une toute nouvelle phrase")


def change(merchant: Customer) -> None:
    accounts.change_password(merchant, PASSWORD, "une toute nouvelle phrase")


def create_again(merchant: Customer) -> None:
    accounts.create_admin(merchant.email, "une toute nouvelle phrase")


@pytest.mark.parametrize("way", [reset, change, create_again])
@pytest.mark.databases("sqlite")
def test_no_other_proof_goes_round_it(merchant: Customer, way: Callable[[Customer], None]) -> None:
    a_second_factor(merchant)
    way(merchant)
    assert second_factor.is_on(merchant)


def test_with_another_keys_secret_recovery_codes_still_open(make_app: Callable[..., Flask]) -> None:
    with make_app().app_context():
        factor = a_second_factor(a_customer(email="admin@example.org", admin=True))
    with make_app(KEYS_SECRET="another secret of thirty-two signs").app_context():
        merchant = db.session.get_one(Customer, factor.customer_id)
        with pytest.raises(WrongCode):
            second_factor.check(merchant, now_code(factor.secret))
        second_factor.check(merchant, factor.codes[0])
        second_factor.begin(merchant)
        assert second_factor.enrolment(merchant) is not None


@pytest.mark.databases("sqlite")
def test_who_runs_the_machine_takes_it_away_and_ends_every_session(merchant: Customer) -> None:
    a_second_factor(merchant)
    here = sessions.open(merchant, "pytest")
    assert second_factor.reset_by_operator(merchant)
    assert not second_factor.is_on(merchant)
    assert sessions.load(here) is None
    assert db.session.scalars(select(RecoveryCode)).all() == []
    assert not second_factor.reset_by_operator(merchant)


@pytest.mark.databases("sqlite")
def test_a_proof_is_recent_for_half_an_hour(merchant: Customer, frozen_clock: time_machine.Traveller) -> None:
    here = sessions.open(merchant, "pytest")
    frozen_clock.shift(second_factor.RECENT - timedelta(seconds=1))
    assert second_factor.is_recent(sessions.load(here) or merchant)
    frozen_clock.shift(1)
    assert not second_factor.is_recent(sessions.load(here) or merchant)


@pytest.mark.databases("sqlite")
def test_proving_asks_for_the_password_and_for_a_code_where_there_is_a_factor(
    merchant: Customer, frozen_clock: time_machine.Traveller
) -> None:
    second_factor.prove(merchant, PASSWORD, "")
    with pytest.raises(accounts.WrongPassword):
        second_factor.prove(merchant, "wrong", "")
    factor = a_second_factor(merchant)
    frozen_clock.shift(30)
    with pytest.raises(WrongCode):
        second_factor.prove(merchant, PASSWORD, "")
    second_factor.prove(merchant, PASSWORD, now_code(factor.secret))


def test_a_renewed_session_has_another_token_and_ends_when_it_would_have(
    merchant: Customer, frozen_clock: time_machine.Traveller
) -> None:
    former = sessions.open(merchant, "pytest")
    begun = clock.now()
    frozen_clock.shift(timedelta(hours=1))
    renewed = sessions.renew(sessions.load(former) or merchant)
    assert sessions.load(former) is None
    loaded = sessions.load(renewed)
    assert loaded is merchant
    assert loaded.session_proven_at == clock.now()
    assert db.session.scalars(select(SignInSession)).one().created_at == begun


@pytest.mark.databases("sqlite")
def test_a_dead_session_is_not_renewed(merchant: Customer) -> None:
    former = sessions.open(merchant, "pytest")
    loaded = sessions.load(former)
    sessions.close(former)
    assert sessions.load(sessions.renew(loaded or merchant)) is None
