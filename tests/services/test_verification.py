"""Whatever is altered behind the application's back is found and named."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from time_machine import Traveller

import config
from documents import renderer
from extensions import db
from models import Document, Invoice
from services import files, ledger, verification
from tests.support.factories import a_line, company_details, shipping
from tests.support.ledger import a_credit_note, a_replacement, an_invoice, tamper

FIRST, SECOND, REPLACEMENT, CREDIT = "FA-2026-000001", "FA-2026-000002", "FA-2026-000003", "AV-2026-000001"


@pytest.fixture(autouse=True)
def _stopped(frozen_clock: Traveller) -> None:
    """Numbers carry the year of the stopped clock."""


@pytest.fixture
def issued(app: Flask) -> None:
    """Issue an invoice of two rates with two credit notes, and one that was credited and replaced."""
    books = a_line(description="Livre", vat_rate=Decimal("5.50"))
    first = an_invoice(lines=[a_line(), books, shipping()])
    a_credit_note(first, "10.05")
    second = an_invoice()
    a_credit_note(second, settlement="set_off")
    a_replacement(second, company_details())
    a_credit_note(first, "3.00")


def found(*, render: bool = False) -> list[tuple[str, str, str]]:
    return [
        (each.severity, each.about, each.text)
        for checked in verification.verify(render=render)
        for each in checked.findings
    ]


def deviations(about: str) -> list[str]:
    return [text for severity, name, text in found() if severity == "deviation" and name == about]


def rewrite(number: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change what a document says and its digest: only the chain and the amounts can tell."""
    content = json.loads(db.session.scalars(select(Document.snapshot).where(Document.number == number)).one())
    change(content)
    written = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    tamper(
        "UPDATE documents SET snapshot = :content, snapshot_sha256 = :digest WHERE number = :number",
        content=written,
        digest=hashlib.sha256(written.encode()).hexdigest(),
        number=number,
    )


def drawn(number: str = FIRST) -> Path:
    """Draw a document and return its file."""
    files.ensure(db.session.scalars(select(Document.id).where(Document.number == number)).one())
    document = db.session.scalars(select(Document).where(Document.number == number)).one()
    assert document.file is not None
    return config.current().documents_dir / document.file.name


def test_what_was_issued_and_left_alone_is_found_as_it_was(issued: None) -> None:
    for document in db.session.scalars(select(Document.id)).all():
        files.ensure(document)
    assert found(render=True) == []
    assert verification.count() == 6


def test_the_documents_come_in_the_order_of_their_series_in_small_batches(
    issued: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "AT_A_TIME", 2)
    batches = [[document.number for document in batch] for batch in ledger.documents()]
    assert batches == [
        ["AV-2026-000001", "AV-2026-000002"],
        ["AV-2026-000003", "FA-2026-000001"],
        ["FA-2026-000002", "FA-2026-000003"],
    ]
    assert found() == []
    assert [checked.number for checked in verification.verify() if checked.number] == list(chain(*batches))


def test_an_empty_installation_has_nothing_to_find(app: Flask) -> None:
    assert found() == []


