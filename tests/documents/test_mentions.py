"""Who reads which legal text."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from documents.mentions import TABLE, reason
from documents.seller import Terms, VatRegime

from .factories import COMPANY, a_line, a_sale, a_seller, a_snapshot

FRANCHISE = VatRegime(date(2020, 1, 1), "franchise")
DEBITS = VatRegime(date(2020, 1, 1), "normal", on_debits=True)


def printed(*lines: Any, **more: Any) -> str:
    return "\n".join(a_snapshot(a_sale(*lines), **more).mentions)


def test_consumers_do_not_read_what_binds_companies() -> None:
    assert printed() == "Nature des opérations\u00a0: livraisons de biens"


def test_companies_read_penalties_recovery_charge_and_early_discount() -> None:
    text = printed(buyer=COMPANY)
    assert "Pénalités de retard\u00a0: trois fois le taux d'intérêt légal (art. L441-10 du Code de commerce)" in text
    assert "40\u00a0€ (art. D441-5 du Code de commerce)" in text
    assert "Escompte pour paiement anticipé\u00a0: néant" in text


def test_the_sellers_own_terms_are_printed() -> None:
    terms = Terms(30, "12 % par an", "2 % sous huit jours")
    text = printed(buyer=COMPANY, seller=a_seller(terms=terms))
    assert "12 % par an" in text
    assert "2 % sous huit jours" in text


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        (("goods", "shipping"), "livraisons de biens"),
        (("service", "fee"), "prestations de services"),
        (("goods", "service"), "livraisons de biens et prestations de services"),
    ],
)
def test_the_nature_of_the_operations(kinds: tuple[str, str], words: str) -> None:
    assert printed(*(a_line(kind=kind) for kind in kinds)) == f"Nature des opérations\u00a0: {words}"


def test_the_option_for_debits_is_printed_where_chosen() -> None:
    option = "Option pour le paiement de la taxe d'après les débits"
    assert option in printed(seller=a_seller(vat_regime=DEBITS))
    assert option not in printed()


def test_a_seller_in_franchise_says_so_once() -> None:
    line = a_line(vat_rate=Decimal(0), vat_category="E", exemption="VATEX-FR-FRANCHISE")
    text = printed(line, seller=a_seller(vat_regime=FRANCHISE))
    assert text.count("TVA non applicable, art. 293 B du CGI") == 1


@pytest.mark.parametrize(
    ("category", "exemption", "words"),
    [
        ("K", None, "Exonération de TVA, art. 262 ter I du CGI"),
        ("AE", None, "Autoliquidation"),
        ("G", None, "Exonération de TVA, art. 262 I du CGI"),
        ("O", None, "Hors du champ de la TVA"),
        ("E", "Exonération, art. 261 du CGI", "Exonération, art. 261 du CGI"),
        ("E", "VATEX-EU-F", "Régime particulier – Biens d'occasion"),
    ],
)
def test_a_rate_of_zero_prints_its_reason(category: str, exemption: str | None, words: str) -> None:
    text = printed(a_line(vat_rate=Decimal(0), vat_category=category, exemption=exemption))
    assert f"TVA 0\u00a0% ({category})\u00a0: {words}" in text


def test_goods_to_an_overseas_department_name_their_own_article() -> None:
    assert reason("G", "", to_overseas=True) == "Exonération de TVA, art. 294, 2 du CGI"


def test_a_trial_document_says_first_that_it_is_worth_nothing() -> None:
    assert a_snapshot(trial=True).mentions[0] == "SPÉCIMEN – document d'essai, sans valeur"


def test_a_text_is_printed_from_its_day_on_only() -> None:
    early = a_snapshot(issue_date=date(2012, 12, 31), buyer=COMPANY)
    assert not any("D441-5" in text for text in early.mentions)
    assert all(row.source for row in TABLE)
