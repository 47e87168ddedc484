"""Each case of VAT law, what must hold for it, and what is said where it does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from documents import cases
from documents.seller import Seller, VatRegime
from documents.totals import Line, Sale
from parties.details import Details

from .factories import COMPANY, INDIVIDUAL, a_line, a_sale, a_seller

FRANCHISE = VatRegime(date(2020, 1, 1), "franchise")
GERMAN = Details("company", company_name="Wolle GmbH", vat_number="DE136695976", city="Berlin", country="DE")
NORTHERN_IRISH = Details(
    "company", company_name="Lagan Ltd", vat_number="XI110305878", postal_code="BT1 5GS", city="Belfast", country="GB"
)
AMERICAN = Details("company", company_name="Yarn Inc.", tax_id="12-3456789", city="Portland", country="US")


def without_vat(category: str | None, exemption: str | None = None, **more: Any) -> Line:
    return a_line(vat_rate=Decimal(0), vat_category=category, exemption=exemption, **more)


def at(rate: str, **more: Any) -> Line:
    return a_line(vat_rate=Decimal(rate), **more)


def a_seller_in(postal_code: str, **more: Any) -> Seller:
    seller = a_seller(**more)
    return replace(seller, identity=replace(seller.identity, postal_code=postal_code))


def problem(line: Line, seller: Seller | None = None, **more: Any) -> str:
    return "\n".join(cases.problems(a_sale(line), seller or a_seller(), **more))


@pytest.mark.parametrize(
    ("country", "postal_code", "area"),
    [
        ("", "", ""),
        ("FR", "69001", "mainland"),
        ("FR", "20000", "mainland"),
        ("MC", "98000", "mainland"),
        ("FR", "98000", "mainland"),
        ("FR", "97110", "antilles"),
        ("FR", "972 00", "antilles"),
        ("RE", "97400", "reunion"),
        ("FR", "97300", "guyane"),
        ("FR", "97600", "mayotte"),
        ("FR", "97150", "collectivity"),
        ("FR", "97500", "collectivity"),
        ("FR", "98800", "collectivity"),
        ("NC", "98800", "world"),
        ("DE", "97070", "eu"),
        ("DE", "27498", "world"),
        ("ES", "35001", "world"),
        ("ES", "28001", "eu"),
        ("AX", "22100", "world"),
        ("GB", "BT1 5GS", "northern_ireland"),
        ("GB", "SW1A 1AA", "world"),
        ("US", "97201", "world"),
    ],
)
def test_where_a_place_lies_for_vat(country: str, postal_code: str, area: str) -> None:
    assert cases.area(country, postal_code) == area
    start = cases.start_of_postal_code(country, postal_code)
    assert cases.area(country, start) == area
    assert postal_code.replace(" ", "").startswith(start)


@pytest.mark.parametrize(
    ("country", "postal_code", "start"),
    [("FR", "69001", ""), ("FR", "972 00", "972"), ("ES", "35001", "35"), ("GB", "BT1 5GS", "BT"), ("", "", "")],
)
def test_of_a_postal_code_the_start_tells_where_that_is(country: str, postal_code: str, start: str) -> None:
    assert cases.start_of_postal_code(country, postal_code) == start


@pytest.mark.parametrize(
    ("seller", "country", "postal_code", "overseas"),
    [
        ("69001", "FR", "97400", True),
        ("69001", "FR", "98800", False),
        ("69001", "DE", "97070", False),
        ("69001", "US", "97201", False),
        ("97400", "FR", "69001", True),
        ("97400", "FR", "97110", True),
        ("97400", "US", "97201", False),
    ],
)
def test_what_is_sent_overseas_has_an_article_of_its_own(
    seller: str, country: str, postal_code: str, overseas: bool
) -> None:
    assert cases.is_sent_overseas(a_seller_in(seller), country, postal_code) is overseas


@pytest.mark.parametrize(
    ("line", "seller", "place"),
    [
        (at("20"), a_seller(), ("FR", "69001")),
        (at("20"), a_seller(), ("", "")),
        (at("20"), a_seller(), ("MC", "98000")),
        (at("13"), a_seller(), ("FR", "20000")),
        (at("0.9"), a_seller(), ("FR", "20200")),
        (at("20"), a_seller(), ("DE", "10115")),
        (at("5.5"), a_seller(), ("IE", "D02 AF30")),
        (at("8.5"), a_seller_in("97400"), ("FR", "97400")),
        (at("2.1"), a_seller_in("97200"), ("FR", "97110")),
        (without_vat("K"), a_seller(), ("DE", "10115")),
        (without_vat("K", kind="shipping"), a_seller(), ("DE", "10115")),
        (without_vat("K"), a_seller(), ("GB", "BT1 5GS")),
        (without_vat("K"), a_seller(), ("", "")),
        (without_vat("AE", kind="service"), a_seller(), ("DE", "10115")),
        (without_vat("G"), a_seller(), ("US", "97201")),
        (without_vat("G"), a_seller(), ("FR", "97400")),
        (without_vat("G"), a_seller(), ("FR", "98800")),
        (without_vat("G"), a_seller(), ("ES", "35001")),
        (without_vat("G"), a_seller_in("97400"), ("FR", "69001")),
        (without_vat("O", kind="voucher"), a_seller(), ("FR", "69001")),
        (at("20", kind="voucher"), a_seller(), ("FR", "69001")),
        (without_vat("E", "Exonération, art. 261 du CGI"), a_seller(), ("FR", "69001")),
        (without_vat("E", "VATEX-EU-F"), a_seller(), ("FR", "69001")),
        (without_vat("E", "VATEX-EU-132-1I", kind="service"), a_seller(), ("FR", "69001")),
        (without_vat(None), a_seller(vat_regime=FRANCHISE), ("FR", "69001")),
        (without_vat("E"), a_seller(vat_regime=FRANCHISE), ("FR", "69001")),
        (without_vat(None, price="0.00"), a_seller(), ("FR", "69001")),
    ],
)
def test_sales_that_may_be_issued(line: Line, seller: Seller, place: tuple[str, str]) -> None:
    assert cases.problems(a_sale(line), seller, country=place[0], postal_code=place[1]) == ()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (without_vat(None), "un taux de 0 sans le code qui l'explique"),
        (without_vat("E"), "sans l'article qui l'accorde"),
        (without_vat("E", "VATEX-FR-FRANCHISE"), "le vendeur est au régime normal"),
        (without_vat("E", "VATEX-EU-J", kind="service"), "réservé aux biens (CGI art. 297 A)"),
        (without_vat("E", "VATEX-XX-1"), "le code VATEX-XX-1 n'est pas connu"),
        (without_vat("K", kind="service"), "réservée aux livraisons de biens (CGI art. 262 ter, I)"),
        (without_vat("AE"), "réservée aux prestations de services (CGI art. 283, 2)"),
        (without_vat("G", kind="service"), "réservée aux biens exportés"),
        (without_vat("O"), "réservée aux cartes cadeaux (CGI art. 256 ter)"),
        (at("21"), "n'est pas français (vente OSS"),
    ],
)
def test_a_reason_that_does_not_fit_what_is_sold_waits(line: Line, words: str) -> None:
    assert problem(line).startswith("Ligne 1\u00a0: ")
    assert words in problem(line)


@pytest.mark.parametrize(
    ("line", "seller", "country", "postal_code", "words"),
    [
        (at("19"), a_seller(), "DE", "10115", "vente OSS (guichet unique"),
        (at("7"), a_seller(), "DE", "10115", "vente OSS (guichet unique"),
        (at("13"), a_seller(), "AT", "1010", "vente OSS (guichet unique"),
        (at("8.5"), a_seller(), "FR", "69001", "départements d'outre-mer (CGI art. 296)"),
        (at("20"), a_seller_in("97400"), "FR", "97400", "outre-mer du vendeur (CGI art. 296)"),
        (at("8.5"), a_seller_in("97300"), "FR", "97300", "Guyane ni à Mayotte (CGI art. 294, 1)"),
        (without_vat("K"), a_seller(), "FR", "69001", "ne va pas de France à un autre État"),
        (without_vat("K"), a_seller(), "MC", "98000", "ne va pas de France à un autre État"),
        (without_vat("K"), a_seller(), "GB", "SW1A 1AA", "ne va pas de France à un autre État"),
        (without_vat("K"), a_seller_in("97400"), "DE", "10115", "ne va pas de France à un autre État"),
        (without_vat("G"), a_seller(), "DE", "10115", "ni exporté ni envoyé outre-mer"),
        (without_vat("G"), a_seller(), "FR", "69001", "ni exporté ni envoyé outre-mer"),
        (without_vat("G"), a_seller(), "MC", "98000", "ni exporté ni envoyé outre-mer"),
        (without_vat("G"), a_seller_in("97200"), "FR", "97110", "ni exporté ni envoyé outre-mer"),
    ],
)
def test_a_place_that_does_not_fit_waits(
    line: Line, seller: Seller, country: str, postal_code: str, words: str
) -> None:
    assert words in problem(line, seller, country=country, postal_code=postal_code)


@pytest.mark.parametrize(
    ("line", "words"), [(at("20"), "art. 293 B et 293 E"), (without_vat("K"), "fermée au vendeur en franchise")]
)
def test_a_seller_in_franchise_charges_no_vat_and_delivers_none_to_other_states(line: Line, words: str) -> None:
    assert words in problem(line, a_seller(vat_regime=FRANCHISE), country="DE", postal_code="10115")


@pytest.mark.parametrize("line", [at("20"), without_vat("K"), without_vat("G"), without_vat("AE", kind="service")])
def test_a_seller_without_a_vat_number_sells_with_none_of_the_cases_that_want_it(line: Line) -> None:
    seller = a_seller()
    seller = replace(seller, identity=replace(seller.identity, vat_number=""))
    assert "Le numéro de TVA du vendeur manque" in problem(line, seller)
    assert problem(without_vat("E", "Exonération, art. 261 du CGI"), seller) == ""


def test_another_currency_needs_its_exchange_rate() -> None:
    assert "taux de change" in problem(at("20"), currency="GBP")
    assert problem(at("20"), currency="GBP", exchange_rate=Decimal("1.17")) == ""


def test_lines_with_the_same_problem_are_named_together() -> None:
    sale = a_sale(at("21"), at("20"), at("21"), without_vat("O"), at("21"))
    assert [text.split("\u00a0")[0] for text in cases.problems(sale, a_seller())] == ["Lignes 1, 3 et 5", "Ligne 4"]


def test_a_seller_in_franchise_has_one_reason_for_all_lines_that_name_none() -> None:
    card, own = without_vat("O", kind="voucher"), without_vat("E", "Exonération, art. 261 du CGI")
    sale: Sale = a_sale(without_vat(None), card, own, at("20"))
    lines = cases.effective(sale, a_seller(vat_regime=FRANCHISE)).lines
    assert lines == (without_vat("E", "VATEX-FR-FRANCHISE"), card, own, at("20"))
    assert cases.effective(sale, a_seller()) == sale


EXEMPT = "Exonération, art. 261 du CGI"


@pytest.mark.parametrize(
    ("sold", "country"),
    [
        (without_vat("K"), "DE"),
        (without_vat("G"), "US"),
        (without_vat("AE", kind="service"), "DE"),
        (without_vat("E", EXEMPT, kind="service"), "FR"),
        (without_vat("E", "VATEX-EU-F"), "FR"),
    ],
)
def test_shipping_and_fees_without_vat_follow_the_one_reason_of_what_was_sold(sold: Line, country: str) -> None:
    free, taxed = at("20", price="0.00"), at("20", kind="shipping")  # What was given away has no say.
    parcel, wrapping = without_vat(None, kind="shipping"), without_vat(sold.vat_category, kind="fee")
    sale = a_sale(sold, sold, free, parcel, wrapping, taxed)
    lines = cases.effective(sale, a_seller()).lines
    assert [(one.vat_category, one.exemption) for one in lines[3:5]] == [(sold.vat_category, sold.exemption)] * 2
    assert (*lines[:3], lines[5]) == (sold, sold, free, taxed)
    assert cases.problems(sale, a_seller(), country=country) == ()


@pytest.mark.parametrize(
    "sold",
    [
        (at("20"),),
        (at("20"), without_vat("K")),
        (without_vat("K"), without_vat("E", EXEMPT)),
        (without_vat("E", EXEMPT), without_vat("E", "Exonération, art. 262 du CGI")),
        (without_vat("O", kind="voucher"),),
        (without_vat(None),),
        (),
    ],
)
def test_shipping_without_vat_waits_where_what_was_sold_has_not_one_reason(sold: tuple[Line, ...]) -> None:
    sale = a_sale(*sold, without_vat(None, kind="shipping"))
    assert cases.effective(sale, a_seller()) == sale
    assert "un taux de 0 sans le code qui l'explique" in "\n".join(cases.problems(sale, a_seller()))


def test_shipping_that_says_why_itself_follows_nothing() -> None:
    sale = a_sale(without_vat("E", EXEMPT), without_vat("G", kind="shipping"), without_vat("E", "Autre", kind="fee"))
    assert cases.effective(sale, a_seller()) == sale


def test_a_gift_card_taken_off_the_price_waits_as_the_payment_that_it_is() -> None:
    used = without_vat("O", price="-10.00", kind="voucher")
    assert "utilisée, elle est un paiement (CGI art. 256 ter)" in problem(used)


@pytest.mark.parametrize(
    ("line", "buyer", "place"),
    [
        (at("20"), INDIVIDUAL, ("", "")),
        (without_vat("K"), GERMAN, ("", "")),
        (without_vat("K"), NORTHERN_IRISH, ("", "")),
        (without_vat("K"), GERMAN, ("AT", "1010")),
        (without_vat("AE", kind="service"), GERMAN, ("", "")),
        (without_vat("AE", "Autoliquidation, art. 283, 2 nonies du CGI", kind="service"), COMPANY, ("", "")),
        (without_vat("G"), AMERICAN, ("", "")),
        (without_vat("G"), INDIVIDUAL, ("RE", "97400")),
        (without_vat("O", kind="voucher"), INDIVIDUAL, ("", "")),
    ],
)
def test_buyers_whose_details_are_enough(line: Line, buyer: Details, place: tuple[str, str]) -> None:
    found = cases.buyer_problems(a_sale(line), a_seller(), buyer, country=place[0], postal_code=place[1])
    assert found == {}


@pytest.mark.parametrize(
    ("line", "buyer", "place", "field"),
    [
        (without_vat("K"), INDIVIDUAL, ("DE", "10115"), "kind"),
        (without_vat("AE", kind="service"), INDIVIDUAL, ("", ""), "kind"),
        (without_vat("K"), replace(GERMAN, vat_number=""), ("", ""), "vat_number"),
        (without_vat("K"), COMPANY, ("DE", "10115"), "vat_number"),
        (without_vat("AE", kind="service"), COMPANY, ("", ""), "vat_number"),
        (without_vat("AE", kind="service"), NORTHERN_IRISH, ("", ""), "vat_number"),
        (without_vat("K"), replace(NORTHERN_IRISH, vat_number="GB110305878"), ("", ""), "vat_number"),
        (without_vat("K"), AMERICAN, ("DE", "10115"), "country"),
        (without_vat("K"), replace(GERMAN, country="US"), ("", ""), "country"),
        (without_vat("G"), INDIVIDUAL, ("", ""), "country"),
        (without_vat("G"), GERMAN, ("", ""), "country"),
    ],
)
def test_what_a_buyers_details_lack_is_said_at_the_field(
    line: Line, buyer: Details, place: tuple[str, str], field: str
) -> None:
    found = cases.buyer_problems(a_sale(line), a_seller(), buyer, country=place[0], postal_code=place[1])
    assert list(found) == [field]
    assert found[field].startswith("Cette commande a été vendue sans TVA")