BY_SQL = {
    "a document taken out": ("DELETE FROM documents WHERE number = 'AV-2026-000002'", "AV-2026-000003", "a un trou"),
    "the first taken out": ("DELETE FROM documents WHERE number = 'AV-2026-000001'", "AV-2026-000002", "a un trou"),
    "the last taken out": ("DELETE FROM documents WHERE number = 'AV-2026-000003'", "AV-2026", "dernier document à 2"),
    "a whole series taken out": ("DELETE FROM documents WHERE kind <> 'invoice'", "AV-2026", "dernier document à 0"),
    "the counter set back": ("UPDATE number_series SET last_number = 2", REPLACEMENT, "le compteur de sa série"),
    "the counter set forward": ("UPDATE number_series SET last_number = 9", "FA-2026", "compteur est à 9"),
    "the counter taken out": ("DELETE FROM number_series WHERE name = 'FA-2026'", SECOND, "le compteur de sa série"),
    "the trigger's work undone": ("UPDATE documents SET issue_date = '2026-11-22'", SECOND, "la colonne issue_date"),
    "what it credits": (
        "UPDATE documents SET credits_id = (SELECT max(replaces_id) FROM documents) WHERE number = 'AV-2026-000001'",
        CREDIT, "le document corrigé",
    ),
    "what it replaces": (
        "UPDATE documents SET replaces_id = NULL, trial = true WHERE replaces_id IS NOT NULL", REPLACEMENT, "corrigé",
    ),
}  # fmt: skip
OF_THE_FIRST = {
    "number": ("number = 'FA-2026-000009'", "FA-2026-000009", "place dans la série"),
    "later date": ("issue_date = '2026-11-24'", SECOND, "précède celle de FA-2026-000001"),
    "date": ("issue_date = '2026-11-24'", FIRST, "la colonne issue_date dit 2026-11-24, le contenu 2026-11-23"),
    "link": ("previous_sha256 = 'x'", FIRST, "la chaîne est rompue"),
    "digest": ("snapshot_sha256 = 'x'", FIRST, "l'empreinte"),
    "digest, seen from the next": ("snapshot_sha256 = 'x'", SECOND, "la chaîne est rompue"),
    "content": ("snapshot = snapshot || ' '", FIRST, "l'empreinte"),
    "no content": ("snapshot = '{}'", FIRST, "illisible"),
    "net": ("net = net + 1", FIRST, "la colonne net"),
    "vat": ("vat = vat + 1", FIRST, "la colonne vat"),
    "gross": ("gross = gross + 1", FIRST, "la colonne gross"),
    "currency": ("currency = 'USD'", FIRST, "la colonne currency dit USD, le contenu EUR"),
    "kind": ("kind = 'credit_note', credits_id = id", FIRST, "la colonne kind"),
    "trial": ("trial = true", FIRST, "la colonne trial"),
    "order": ("order_id = (SELECT max(id) FROM orders), trial = true", FIRST, "la colonne order"),
}
BY_SQL |= {
    name: (f"UPDATE documents SET {change} WHERE number = 'FA-2026-000001'", about, expected)  # noqa: S608
    for name, (change, about, expected) in OF_THE_FIRST.items()
}


@pytest.mark.parametrize("case", BY_SQL)
def test_what_sql_alters_is_named(issued: None, case: str) -> None:
    statement, about, expected = BY_SQL[case]
    tamper(statement)
    assert expected in " / ".join(deviations(about))


def amounts(content: dict[str, Any], **changes: str) -> None:
    content["totals"] |= changes


BY_CONTENT: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "the total of a line": (lambda said: said["totals"]["lines"][0].update(net="1.00"), "BT-131\u00a0: la ligne 1"),
    "a line less": (lambda said: said["totals"]["lines"].pop(), "pas en même nombre"),
    "a rate's amount": (lambda said: said["totals"]["rates"][0].update(vat="1.00"), "BR-CO-14\u00a0: le total TVA"),
    "a rate": (lambda said: said["totals"]["rates"][0].update(rate="10.00"), "BR-S-08\u00a0: le taux de 10\u00a0%"),
    "a total": (lambda said: amounts(said, net="1.00"), "HT et TVA ne font pas le TTC"),
    "what was charged": (lambda said: said["sale"].update(total="1.00"), "ce qui a été facturé"),
    "what was paid": (lambda said: said["payment"].update(paid="1.00"), "payé et reste à payer"),
    "a word": (lambda said: said["payment"].update(paid="un"), "illisible"),
}


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("case", BY_CONTENT)
def test_amounts_that_do_not_hold_together_are_named(issued: None, case: str) -> None:
    change, expected = BY_CONTENT[case]
    rewrite(FIRST, change)
    assert expected in " / ".join(deviations(FIRST))
    assert any("la chaîne est rompue" in text for text in deviations(SECOND))


def test_credit_notes_beyond_their_invoice_are_named(issued: None) -> None:
    other = "(SELECT id FROM documents WHERE number = 'FA-2026-000001')"
    tamper(f"UPDATE documents SET credits_id = {other} WHERE number = 'AV-2026-000002'")  # noqa: S608
    assert "les avoirs dépassent la facture au taux de 20.00 %" in " / ".join(deviations(FIRST))


def test_a_credit_note_with_a_rate_of_its_own_is_named(issued: None) -> None:
    rewrite(CREDIT, lambda said: said["totals"]["rates"][0].update(rate="10.00"))
    assert "un avoir porte un taux que la facture n'a pas" in deviations(FIRST)


