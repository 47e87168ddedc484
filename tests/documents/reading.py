"""Amounts and names read back from the finished files, by none of the code that wrote them."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from lxml import etree

CENT = Decimal("0.01")
ZERO = Decimal(0)
NAMESPACES = {
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
    "qdt": "urn:un:unece:uncefact:data:standard:QualifiedDataType:100",
}
# Thousands are set apart by a narrow blank in French (poppler reads any blank), a comma in English, a point in Spanish.
FIGURES = {
    "fr": re.compile(r"(?<![\d,.])(\d{1,3}(?:[ \u202f]\d{3})+|\d+),(\d{2})(?!\d)"),
    "es": re.compile(r"(?<![\d,.])(\d{1,3}(?:\.\d{3})+|\d+),(\d{2})(?!\d)"),
    "en": re.compile(r"(?<![\d,.])(\d{1,3}(?:,\d{3})+|\d+)\.(\d{2})(?!\d)"),
}


@dataclass(frozen=True, slots=True)
class XmlLine:
    """BT-129, BT-146, BT-136, BT-131 and the line's VAT (BT-151, BT-152)."""

    quantity: Decimal
    unit_net: Decimal
    discount: Decimal
    net: Decimal
    rate: tuple[str, Decimal]


@dataclass(frozen=True, slots=True)
class XmlRate:
    """One BG-23, with what BG-20 and BG-21 take from and add to its base."""

    rate: tuple[str, Decimal]
    net: Decimal
    vat: Decimal
    allowances: Decimal


@dataclass(frozen=True, slots=True)
class XmlAmounts:
    """The amounts of a CII file; `vat_in_euros` is BT-111 of a file in another currency."""

    lines: tuple[XmlLine, ...]
    rates: tuple[XmlRate, ...]
    line_total: Decimal
    allowances: Decimal
    charges: Decimal
    net: Decimal
    vat: Decimal
    gross: Decimal
    paid: Decimal
    due: Decimal
    vat_in_euros: Decimal | None


def amounts_in(xml: bytes) -> XmlAmounts:
    """Every amount of the file; what is not there is 0."""
    root = etree.fromstring(xml)
    settlement = _all(root, "//ram:ApplicableHeaderTradeSettlement")[0]
    sums = _all(settlement, "ram:SpecifiedTradeSettlementHeaderMonetarySummation")[0]
    currency = _all(settlement, "ram:InvoiceCurrencyCode")[0].text
    others = _all(sums, f"ram:TaxTotalAmount[@currencyID != '{currency}']")
    return XmlAmounts(
        lines=tuple(_line(line) for line in _all(root, "//ram:IncludedSupplyChainTradeLineItem")),
        rates=tuple(_rate(settlement, row) for row in _all(settlement, "ram:ApplicableTradeTax")),
        line_total=_sum(sums, "ram:LineTotalAmount"),
        allowances=_sum(sums, "ram:AllowanceTotalAmount"),
        charges=_sum(sums, "ram:ChargeTotalAmount"),
        net=_sum(sums, "ram:TaxBasisTotalAmount"),
        vat=_sum(sums, f"ram:TaxTotalAmount[@currencyID = '{currency}']"),
        gross=_sum(sums, "ram:GrandTotalAmount"),
        paid=_sum(sums, "ram:TotalPrepaidAmount"),
        due=_sum(sums, "ram:DuePayableAmount"),
        vat_in_euros=Decimal(others[0].text or "") if others else None,
    )


def names_in(xml: bytes) -> list[str]:
    """The buyer's name (BT-44) and what each line sold (BT-153), letter by letter."""
    root = etree.fromstring(xml)
    named = (
        "//ram:BuyerTradeParty/ram:Name",
        "//ram:IncludedSupplyChainTradeLineItem/ram:SpecifiedTradeProduct/ram:Name",
    )
    return [found.text or "" for path in named for found in _all(root, path)]


