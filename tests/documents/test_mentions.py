"""Who reads which legal text."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from documents import mentions
from documents.mentions import REASONS, TABLE, Reason, exemption_text, reason
from documents.seller import Terms, VatRegime

from .factories import COMPANY, INDIVIDUAL, a_line, a_sale, a_seller, a_snapshot

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


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("VATEX-FR-FRANCHISE", "TVA non applicable, art. 293 B du CGI"),
        ("VATEX-EU-I", "Régime particulier – Objets d'art"),
        ("VATEX-EU-309", "Exonération de TVA, directive 2006/112/CE, art. 309"),
        ("VATEX-EU-132-1I", "Exonération de TVA, directive 2006/112/CE, art. 132, 1, i"),
        ("VATEX-EU-79-C", "Exonération de TVA, directive 2006/112/CE, art. 79, c"),
        ("VATEX-FR-CGI261-4", "Exonération de TVA, art. 261, 4 du CGI"),
        ("VATEX-FR-CGI261D-1BIS", "Exonération de TVA, art. 261 D, 1 bis du CGI"),
        ("VATEX-FR-CGI277A", "Exonération de TVA, art. 277 A du CGI"),
        ("VATEX-XX-1", ""),
        ("Exonération, art. 261 du CGI", ""),
        ("K", ""),
    ],
)
def test_a_code_is_printed_as_the_article_that_it_stands_for(code: str, words: str) -> None:
    assert exemption_text(code) == words
    assert reason("E", code) == (words or code)


def test_goods_sent_overseas_print_their_own_article_and_those_to_places_of_like_postal_codes_do_not() -> None:
    line = a_line(vat_rate=Decimal(0), vat_category="G")
    reunion = replace(INDIVIDUAL, postal_code="97400")
    portland = replace(INDIVIDUAL, postal_code="97201", country="US")
    assert "art. 294, 2 du CGI" in printed(line, buyer=reunion)
    assert "art. 262 I du CGI" in printed(line, buyer=portland)


def test_a_gift_card_alone_is_no_delivery_of_goods() -> None:
    text = printed(a_line("Carte cadeau", "50.00", kind="voucher", vat_rate=Decimal(0), vat_category="O"))
    assert "Nature des opérations\u00a0: émission d'un bon à usages multiples" in text
    assert "livraisons de biens" not in text


def test_a_trial_document_says_first_that_it_is_worth_nothing() -> None:
    assert a_snapshot(trial=True).mentions[0] == "SPÉCIMEN – document d'essai, sans valeur"


def test_a_text_is_printed_from_its_day_on_only() -> None:
    early = a_snapshot(issue_date=date(2012, 12, 31), buyer=COMPANY)
    assert not any("D441-5" in text for text in early.mentions)
    assert all(row.source for row in (*TABLE, *REASONS))


@pytest.mark.parametrize(
    ("category", "exemption", "key"), [("K", None, "K"), ("G", None, "G"), ("E", "VATEX-EU-F", "VATEX-EU-F")]
)
def test_a_reason_is_worded_as_it_is_on_the_day_of_issue(
    monkeypatch: pytest.MonkeyPatch, category: str, exemption: str | None, key: str
) -> None:
    later = Reason(key, date(2028, 1, 1), "CIBS", "Exonération de TVA, art. L. 1 du CIBS")
    monkeypatch.setattr(mentions, "REASONS", (later, *REASONS))
    line = a_line(vat_rate=Decimal(0), vat_category=category, exemption=exemption)
    before, since = (printed(line, issue_date=day) for day in (date(2027, 12, 31), date(2028, 1, 1)))
    assert "CIBS" not in before
    assert f"TVA 0\u00a0% ({category})\u00a0: {later.text}" in since
    assert len(since.splitlines()) == len(before.splitlines())