def test_triggers_that_are_away_are_named(app: Flask) -> None:
    on = "" if db.engine.dialect.name == "sqlite" else " ON documents"
    with db.engine.begin() as connection:
        connection.execute(text(f"DROP TRIGGER documents_no_delete{on}"))
    assert found() == [
        ("deviation", "base de données", "le déclencheur documents_no_delete ne protège plus les documents")
    ]


@pytest.mark.databases("sqlite")
def test_a_file_that_is_altered_or_gone_is_named(issued: None) -> None:
    path = drawn()
    assert found() == []
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert deviations(FIRST) == [f"le fichier {path.name} a été modifié"]
    path.unlink()
    assert deviations(FIRST) == [f"le fichier {path.name} est illisible (FileNotFoundError)"]


@pytest.mark.databases("sqlite")
def test_a_file_row_that_is_altered_is_named(issued: None) -> None:
    path = drawn()
    tamper("UPDATE stored_files SET size = size + 1")
    assert deviations(FIRST) == [f"le fichier {path.name} n'a pas la taille enregistrée"]
    tamper("UPDATE stored_files SET size = size - 1, xml_sha256 = 'x'")
    assert deviations(FIRST) == [f"le XML du fichier {path.name} n'est pas celui qui a été enregistré"]


@pytest.mark.databases("sqlite")
def test_a_file_put_in_anothers_place_with_its_row_is_named(issued: None) -> None:
    drawn(FIRST)
    drawn(SECOND)
    tamper(
        "UPDATE stored_files SET (name, sha256, xml_sha256, size) = "
        "(SELECT other.name || 'x', other.sha256, other.xml_sha256, other.size FROM stored_files AS other "
        "WHERE other.id <> stored_files.id) WHERE id = 1"
    )
    swapped = db.session.execute(text("SELECT name FROM stored_files WHERE id = 1")).scalar_one()
    (config.current().documents_dir / swapped).write_bytes(
        (config.current().documents_dir / swapped.removesuffix("x")).read_bytes()
    )
    assert deviations(FIRST) == [f"le XML du fichier {swapped} n'est pas celui que le contenu donne"]


@pytest.mark.databases("sqlite")
def test_only_the_running_renderer_is_held_to_its_bytes(issued: None, monkeypatch: pytest.MonkeyPatch) -> None:
    path = drawn()
    data = path.read_bytes()
    longer = data + b"\n"  # A PDF still, with the same XML inside.
    path.write_bytes(longer)
    tamper(
        "UPDATE stored_files SET sha256 = :digest, size = :size",
        digest=hashlib.sha256(longer).hexdigest(),
        size=len(longer),
    )
    assert found() == []
    named = ("deviation", FIRST, f"le fichier {path.name} n'est pas celui que le contenu donne")
    assert found(render=True) == [named]
    monkeypatch.setattr(renderer, "fingerprint", lambda: "a later one")
    assert found(render=True) == []


def test_what_is_not_drawn_for_hours_is_a_warning(issued: None, frozen_clock: Traveller) -> None:
    frozen_clock.shift(verification.DRAWN_WITHIN)
    assert found() == []
    frozen_clock.shift(timedelta(seconds=1))
    assert len(found()) == 6
    assert {(severity, text) for severity, _, text in found()} == {
        ("warning", "émis, mais son fichier n'a pas encore été produit")
    }


def test_a_series_that_goes_on_from_elsewhere_begins_where_it_was_told(
    make_app: Callable[..., Flask], frozen_clock: Traveller
) -> None:
    with make_app(FIRST_NUMBER="4711").app_context():
        an_invoice()
        frozen_clock.shift(timedelta(days=60))
        an_invoice()
        assert [row.number for row in db.session.scalars(select(Invoice))] == ["FA-2026-004711", "FA-2027-000001"]
        assert deviations("FA-2026-004711") == []
        assert deviations("FA-2027-000001") == []
    with make_app().app_context():
        assert deviations("FA-2026-004711") == ["le numéro attendu était FA-2026-000001 : la série a un trou"]


def test_specimens_are_looked_at_too(make_app: Callable[..., Flask]) -> None:
    with make_app(ISSUE_MODE="trial").app_context():
        specimen = an_invoice()
        a_credit_note(specimen)
        assert found() == []
        assert verification.count() == 2
        tamper("UPDATE documents SET vat = vat + 1")
        assert [about for _, about, _ in found()] == ["SPECIMEN-2026-000001", "SPECIMEN-AV-2026-000001"]
