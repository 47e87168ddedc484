"""A code by mail instead of the password: good once, for ten minutes, in the browser that asked for it."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select
from time_machine import Traveller

from extensions import db, transaction
from models import AuditEntry, Customer, Delivery, Order, SignInCode
from services import (
    accounts,
    code_sign_in,
    email_change,
    erasure,
    letters,
    limits,
    ownership,
    passwords,
    sessions,
    sweep,
    tokens,
)
from services.code_sign_in import AlreadyUsed, Refused, enter, request
from services.limits import TooMany
from tests.services.test_two_presses import just_before, the_acts, the_mails, twice
from tests.support.factories import PASSWORD, a_customer, an_order, billing_details
from tests.support.second_factors import a_second_factor
from web import signed_in

CLAIRE, NOBODY, NEW = "claire@example.org", "paul@example.org", "claire.martin@example.org"
HERE, ELSEWHERE = "the secret of one browser", "the secret of another one"
OTHER_PHRASE = "une toute autre phrase"


@pytest.fixture
def claire(app: Flask) -> Customer:
    """Give a confirmed account."""
    return a_customer(email=CLAIRE)


def text_of_the_last_mail() -> str:
    body = letters.write(db.session.scalars(select(func.max(Delivery.id))).one()).get_body(("plain",))
    assert body is not None
    text: str = body.get_content()
    return text.replace("\u00a0", " ")


def read() -> str:
    """Return the six digits of the last mail."""
    (code,) = re.findall(r"^(\d{6})\s*$", text_of_the_last_mail(), re.MULTILINE)
    return str(code)


def a_code(email: str = CLAIRE, browser: str = HERE) -> str:
    request(email, browser)
    return read()


def wrong(code: str) -> str:
    return "000000" if code != "000000" else "000001"


def test_the_code_of_the_mail_opens_the_account_once(claire: Customer) -> None:
    request("CLAIRE@example.org", HERE)
    assert the_mails() == [("sign_in_code", CLAIRE)]
    code = read()
    admitted = enter(CLAIRE, code, HERE)
    assert (admitted.customer, admitted.confirmation) == (claire, "")
    assert sessions.load(sessions.open(admitted.customer, "here")) is claire
    assert the_acts() == ["session.code_asked", "session.code_accepted", "session.opened"]
    with pytest.raises(AlreadyUsed):
        enter(CLAIRE, code, HERE)


def test_the_mail_says_how_long_and_bears_no_link(claire: Customer, frozen_clock: Traveller) -> None:
    request(CLAIRE, HERE)
    message = letters.write(db.session.scalars(select(Delivery.id)).one())
    code = read()
    assert message["Subject"].startswith("Votre code de connexion – ")
    assert code not in message["Subject"]
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        assert body is not None
        content = body.get_content()
        assert code in content
        assert not re.findall(r"https?://|/connexion", content)
    said = " ".join(text_of_the_last_mail().split())
    assert "Il est valable 10 minutes, jusqu'au " in said
    assert "Ne le donnez à personne" in said
    assert "Vous n'avez rien demandé ?" in said
    assert text_of_the_last_mail() == text_of_the_last_mail()  # A second try is the same mail.


def test_another_browser_and_another_address_have_nothing_of_it(claire: Customer) -> None:
    a_customer(email=NOBODY)
    code = a_code()
    request(NOBODY, HERE)
    for email, browser in ((CLAIRE, ELSEWHERE), (NOBODY, HERE), (CLAIRE, "")):
        with pytest.raises(Refused) as refused:
            enter(email, code, browser)
        assert not isinstance(refused.value, AlreadyUsed)
    assert enter(CLAIRE, code, HERE).customer is claire


def test_an_address_without_an_account_gets_no_mail_and_no_code_of_it_opens_anything(app: Flask) -> None:
    request(NOBODY, HERE)
    request("no address at all", HERE)
    assert the_mails() == []
    asked = db.session.scalars(select(SignInCode)).all()
    assert [(each.customer_id, each.delivery_id) for each in asked] == [(None, None)] * 2
    code = code_sign_in._code(asked[0])
    a_customer(email=NOBODY)  # Nor once there is one.
    with pytest.raises(Refused):
        enter(NOBODY, code, HERE)


def test_five_wrong_codes_make_the_right_one_worthless(claire: Customer) -> None:
    code = a_code()
    for _try in range(5):
        with pytest.raises(Refused):
            enter(CLAIRE, wrong(code), HERE)
    with pytest.raises(Refused):
        enter(CLAIRE, code, HERE)
    another = a_code()
    assert enter(CLAIRE, another, HERE).customer is claire


def test_wrong_codes_for_one_address_cost_another_ones_code_no_try(claire: Customer) -> None:
    code = a_code()
    request(NOBODY, HERE)
    for _try in range(5):
        with pytest.raises(Refused):
            enter(NOBODY, wrong(code), HERE)
    assert enter(CLAIRE, code, HERE).customer is claire


def test_a_code_ends_after_ten_minutes(claire: Customer, frozen_clock: Traveller) -> None:
    code = a_code()
    frozen_clock.shift(timedelta(minutes=10) - timedelta(seconds=1))
    read()
    frozen_clock.shift(1)
    assert "n'est plus valable" in text_of_the_last_mail()
    with pytest.raises(Refused):
        enter(CLAIRE, code, HERE)


def test_of_two_codes_for_one_browser_either_is_good_and_both_are_used_then(claire: Customer) -> None:
    first, second = a_code(), a_code()
    assert enter(CLAIRE, first, HERE).customer is claire
    with pytest.raises(AlreadyUsed):
        enter(CLAIRE, second, HERE)
    assert "n'est plus valable" in text_of_the_last_mail()


def test_a_mailbox_gets_five_codes_an_hour_and_ten_a_day_and_nobody_is_told(
    claire: Customer, frozen_clock: Traveller
) -> None:
    for mails in (5, 10, 10):
        for _ask in range(6):
            request(CLAIRE, HERE)
        assert len(the_mails()) == mails
        frozen_clock.shift(timedelta(hours=1))
    request(CLAIRE, ELSEWHERE)
    last = db.session.scalars(select(SignInCode).order_by(SignInCode.id.desc())).first()
    assert last is not None
    with pytest.raises(Refused):
        enter(CLAIRE, code_sign_in._code(last), ELSEWHERE)  # What was not mailed is not good either.


def test_a_network_asks_thirty_times_a_quarter(app: Flask, frozen_clock: Traveller) -> None:
    for place in range(30):
        request(f"p{place}@example.org", HERE, visitor="192.0.2.1")
    with pytest.raises(TooMany):
        request(CLAIRE, HERE, visitor="192.0.2.1")
    request(CLAIRE, HERE, visitor="192.0.2.2")


@pytest.mark.parametrize("email", [CLAIRE, NOBODY])
def test_ten_tries_a_quarter_whether_there_is_an_account_or_not(
    claire: Customer, frozen_clock: Traveller, email: str
) -> None:
    for place in range(10):
        with pytest.raises(Refused):
            enter(email, "000000", f"{HERE} {place}", visitor=f"192.0.2.{place}")
    with pytest.raises(TooMany):
        enter(email, "000000", HERE, visitor="198.51.100.1")
    assert accounts.authenticate(CLAIRE, PASSWORD) is claire  # The other way in is not held up.
    frozen_clock.shift(timedelta(minutes=15))
    assert enter(CLAIRE, a_code(), HERE).customer is claire


def test_right_codes_are_not_counted(claire: Customer, frozen_clock: Traveller) -> None:
    for _time in range(4):
        enter(CLAIRE, a_code(), HERE)
    assert limits.counted(limits.SIGN_IN_CODE_BY_EMAIL) == 0


def reset(claire: Customer) -> None:
    accounts.reset_password(tokens.fresh(claire, "password_reset")[0], OTHER_PHRASE)


def change(claire: Customer) -> None:
    accounts.change_password(claire, PASSWORD, OTHER_PHRASE)


def move(claire: Customer) -> None:
    email_change.confirm_by_link(claire, tokens.fresh(claire, "email_change", NEW)[0])


def move_and_come_back(claire: Customer) -> None:
    move(claire)
    email_change.confirm_by_link(claire, tokens.fresh(claire, "email_change", CLAIRE)[0])


def sign_out_by_operator(claire: Customer) -> None:
    sessions.end_by_operator(claire)


def sign_everybody_out(_claire: Customer) -> None:
    sessions.end_by_operator(None)


def take_over(claire: Customer) -> None:
    with transaction():
        ownership.hold(claire.id)
        ownership.begin_anew(claire, passwords.hash(OTHER_PHRASE))


@pytest.mark.parametrize(
    "act", [reset, change, move, move_and_come_back, sign_out_by_operator, sign_everybody_out, take_over]
)
def test_whatever_ends_the_sessions_uses_open_codes_up(claire: Customer, act: Callable[[Customer], None]) -> None:
    a_customer(email=NOBODY)
    code, others = a_code(), a_code(NOBODY)
    act(claire)
    with pytest.raises(Refused):
        enter(CLAIRE, code, HERE)
    if act is not sign_everybody_out:
        assert enter(NOBODY, others, HERE)


@pytest.mark.parametrize("act", [reset, move])
def test_who_gave_a_code_before_gets_no_session_and_no_second_step_after(
    app: Flask, claire: Customer, act: Callable[[Customer], None]
) -> None:
    admitted = enter(CLAIRE, a_code(), HERE).customer
    with app.app_context():
        act(db.session.get_one(Customer, claire.id))
    with pytest.raises(sessions.PasswordChanged):
        sessions.open(admitted, "thief")
    assert sessions.of(claire) == []
    db.session.rollback()
    claire.admin_role = "managing"
    a_second_factor(claire)
    with app.test_request_context():
        signed_in.admit(admitted, None)
        assert signed_in.at_second_step() is None


def test_an_admin_is_asked_for_the_second_factor_too(app: Flask, claire: Customer) -> None:
    claire.admin_role = "managing"
    a_second_factor(claire)
    with app.test_request_context():
        led = signed_in.admit(enter(CLAIRE, a_code(), HERE).customer, "/admin/")
        assert led.startswith("/connexion/code?")
        assert signed_in.at_second_step() is claire
    assert sessions.of(claire) == []


def an_unconfirmed_account(opening: str = "") -> tuple[Customer, Order]:
    account = a_customer(email=CLAIRE, confirmed=False, billing=billing_details())
    account.opening_hash = tokens.digest(opening) if opening else None
    db.session.commit()
    return account, an_order(email=CLAIRE)


def test_where_the_account_was_opened_a_code_confirms_it_and_keeps_what_was_typed(app: Flask) -> None:
    account, order = an_unconfirmed_account("the opening")
    admitted = enter(CLAIRE, a_code(), HERE, opening="the opening")
    assert (admitted.customer, admitted.confirmation) == (account, "")
    assert account.is_confirmed
    assert account.billing is not None
    assert db.session.get_one(Order, order.id).customer_id == account.id
    assert sessions.load(sessions.open(admitted.customer, "here")) is account


@pytest.mark.parametrize("opening", ["", "another opening"])
def test_elsewhere_a_code_leads_to_a_new_password_and_confirms_nothing(app: Flask, opening: str) -> None:
    account, order = an_unconfirmed_account("the opening")
    admitted = enter(CLAIRE, a_code(), HERE, opening=opening)
    confirmed = [account.is_confirmed]
    assert db.session.get_one(Order, order.id).customer_id is None
    assert not accounts.was_opened_here(admitted.confirmation, present=None, opening=opening)
    accounts.confirm_by_link(admitted.confirmation, OTHER_PHRASE)
    assert [*confirmed, account.is_confirmed] == [False, True]
    assert account.billing is None  # Somebody else may have typed it.
    assert accounts.authenticate(CLAIRE, PASSWORD) is None


def test_an_account_taken_over_between_code_and_confirmation_stays_as_its_owner_left_it(app: Flask) -> None:
    account, _order = an_unconfirmed_account("the opening")
    code, held = a_code(), ownership.hold

    def later(customer_id: int) -> object:
        found = held(customer_id)
        account.password_hash = passwords.hash(OTHER_PHRASE)
        db.session.flush()
        return found

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ownership, "hold", later)
        with pytest.raises(sessions.PasswordChanged):
            enter(CLAIRE, code, HERE, opening="the opening")
    assert not db.session.get_one(Customer, account.id).is_confirmed


def test_what_is_asked_and_refused_is_in_the_audit(claire: Customer) -> None:
    request(CLAIRE, HERE)
    request(NOBODY, HERE)
    for email in (CLAIRE, NOBODY, CLAIRE):
        with pytest.raises(Refused):
            enter(email, "x", HERE)
    rows = db.session.execute(select(AuditEntry.action, AuditEntry.customer_id).order_by(AuditEntry.id)).all()
    assert [tuple(row) for row in rows] == [
        ("session.code_asked", claire.id),
        ("session.code_asked", None),
        ("session.code_refused", claire.id),  # The first in an hour.
    ]


def test_neither_code_nor_browser_nor_address_can_be_read_in_the_database(claire: Customer) -> None:
    code = a_code()
    row = db.session.execute(select(SignInCode.__table__)).one()
    kept = " ".join(str(value) for name, value in row._mapping.items() if not name.endswith("_at"))
    assert code not in kept
    assert HERE not in kept
    assert CLAIRE not in kept
    assert tokens.digest(HERE) not in kept


def test_nothing_of_it_outlives_the_account(claire: Customer) -> None:
    code = a_code()
    erasure.erase(claire, PASSWORD)
    assert db.session.scalars(select(SignInCode)).all() == []
    with pytest.raises(Refused):
        enter(CLAIRE, code, HERE)


def test_what_was_asked_is_forgotten_after_seven_days(claire: Customer, frozen_clock: Traveller) -> None:
    request(CLAIRE, HERE)
    request(NOBODY, HERE)
    frozen_clock.shift(timedelta(days=7))
    sweep.sweep()
    assert len(db.session.scalars(select(SignInCode)).all()) == 2
    frozen_clock.shift(1)
    sweep.sweep()
    assert db.session.scalars(select(SignInCode)).all() == []


def test_codes_differ_from_ask_to_ask(claire: Customer, frozen_clock: Traveller) -> None:
    codes = [a_code(browser=HERE) for _ask in range(5)]
    assert len(set(codes)) > 1


def test_two_presses_send_one_mail_whose_code_is_good(claire: Customer) -> None:
    twice(lambda: request(CLAIRE, HERE))
    assert the_mails() == [("sign_in_code", CLAIRE)]
    assert enter(CLAIRE, read(), HERE).customer is claire


def test_an_ask_of_another_browser_meanwhile_does_not_swallow_ones_own(claire: Customer) -> None:
    with just_before(lambda: request(CLAIRE, ELSEWHERE)):
        request(CLAIRE, HERE)
    assert len(the_mails()) == 2
    assert enter(CLAIRE, read(), HERE).customer is claire


def test_of_two_presses_of_the_right_code_one_comes_in_and_the_other_is_told_nothing_is_wrong(
    claire: Customer,
) -> None:
    code, done = a_code(), list[Customer]()
    limits.hit(limits.SIGN_IN_CODE_BY_EMAIL, CLAIRE)
    with pytest.raises(AlreadyUsed), just_before(lambda: done.append(enter(CLAIRE, code, HERE).customer)):
        enter(CLAIRE, code, HERE)
    assert len(done) == 1
    assert the_acts().count("session.code_accepted") == 1
    assert "session.code_refused" not in the_acts()
