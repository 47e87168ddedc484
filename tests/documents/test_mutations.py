"""The rules bite: a valid file whose mandatory field is taken away or made wrong fails the official rule of that name.

Without this, a validator that read nothing and one that found nothing would look alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from lxml import etree

from documents import facturx, snapshot
from documents.snapshot import Snapshot
from parties.details import Details
from tests.support.validators import facturx_problems

from .factories import COMPANY, a_line, a_sale, a_snapshot
from .reading import NAMESPACES

DOCUMENT, CONTEXT = "//rsm:ExchangedDocument", "//rsm:ExchangedDocumentContext"
SELLER, BUYER, SHIP_TO = "//ram:SellerTradeParty", "//ram:BuyerTradeParty", "//ram:ShipToTradeParty"
LINE = "//ram:IncludedSupplyChainTradeLineItem[1]"
LINE_TAX = f"{LINE}/ram:SpecifiedLineTradeSettlement/ram:ApplicableTradeTax"
LINE_ALLOWANCE = f"{LINE}//ram:SpecifiedTradeAllowanceCharge"
SETTLEMENT = "//ram:ApplicableHeaderTradeSettlement"
TAX, ALLOWANCE = f"{SETTLEMENT}/ram:ApplicableTradeTax[1]", f"{SETTLEMENT}/ram:SpecifiedTradeAllowanceCharge[1]"
SUMS = f"{SETTLEMENT}/ram:SpecifiedTradeSettlementHeaderMonetarySummation"
DUE = f"{SETTLEMENT}/ram:SpecifiedTradePaymentTerms/ram:DueDateDateTime"
NOTE = f"{DOCUMENT}/ram:IncludedNote[ram:SubjectCode = '{{}}']"
PRICE = f"{LINE}//ram:NetPriceProductTradePrice/ram:ChargeAmount"

GERMAN = Details("company", company_name="Weber GmbH", vat_number="DE136695976", city="Berlin", country="DE")
SWISS = Details("individual", "Zoé", "Blanc", line1="1 rue du Rhône", postal_code="1204", city="Genève", country="CH")

REMOVED, TWICE = None, "twice"


@dataclass(frozen=True, slots=True)
class Mutation:
    """What is done to a valid file, its `path` removed, doubled or given another text, and the rule that refuses it."""

    rule: str
    base: str
    path: str
    change: str | None = REMOVED


def of(base: str, *rows: tuple[str, ...]) -> list[Mutation]:
    return [Mutation(rule, base, path, *change) for rule, path, *change in rows]


MUTATIONS = [
    *of(
        "company",
        ("BR-01", f"{CONTEXT}/ram:GuidelineSpecifiedDocumentContextParameter"),
        ("BR-02", f"{DOCUMENT}/ram:ID"),
        ("BR-03", f"{DOCUMENT}/ram:IssueDateTime"),
        ("BR-04", f"{DOCUMENT}/ram:TypeCode"),
        ("BR-05", f"{SETTLEMENT}/ram:InvoiceCurrencyCode"),
        ("BR-06", f"{SELLER}/ram:Name"),
        ("BR-07", f"{BUYER}/ram:Name"),
        ("BR-08", f"{SELLER}/ram:PostalTradeAddress"),
        ("BR-09", f"{SELLER}/ram:PostalTradeAddress/ram:CountryID"),
        ("BR-10", f"{BUYER}/ram:PostalTradeAddress"),
        ("BR-11", f"{BUYER}/ram:PostalTradeAddress/ram:CountryID"),
        ("BR-16", "//ram:IncludedSupplyChainTradeLineItem"),
        ("BR-21", f"{LINE}/ram:AssociatedDocumentLineDocument/ram:LineID"),
        ("BR-22", f"{LINE}//ram:BilledQuantity"),
        ("BR-23", f"{LINE}//ram:BilledQuantity/@unitCode"),
        ("BR-24", f"{LINE}//ram:LineTotalAmount"),
        ("BR-25", f"{LINE}/ram:SpecifiedTradeProduct/ram:Name"),
        ("BR-26", PRICE),
        ("BR-27", PRICE, "-12.42"),
        ("BR-31", f"{ALLOWANCE}/ram:ActualAmount"),
        ("BR-32", f"{ALLOWANCE}/ram:CategoryTradeTax"),
        ("BR-33", f"{ALLOWANCE}/*[self::ram:Reason or self::ram:ReasonCode]"),
        ("BR-41", f"{LINE_ALLOWANCE}/ram:ActualAmount"),
        ("BR-42", f"{LINE_ALLOWANCE}/*[self::ram:Reason or self::ram:ReasonCode]"),
        ("BR-45", f"{TAX}/ram:BasisAmount"),
        ("BR-46", f"{TAX}/ram:CalculatedAmount"),
        ("BR-47", f"{TAX}/ram:CategoryCode"),
        ("BR-48", f"{TAX}/ram:RateApplicablePercent"),
        ("BR-57", f"{SHIP_TO}/ram:PostalTradeAddress/ram:CountryID"),
        ("BR-62", f"{SELLER}/ram:URIUniversalCommunication/ram:URIID/@schemeID"),
        ("BR-63", f"{BUYER}/ram:URIUniversalCommunication/ram:URIID/@schemeID"),
        ("BR-CO-04", f"{LINE_TAX}/ram:CategoryCode"),
        ("BR-CO-09", f"{SELLER}/ram:SpecifiedTaxRegistration/ram:ID", "11123456782"),
        ("BR-CO-10", f"{SUMS}/ram:LineTotalAmount", "1.00"),
        ("BR-CO-11", f"{SUMS}/ram:AllowanceTotalAmount", "1.00"),
        ("BR-CO-13", f"{SUMS}/ram:TaxBasisTotalAmount", "1.00"),
        ("BR-CO-14", f"{SUMS}/ram:TaxTotalAmount", "1.00"),
        ("BR-CO-15", f"{SUMS}/ram:GrandTotalAmount", "1.00"),
        ("BR-CO-16", f"{SUMS}/ram:DuePayableAmount", "1.00"),
        ("BR-CO-17", f"{TAX}/ram:CalculatedAmount", "1.00"),
        ("BR-CO-18", f"{SETTLEMENT}/ram:ApplicableTradeTax"),
        ("BR-DEC-01", f"{ALLOWANCE}/ram:ActualAmount", "4.167"),
        ("BR-DEC-12", f"{SUMS}/ram:TaxBasisTotalAmount", "1.001"),
        ("BR-DEC-14", f"{SUMS}/ram:GrandTotalAmount", "1.001"),
        ("BR-DEC-19", f"{TAX}/ram:BasisAmount", "1.001"),
        ("BR-DEC-20", f"{TAX}/ram:CalculatedAmount", "1.001"),
        ("BR-DEC-23", f"{LINE}//ram:LineTotalAmount", "1.001"),
        ("BR-S-01", f"{SETTLEMENT}/ram:ApplicableTradeTax"),
        ("BR-S-02", f"{SELLER}/ram:SpecifiedTaxRegistration"),
        ("BR-S-05", f"{LINE_TAX}/ram:RateApplicablePercent", "0"),
        ("BR-S-08", f"{TAX}/ram:BasisAmount", "1.00"),
        ("BR-S-09", f"{TAX}/ram:CalculatedAmount", "1.00"),
        ("BR-FR-01_BT-1", f"{DOCUMENT}/ram:ID", "FA-2026-" + "0" * 28),
        ("BR-FR-02_BT-1", f"{DOCUMENT}/ram:ID", "FA 2026"),
        ("BR-FR-03_BT-2", f"{DOCUMENT}/ram:IssueDateTime/udt:DateTimeString", "20261301"),
        ("BR-FR-03_BT-72", "//ram:ActualDeliverySupplyChainEvent//udt:DateTimeString", "20260230"),
        ("BR-FR-04_BT-3", f"{DOCUMENT}/ram:TypeCode", "325"),
        ("BR-FR-05_BT-22_AAB", NOTE.format("AAB")),
        ("BR-FR-05_BT-22_PMD", NOTE.format("PMD")),
        ("BR-FR-05_BT-22_PMT", NOTE.format("PMT")),
        ("BR-FR-06_BT-21_PMT", NOTE.format("PMT"), TWICE),
        ("BR-FR-08_BT-23", f"{CONTEXT}/ram:BusinessProcessSpecifiedDocumentContextParameter"),
        ("BR-FR-09_BT-29", f"{SELLER}/ram:GlobalID[@schemeID = '0009']", "73282932000074"),
        ("BR-FR-10_BT-30", f"{SELLER}/ram:SpecifiedLegalOrganization"),
        ("BR-FR-11_BT-47", f"{BUYER}/ram:SpecifiedLegalOrganization"),
        ("BR-FR-12_BT-49", f"{BUYER}/ram:URIUniversalCommunication"),
        ("BR-FR-13_BT-34", f"{SELLER}/ram:URIUniversalCommunication"),
        ("BR-FR-16_BT-119", f"{TAX}/ram:RateApplicablePercent", "19.00"),
        ("BR-FR-16_BT-152", f"{LINE_TAX}/ram:RateApplicablePercent", "19.00"),
        ("BR-FR-20_BT-21", f"{NOTE.format('BAR')}/ram:Content", "B2X"),
        ("BR-FR-21_BT-49", f"{BUYER}/ram:URIUniversalCommunication/ram:URIID", "123456782"),
        ("BR-FR-31_BT-21", NOTE.format("BAR"), TWICE),
        ("BR-FR-32-LEGALID", f"{BUYER}/ram:SpecifiedLegalOrganization/ram:ID", "73282932"),
        ("BR-FR-CO-09_BT-23-1", f"{SUMS}/ram:TotalPrepaidAmount", "1.00"),
        ("BR-FR-CO-09_BT-23-2", f"{SUMS}/ram:DuePayableAmount", "1.00"),
        ("BR-FR-CO-09_BT-23-3", DUE),
        ("BR-FR-DEC-01_BT-106", f"{SUMS}/ram:LineTotalAmount", "1.001"),
        ("BR-FR-DEC-02_BT-129", f"{LINE}//ram:BilledQuantity", "1.00001"),
        ("BR-FR-DEC-03_BT-146", PRICE, "12.4166667"),
        ("BR-FR-DEC-04_BT-119", f"{TAX}/ram:RateApplicablePercent", "20.001"),
    ),
    *of("unpaid", ("BR-FR-CO-07_BT-9", f"{DUE}/udt:DateTimeString", "20200101")),
    *of(
        "credit note",
        ("BR-55", "//ram:InvoiceReferencedDocument/ram:IssuerAssignedID"),
        ("BR-FR-CO-05_BT-3", "//ram:InvoiceReferencedDocument"),
        ("BR-FR-01_BT-25", "//ram:InvoiceReferencedDocument/ram:IssuerAssignedID", "F" * 36),
        ("BR-FR-03_BT-26", "//ram:InvoiceReferencedDocument//qdt:DateTimeString", "20261301"),
    ),
    *of(
        "goods in the EU",
        ("BR-IC-01", f"{TAX}/ram:CategoryCode", "G"),
        ("BR-IC-02", f"{BUYER}/ram:SpecifiedTaxRegistration"),
        ("BR-IC-05", f"{LINE_TAX}/ram:RateApplicablePercent", "20"),
        ("BR-IC-10", f"{TAX}/*[self::ram:ExemptionReason or self::ram:ExemptionReasonCode]"),
        ("BR-IC-11", "//ram:ActualDeliverySupplyChainEvent"),
        ("BR-IC-12", f"{SHIP_TO}/ram:PostalTradeAddress"),
    ),
    *of(
        "services in the EU",
        ("BR-AE-02", f"{BUYER}/ram:SpecifiedTaxRegistration"),
        ("BR-AE-10", f"{TAX}/*[self::ram:ExemptionReason or self::ram:ExemptionReasonCode]"),
    ),
    *of(
        "export",
        ("BR-G-02", f"{SELLER}/ram:SpecifiedTaxRegistration"),
        ("BR-G-10", f"{TAX}/*[self::ram:ExemptionReason or self::ram:ExemptionReasonCode]"),
    ),
    *of(
        "exempt",
        ("BR-E-05", f"{LINE_TAX}/ram:RateApplicablePercent", "20"),
        ("BR-E-10", f"{TAX}/*[self::ram:ExemptionReason or self::ram:ExemptionReasonCode]"),
    ),
    *of("gift card", ("BR-O-10", f"{TAX}/*[self::ram:ExemptionReason or self::ram:ExemptionReasonCode]")),
    *of(
        "dollars",
        ("BR-FR-CO-12_BT-5", f"{SUMS}/ram:TaxTotalAmount[@currencyID = 'EUR']"),
        ("BR-53", f"{SUMS}/ram:TaxTotalAmount[@currencyID = 'EUR']"),
    ),
]


def _company(**more: Any) -> Snapshot:
    sale = a_sale(a_line(quantity=Decimal(2), discount=Decimal("2.98")), order_discount="5.00")
    return a_snapshot(sale, buyer=COMPANY, **more)


def _without_vat(category: str, buyer: Details, **line: Any) -> Snapshot:
    sold = a_sale(a_line(vat_rate=Decimal(0), vat_category=category, **line))
    return a_snapshot(sold, buyer=buyer, buyer_email="zoe@example.org")


def _credit_note() -> Snapshot:
    invoice = _company()
    return snapshot.credit(
        invoice, number="AV-2026-000001", issue_date=date(2026, 12, 1), seller=invoice.seller, earlier=(), wanted=None,
        reason="Retour", settlement="refund", refunded_on=date(2026, 12, 1),
    )  # fmt: skip


BASES: dict[str, Callable[[], Snapshot]] = {
    "company": _company,
    "unpaid": lambda: _company(paid_at=None),
    "credit note": _credit_note,
    "goods in the EU": lambda: _without_vat("K", GERMAN),
    "services in the EU": lambda: _without_vat("AE", GERMAN, kind="service"),
    "export": lambda: _without_vat("G", SWISS),
    "exempt": lambda: _without_vat("E", COMPANY, exemption="VATEX-EU-F"),
    "gift card": lambda: _without_vat("O", COMPANY, kind="voucher"),
    "dollars": lambda: _company(currency="USD", exchange_rate=Decimal("0.92")),
}


@cache
def valid(base: str) -> bytes:
    return facturx.xml(BASES[base]())


def mutated(mutation: Mutation) -> bytes:
    root = etree.fromstring(valid(mutation.base))
    found = root.xpath(mutation.path, namespaces=NAMESPACES)
    assert isinstance(found, list)
    assert found, f"{mutation.path} is not in the file"
    for each in found:
        _change(each, mutation)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _change(found: object, mutation: Mutation) -> None:
    attribute = mutation.path.rpartition("/@")[2]
    if isinstance(found, etree._ElementUnicodeResult):
        parent = found.getparent()
        assert parent is not None
        del parent.attrib[attribute]
        return
    assert isinstance(found, etree._Element)
    if mutation.change is REMOVED:
        parent = found.getparent()
        assert parent is not None
        parent.remove(found)
    elif mutation.change == TWICE:
        found.addnext(etree.fromstring(etree.tostring(found)))
    else:
        found.text = mutation.change


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.rule)
def test_a_mandatory_field_that_is_missing_or_wrong_breaks_its_rule(mutation: Mutation) -> None:
    broken = {problem.partition("]")[0][1:] for problem in facturx_problems(mutated(mutation), french=True)}

    assert mutation.rule in broken


@pytest.mark.parametrize("base", BASES)
def test_each_file_is_valid_before(base: str) -> None:
    french = BASES[base]().buyer.country == "FR"

    assert facturx_problems(valid(base), french=french) == []


def test_a_file_that_is_no_invoice_breaks_the_schema() -> None:
    swapped = valid("company").replace(b"ram:BuyerTradeParty>", b"ram:Purchaser>")

    assert any(problem.startswith("[XSD]") for problem in facturx_problems(swapped, french=False))


def test_rules_of_every_family_are_tried() -> None:
    rules = {mutation.rule for mutation in MUTATIONS}

    assert len(rules) >= 90
    assert len({rule for rule in rules if rule.startswith("BR-FR-")}) >= 30
