"""The audit: what a row says of who, what and where from, whatever strangers have written."""

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from extensions import db, transaction
from models import AuditEntry
from services import history
from tests.support.factories import an_order


def recorded(detail: str = "", action: str = "shop.added") -> AuditEntry:
    with transaction():
        history.record(action, detail=detail)
    return db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:12:3456:789a::1", "2001:db8:12::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("fe80::1%eth0", "fe80::/48"),
        ("2001:0db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8:ffff::/48"),
        ("", ""),
        ("nobody", ""),
    ],
)
@pytest.mark.databases("sqlite")
def test_it_is_known_from_where_and_not_who(app: Flask, address: str, network: str) -> None:
    with app.test_request_context(environ_base={"REMOTE_ADDR": address}):
        assert recorded().network == network


@pytest.mark.databases("sqlite")
def test_what_no_request_has_done_comes_from_nowhere(app: Flask) -> None:
    entry = recorded()
    assert (entry.actor, entry.network, entry.http_request_id) == ("system", "", "")


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("FA-1\r\nadmin:1 session.opened", "FA-1 admin:1 session.opened"),
        ("a\nb\rc\tb", "a b c b"),
        ("a\x0bb\x0cc\x85d\u2028e\u2029f", "a b c d e f"),
        ("a\x00b\x1b[31m\x7f", "a b[31m"),
        ("facture\u202egnp.exe\u2066\u2069", "facturegnp.exe"),
        ("ligne 2\u00a0: 5,00 €, عَرَبِيّ, 👩\u200d🎨", "ligne 2\u00a0: 5,00 €, عَرَبِيّ, 👩\u200d🎨"),
        ("\ud800half of a sign", " half of a sign"),
        ("\n" * 600 + "x" * 600, " " + "x" * 499),
    ],
)
def test_a_row_is_one_line_whatever_strangers_have_written(app: Flask, written: str, kept: str) -> None:
    assert recorded(written).detail == kept


@pytest.mark.databases("sqlite")
def test_who_looked_at_what_is_no_line_either(app: Flask) -> None:
    history.viewed(an_order(number="T-9").number, detail="FA\r\n-1")
    assert db.session.scalars(select(AuditEntry.detail)).one() == "FA -1"


def test_what_anybody_can_do_over_and_over_is_written_down_once_an_hour(
    app: Flask, frozen_clock: time_machine.Traveller
) -> None:
    first, second = an_order(number="T-1"), an_order(number="T-2")

    def try_from(address: str) -> list[tuple[str, str]]:
        before = db.session.scalars(select(AuditEntry.id)).all()
        with app.test_request_context(environ_base={"REMOTE_ADDR": address}):
            for number in ("1", "2"):
                history.once_an_hour("look_up.refused", detail=number)
                history.once_an_hour("order.looked_up", order=first, detail=number)
                history.once_an_hour("order.looked_up", order=second, detail=number)
        found = select(AuditEntry.action, AuditEntry.detail).where(AuditEntry.id.not_in(before)).order_by(AuditEntry.id)
        return [(row.action, row.detail) for row in db.session.execute(found)]

    once = [("look_up.refused", "1"), ("order.looked_up", "1"), ("order.looked_up", "1")]
    assert try_from("203.0.113.77") == once
    assert try_from("203.0.113.78") == []
    assert try_from("203.0.112.1") == once
    frozen_clock.shift(timedelta(hours=1))
    assert try_from("203.0.113.77") == once