def inexact(amounts: XmlAmounts, *, lines_per_rate: int = 0) -> list[str]:
    """Which sums do not hold to the cent; the official rules forgive up to one unit of the currency.

    VAT may stray from its rate by 0.01 a line (BR-CO-17), `lines_per_rate` of them where that is more than there are.
    """
    found = _unequal(
        ("BT-106", amounts.line_total, sum((line.net for line in amounts.lines), ZERO)),
        ("BT-109", amounts.net, amounts.line_total - amounts.allowances + amounts.charges),
        ("BT-109 by rate", amounts.net, sum((row.net for row in amounts.rates), ZERO)),
        ("BT-110", amounts.vat, sum((row.vat for row in amounts.rates), ZERO)),
        ("BT-112", amounts.gross, amounts.net + amounts.vat),
        ("BT-115", amounts.due, amounts.gross - amounts.paid),
    )
    for line in amounts.lines:
        product = line.quantity * line.unit_net - line.discount
        if abs(line.net - product) > CENT:
            found.append(f"BT-131 is {line.net}, the line multiplies to {product}")
    for row in amounts.rates:
        of_rate = [line.net for line in amounts.lines if line.rate == row.rate]
        found += _unequal((f"BT-116 of {row.rate}", row.net, sum(of_rate, ZERO) - row.allowances))
        due = (row.net * row.rate[1] / 100).quantize(CENT, ROUND_HALF_UP)
        if abs(row.vat - due) > CENT * max(len(of_rate), lines_per_rate):
            found.append(f"BT-117 of {row.rate} is {row.vat}, its rate gives {due}")
    return found


def page_text(pdf: bytes) -> str:
    """What poppler reads on the pages, columns kept apart."""
    command = ["pdftotext", "-layout", "-enc", "UTF-8", "-", "-"]
    return subprocess.run(command, input=pdf, capture_output=True, check=True, timeout=120).stdout.decode()


def figures_in(text: str, language: str) -> Counter[Decimal]:
    """Every number with two decimals, without its sign, and how often it stands there."""
    found = FIGURES[language].findall(text)
    return Counter(Decimal(f"{re.sub('[^0-9]', '', whole)}.{cents}") for whole, cents in found)


def _unequal(*sums: tuple[str, Decimal, Decimal]) -> list[str]:
    return [f"{name} is {stated}, the parts give {parts}" for name, stated, parts in sums if stated != parts]


def _line(line: etree._Element) -> XmlLine:
    tax = _all(line, "ram:SpecifiedLineTradeSettlement/ram:ApplicableTradeTax")[0]
    return XmlLine(
        quantity=_sum(line, "ram:SpecifiedLineTradeDelivery/ram:BilledQuantity"),
        unit_net=_sum(line, "ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice/ram:ChargeAmount"),
        discount=_allowed(line, "ram:SpecifiedLineTradeSettlement/ram:SpecifiedTradeAllowanceCharge"),
        net=_sum(line, "ram:SpecifiedLineTradeSettlement//ram:LineTotalAmount"),
        rate=_category(tax),
    )


def _rate(settlement: etree._Element, row: etree._Element) -> XmlRate:
    code, percent = _category(row)
    same_rate = f"ram:CategoryTradeTax[ram:CategoryCode = '{code}'][number(ram:RateApplicablePercent) = {percent}"
    without_rate = "or not(ram:RateApplicablePercent)]" if code == "O" else "]"
    return XmlRate(
        rate=(code, percent),
        net=_sum(row, "ram:BasisAmount"),
        vat=_sum(row, "ram:CalculatedAmount"),
        allowances=_allowed(settlement, f"ram:SpecifiedTradeAllowanceCharge[{same_rate} {without_rate}]"),
    )


def _category(tax: etree._Element) -> tuple[str, Decimal]:
    return _all(tax, "ram:CategoryCode")[0].text or "", _sum(tax, "ram:RateApplicablePercent")


def _allowed(element: etree._Element, path: str) -> Decimal:
    """Allowances less charges."""
    given = _sum(element, f"{path}[ram:ChargeIndicator/udt:Indicator = 'false']/ram:ActualAmount")
    return given - _sum(element, f"{path}[ram:ChargeIndicator/udt:Indicator = 'true']/ram:ActualAmount")


def _sum(element: etree._Element, path: str) -> Decimal:
    return sum((Decimal(found.text or "") for found in _all(element, path)), ZERO)


def _all(element: etree._Element, path: str) -> Sequence[etree._Element]:
    found = element.xpath(path, namespaces=NAMESPACES)
    assert isinstance(found, list)
    return [each for each in found if isinstance(each, etree._Element)]
