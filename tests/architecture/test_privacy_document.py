"""`docs/privacy.md` says of every table what of people is in it, and how long; figures are those of the code."""

import re
from collections import defaultdict
from datetime import timedelta

import pytest
from flask import Flask

import models  # noqa: F401  The tables are known once it is imported.
from extensions import Base
from services import data_exports, erasure, sweep
from tests.architecture.test_imports import ROOT

TEXT = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")


def rows() -> dict[str, str]:
    """Return how long each table's rows are kept, as it is said."""
    chapter = TEXT.partition("\n## How long\n")[2].partition("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in chapter.splitlines() if line.startswith("| `")]
    return {table: long for names, _what, long in cells for table in re.findall(r"`(\w+)`", names)}


UNITS = {"minutes": timedelta(minutes=1), "days": timedelta(days=1), "years": timedelta(days=365)}


def spans(text: str) -> set[timedelta]:
    """Return the spans of time that a cell names."""
    return {int(many) * UNITS[unit] for many, unit in re.findall(r"(\d+) (minutes|days|years)", text)}


def test_every_table_has_its_row() -> None:
    assert set(rows()) == set(Base.metadata.tables)


def test_what_the_sweeper_forgets_is_said_with_its_days() -> None:
    kept = defaultdict(set)
    for model, _column, span, _which in sweep.KEPT:
        kept[model.__tablename__].add(span)
    said = rows()
    assert {table: spans(said[table]) for table in kept} == dict(kept)


def test_what_is_erased_by_itself_is_said_with_its_days() -> None:
    said = rows()
    assert spans(said["customers"]) == {erasure.UNUSED_KEPT}
    assert spans(said["orders"]) == {erasure.GUESTS_KEPT}
    assert spans(said["documents"]) == {timedelta(days=3650)}


@pytest.mark.databases("sqlite")
def test_the_page_of_the_customers_says_the_same(app: Flask) -> None:
    page = app.test_client().get("/confidentialite").text.replace("\u00a0", " ").replace("&#39;", "'")
    for figure in (
        f"{erasure.GUESTS_KEPT.days // 365} ans après la dernière commande",
        f"{erasure.UNUSED_KEPT.days} jours",
        f"{data_exports.KEPT.days} jours",
        "Au moins 10 ans",
        f"un appareil, {sweep.SESSIONS_KEPT.days} jours",
        f"{sweep.MESSAGES_KEPT.days} jours ; {erasure.GUESTS_KEPT.days // 365} ans au plus",
        f"{sweep.TOKENS_KEPT.days} jours après leur fin ; les essais, {sweep.TRIES_KEPT.days} jours",
        "Ce qui est facultatif est marqué comme tel",
        "après votre décès",
        f"{sweep.AUDIT_KEPT.days // 365} an ; {sweep.AUDIT_OF_DOCUMENTS_KEPT.days // 365} ans pour",
        "mot de passe (jamais en clair",
        "une empreinte de son adresse",
        "Sans limite de durée",
        "Télécharger mes données",
        "Supprimer mon compte",
        "cnil.fr",
    ):
        assert figure in page, figure
