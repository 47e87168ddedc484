"""Whatever the audit may say has its words in French, and nothing has words that is never said."""

import ast
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import CheckConstraint

from extensions import db
from models import Customer, Delivery, InvoiceRequest
from services import history, history_words
from tests.support.settings import ROOT

ROOMS = ("blueprints", "commands", "services", "web")
RECORDING = ("record", "once_an_hour")
# What is passed on by a name: the module, how it is written there, and what it may be.
VARIABLE = {
    ("services/accounts.py", "told"): {"account.opened", "account.opened_again"},
    ("services/amendments.py", "f'review.{amendment.decision}'"): {
        "review.accepted", "review.corrected", "review.ignored",
    },
    ("services/crediting.py", "action"): {"refund.not_credited"},
    ("services/delivery.py", "f'{document.kind}.resent'"): {"credit_note.resent", "invoice.resent"},
    ("services/delivery.py", "action"): {"mail.bounced", "mail.failed", "mail.sent", "mail.unknown"},
    ("services/inbox.py", "action"): {"message.ignored", "message.retried"},
    ("services/intake.py", "f'order.{written.outcome}'"): {"order.new", "order.updated"},
    ("services/issuing.py", "f'{document.kind}.issued'"): {"credit_note.issued", "invoice.issued"},
    ("services/reports.py", "action"): {"order.refund_reported", "order.shipment_reported"},
    ("services/guests.py", "history.LOOKED_UP"): {"order.looked_up"},
    ("services/second_factor.py", "action"): {
        "second_factor.codes_renewed", "second_factor.recovery_code_used", "second_factor.reset_by_operator",
        "second_factor.set_up",
    },
    ("services/shops.py", "f'shop.{state}'"): {"shop.closed", "shop.open"},
    ("services/sweep.py", "REOPENED"): {"request.reopened"},
    ("services/uploads.py", "f'upload.{state}'"): {"upload.confirmed", "upload.failed"},
    ("web/errors.py", "DENIED[status]"): {"role.exceeded", "object.withheld", "tries.exceeded"},
}  # fmt: skip


def recorded() -> Iterator[tuple[str, ast.expr]]:
    """Give the first argument of each call that writes into the audit, with the module where it stands."""
    for path in sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="history"), attr=name), args=[action, *_]):
                    if name in RECORDING:
                        yield str(path.relative_to(ROOT)), action
    yield "services/history.py", ast.Constant(history.VIEWED)


def literal(action: ast.expr) -> str | None:
    return action.value if isinstance(action, ast.Constant) and isinstance(action.value, str) else None


def test_every_action_has_its_words_and_no_words_are_for_nothing() -> None:
    said = {name for _module, action in recorded() if (name := literal(action))}
    passed_on = {(module, ast.unparse(action)) for module, action in recorded() if not literal(action)}
    assert passed_on == set(VARIABLE)
    assert said.union(*VARIABLE.values()) == set(history_words.ACTIONS)


def test_every_action_is_a_deed_done_to_an_object_of_one_group() -> None:
    objects = [each for _words, objects in history_words.GROUPS.values() for each in objects]
    assert sorted({action.partition(".")[0] for action in history_words.ACTIONS}) == sorted(objects)
    assert len(set(objects)) == len(objects)
    assert set(history.LASTING) <= set(objects)
    assert all(len(action) <= 60 for action in history_words.ACTIONS)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("system", "automatique"),
        ("visitor", "visiteur"),
        ("admin:3", "administration n°\u00a03"),
        ("customer:12", "client n°\u00a012"),
        ("shop:laine & co", "boutique «\u00a0laine & co\u00a0»"),
        ("<b>:1", "<b> n°\u00a01"),
    ],
)
@pytest.mark.databases("sqlite")
def test_who_did_it_is_said_in_words(app: Flask, written: str, said: str) -> None:
    assert history_words.actor(written) == said


def test_every_mail_origin_and_role_has_its_words() -> None:
    assert set(history_words.MAILS) == set(Delivery.KINDS)
    assert set(history_words.ROLES) == set(Customer.ROLES)
    held = [
        each.sqltext.text
        for each in db.metadata.tables[InvoiceRequest.__tablename__].constraints
        if isinstance(each, CheckConstraint)
    ]
    assert f"origin IN ({', '.join(map(repr, history_words.ORIGINS))})" in held


@pytest.mark.parametrize(
    ("action", "written", "said"),
    [
        ("admin.role_changed", "managing", "Gestion"),
        ("mail.failed", "second_factor_changed", "Double authentification changée"),
        ("request.opened", "company", "d'office\u00a0: entreprise immatriculée"),
        ("request.cancelled", "Demandée trop tôt.", "Demandée trop tôt."),
        ("invoice.issued", "FA-2026-000001", "FA-2026-000001"),
        ("key.used", "managing", "managing"),
    ],
)
@pytest.mark.databases("sqlite")
def test_a_detail_that_is_one_of_a_few_is_said_in_words(app: Flask, action: str, written: str, said: str) -> None:
    assert history_words.detail(action, written) == said
