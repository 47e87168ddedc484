"""A snapshot as Factur-X: the profile EN 16931 of UN/CEFACT CII D22B, with what French rules add (XP Z12-012).

Every amount is the snapshot's own. What customers type is text of elements, never markup.
"""

from __future__ import annotations

from decimal import Decimal

from lxml import etree

from documents import cii, exemptions
from documents.seller import Identity
from documents.snapshot import DeliveryAddress, Snapshot
from documents.totals import ZERO, Line, LineAmounts, RateAmounts
from parties.details import Details

PROFILE = "urn:cen.eu:en16931:2017"
SIREN, SIRET, DIRECTORY, EMAIL = "0002", "0009", "0225", "EM"
INVOICE, CREDIT_NOTE = "380", "381"
PIECE = "C62"
DISCOUNT = "95"
ON_DEBITS = "5"
NATURES = {"goods": "B", "services": "S", "mixed": "M", "voucher": "B"}

# How the three mentions towards companies begin, and the subject that BR-FR-05 wants each under (UNTDID 4451).
SUBJECTS = {"Escompte": "AAB", "Pénalités de retard": "PMD", "Indemnité forfaitaire": "PMT"}

# UNTDID 4461, by the words of documents/snapshot.py; what has no code of its own is agreed between the parties. A
# transfer is 42 where no account is named, since 30 and 58 want one (CII-SR-470).
TRANSFER_WORDS = "par virement"
MEANS = {
    TRANSFER_WORDS: "42",
    "par carte bancaire": "48",
    "par PayPal": "68",
    "par Apple Pay": "68",
    "par Google Pay": "68",
    "par prélèvement": "59",
    "par chèque": "20",
    "en espèces": "10",
}
AGREED, TRANSFER, SEPA_TRANSFER = "ZZZ", "30", "58"


def xml(snapshot: Snapshot) -> bytes:
    """The Factur-X file of a document; equal snapshots give equal bytes.

    Raises ValueError when a text holds a character that XML 1.0 refuses.
    """
    document = cii.root("CrossIndustryInvoice")
    _context(document, snapshot)
    _header(document, snapshot)
    transaction = cii.group(document, "rsm:SupplyChainTradeTransaction")
    for position, (line, amounts) in enumerate(zip(snapshot.sale.lines, snapshot.totals.lines, strict=True), 1):
        _line(transaction, snapshot, position, line, amounts)
    _agreement(transaction, snapshot)
    _delivery(transaction, snapshot)
    _settlement(transaction, snapshot)
    return cii.to_bytes(document)


def _is_settled(snapshot: Snapshot) -> bool:
    """Whether nothing is left to pay: paid, paid back or set off, on a day that is known (BR-FR-CO-09)."""
    return snapshot.payment.left == 0 and snapshot.payment.due_on is not None


def _context(document: etree._Element, snapshot: Snapshot) -> None:
    """BG-2: the French mode (BT-23, BR-FR-08) and the profile (BT-24)."""
    context = cii.group(document, "rsm:ExchangedDocumentContext")
    mode = NATURES[snapshot.nature] + ("2" if _is_settled(snapshot) else "1")
    cii.text(cii.group(context, "BusinessProcessSpecifiedDocumentContextParameter"), "ID", mode)
    cii.text(cii.group(context, "GuidelineSpecifiedDocumentContextParameter"), "ID", PROFILE)


def _header(document: etree._Element, snapshot: Snapshot) -> None:
    """BT-1 to BT-3, and the notes (BG-1)."""
    header = cii.group(document, "rsm:ExchangedDocument")
    cii.text(header, "ID", snapshot.number)
    cii.text(header, "TypeCode", CREDIT_NOTE if snapshot.kind == "credit_note" else INVOICE)
    cii.day(header, "IssueDateTime", snapshot.issue_date)
    for subject, content in _notes(snapshot):
        note = cii.group(header, "IncludedNote")
        cii.text(note, "Content", content)
        cii.text(note, "SubjectCode", subject)


def _notes(snapshot: Snapshot) -> list[tuple[str, str]]:
    """(subject, text): how the sale is reported (BR-FR-20), the three of BR-FR-05 once each, then everything else."""
    wanted = dict.fromkeys(SUBJECTS.values(), _without_object(snapshot))
    others = []
    for text in snapshot.mentions:
        subject = next((code for start, code in SUBJECTS.items() if text.startswith(start)), "")
        if subject:
            wanted[subject] = text
        else:
            others.append(("REG", text))
    order = snapshot.order
    facts = [f"Commande {order.number} du {order.placed_on:%d/%m/%Y}", snapshot.reason]
    if exemptions.hides_vat_numbers(snapshot) and snapshot.seller.identity.vat_number:
        facts.append(f"Numéro de TVA du vendeur\u00a0: {snapshot.seller.identity.vat_number}")
    return [
        ("BAR", _reported_as(snapshot.buyer)),
        *wanted.items(),
        *others,
        *(("AAI", text) for text in facts if text.strip()),
    ]


def _without_object(snapshot: Snapshot) -> str:
    """What stands for a mention that this document does not print (Code de commerce L441-9: between professionals)."""
    if snapshot.buyer.kind != "company":
        return "Sans objet (vente à un consommateur)"
    return "Sans objet (avoir)" if snapshot.kind == "credit_note" else "Sans objet"


def _reported_as(buyer: Details) -> str:
    """How the sale is reported: e-invoicing wants a SIREN (BR-FR-11); who has none in France is not liable to VAT."""
    if buyer.kind != "company":
        return "B2C"
    if buyer.siren:
        return "B2B"
    return "B2C" if buyer.country == "FR" else "B2BINT"


def _line(transaction: etree._Element, snapshot: Snapshot, position: int, line: Line, amounts: LineAmounts) -> None:
    """BG-25. A line's quantity carries its sign, its price never does (BR-27)."""
    item = cii.group(transaction, "IncludedSupplyChainTradeLineItem")
    cii.text(cii.group(item, "AssociatedDocumentLineDocument"), "LineID", str(position))
    product = cii.group(item, "SpecifiedTradeProduct")
    cii.text(product, "SellerAssignedID", line.sku)
    cii.text(product, "Name", line.description)
    price = cii.group(cii.group(item, "SpecifiedLineTradeAgreement"), "NetPriceProductTradePrice")
    cii.number(price, "ChargeAmount", amounts.unit_net)
    cii.number(cii.group(item, "SpecifiedLineTradeDelivery"), "BilledQuantity", amounts.quantity, unitCode=PIECE)
    settlement = cii.group(item, "SpecifiedLineTradeSettlement")
    _category(cii.group(settlement, "ApplicableTradeTax"), snapshot, exemptions.of_line(snapshot, line))
    if amounts.discount_net:
        _reduction(settlement, amounts.discount_net, "Remise")
    summation = cii.group(settlement, "SpecifiedTradeSettlementLineMonetarySummation")
    cii.amount(summation, "LineTotalAmount", amounts.net)


def _category(tax: etree._Element, snapshot: Snapshot, row: RateAmounts) -> None:
    cii.text(tax, "TypeCode", "VAT")
    cii.text(tax, "CategoryCode", exemptions.category(snapshot, row))
    rate = exemptions.rate(snapshot, row)
    if rate is not None:
        cii.number(tax, "RateApplicablePercent", rate)


def _reduction(parent: etree._Element, net: Decimal, reason: str) -> etree._Element:
    """BG-27 or BG-20; a cent that rounding turned the other way is a charge (BG-28, BG-21)."""
    allowance = cii.group(parent, "SpecifiedTradeAllowanceCharge")
    cii.flag(allowance, "ChargeIndicator", value=net < 0)
    cii.amount(allowance, "ActualAmount", abs(net))
    if net >= 0:
        cii.text(allowance, "ReasonCode", DISCOUNT)
    cii.text(allowance, "Reason", reason if net >= 0 else "Arrondi")
    return allowance


def _agreement(transaction: etree._Element, snapshot: Snapshot) -> None:
    """BG-4, BG-7, the order (BT-14) and the buyer's own reference (BT-13)."""
    agreement = cii.group(transaction, "ApplicableHeaderTradeAgreement")
    with_vat_numbers = not exemptions.hides_vat_numbers(snapshot)
    _seller(agreement, snapshot, with_vat_number=with_vat_numbers)
    _buyer(agreement, snapshot, with_vat_number=with_vat_numbers)
    cii.text(cii.group(agreement, "SellerOrderReferencedDocument"), "IssuerAssignedID", snapshot.order.number)
    if snapshot.order.purchase_order.strip():
        reference = cii.group(agreement, "BuyerOrderReferencedDocument")
        cii.text(reference, "IssuerAssignedID", snapshot.order.purchase_order)


def _seller(agreement: etree._Element, snapshot: Snapshot, *, with_vat_number: bool) -> None:
    """BG-4: who has no VAT number is known to the tax office by the SIREN (BT-32)."""
    identity = snapshot.seller.identity
    party = cii.group(agreement, "SellerTradeParty")
    cii.text(party, "GlobalID", identity.siret, schemeID=SIRET)
    cii.text(party, "Name", identity.name)
    cii.text(party, "Description", _legal_information(identity))
    organization = cii.group(party, "SpecifiedLegalOrganization")
    cii.text(organization, "ID", identity.siren, schemeID=SIREN)
    if snapshot.seller.shop_name != identity.name:
        cii.text(organization, "TradingBusinessName", snapshot.seller.shop_name)
    if identity.phone or identity.email:
        contact = cii.group(party, "DefinedTradeContact")
        cii.text(contact, "PersonName", snapshot.seller.shop_name)
        if identity.phone:
            cii.text(cii.group(contact, "TelephoneUniversalCommunication"), "CompleteNumber", identity.phone)
        if identity.email:
            cii.text(cii.group(contact, "EmailURIUniversalCommunication"), "URIID", identity.email)
    _address(party, identity)
    cii.text(cii.group(party, "URIUniversalCommunication"), "URIID", identity.siren, schemeID=DIRECTORY)
    if identity.vat_number and with_vat_number:
        cii.text(cii.group(party, "SpecifiedTaxRegistration"), "ID", identity.vat_number, schemeID="VA")
    else:
        cii.text(cii.group(party, "SpecifiedTaxRegistration"), "ID", identity.siren, schemeID="FC")


def _buyer(agreement: etree._Element, snapshot: Snapshot, *, with_vat_number: bool) -> None:
    """BG-7: a company with a SIREN is found in the French directory, anybody else by e-mail (BR-FR-12, BR-FR-21)."""
    buyer = snapshot.buyer
    party = cii.group(agreement, "BuyerTradeParty")
    if buyer.tax_id not in (buyer.siren, buyer.siret, buyer.vat_number):
        cii.text(party, "ID", buyer.tax_id)
    if buyer.siren and len(buyer.siret) == 14:
        cii.text(party, "GlobalID", buyer.siret, schemeID=SIRET)
    cii.text(party, "Name", buyer.display_name)
    if buyer.siren:
        cii.text(cii.group(party, "SpecifiedLegalOrganization"), "ID", buyer.siren, schemeID=SIREN)
    if buyer.contact:
        cii.text(cii.group(party, "DefinedTradeContact"), "PersonName", buyer.contact)
    _address(party, buyer)
    if buyer.kind == "company" and buyer.siren:
        cii.text(cii.group(party, "URIUniversalCommunication"), "URIID", buyer.siren, schemeID=DIRECTORY)
    elif snapshot.buyer_email:
        cii.text(cii.group(party, "URIUniversalCommunication"), "URIID", snapshot.buyer_email, schemeID=EMAIL)
    if buyer.vat_number and with_vat_number:
        cii.text(cii.group(party, "SpecifiedTaxRegistration"), "ID", buyer.vat_number, schemeID="VA")


def _legal_information(identity: Identity) -> str:
    """BT-33: form, capital and register, which a company's invoices name (Code de commerce R123-237, R123-238)."""
    capital = f"au capital de {identity.capital:f} EUR" if identity.capital is not None else ""
    register = f"RCS {identity.rcs} {identity.siren}" if identity.rcs else ""
    form = f"{identity.legal_form} {capital}".strip()
    return ", ".join(part for part in (form, register) if part)


def _address(party: etree._Element, place: Identity | Details | DeliveryAddress) -> None:
    """BG-5, BG-8, BG-15."""
    address = cii.group(party, "PostalTradeAddress")
    cii.text(address, "PostcodeCode", place.postal_code)
    cii.text(address, "LineOne", place.line1)
    cii.text(address, "LineTwo", place.line2)
    cii.text(address, "CityName", place.city)
    cii.text(address, "CountryID", place.country)


def _delivery(transaction: etree._Element, snapshot: Snapshot) -> None:
    """BG-13: where and when; the buyer's address where no other is known (BR-IC-11 and BR-IC-12 want both)."""
    delivery = cii.group(transaction, "ApplicableHeaderTradeDelivery")
    place = snapshot.delivery or snapshot.buyer
    party = cii.group(delivery, "ShipToTradeParty")
    name = snapshot.delivery.name if snapshot.delivery else ""
    cii.text(party, "Name", name.strip() or snapshot.buyer.display_name)
    _address(party, place)
    delivered_on = snapshot.order.delivered_on or snapshot.order.shipped_on
    if delivered_on:
        cii.day(cii.group(delivery, "ActualDeliverySupplyChainEvent"), "OccurrenceDateTime", delivered_on)


def _settlement(transaction: etree._Element, snapshot: Snapshot) -> None:
    """BG-16 to BG-23, BG-3 and the currencies; another one states its VAT in euros as well (BT-111, BR-FR-CO-12)."""
    settlement = cii.group(transaction, "ApplicableHeaderTradeSettlement")
    if snapshot.vat_in_euros is not None:
        cii.text(settlement, "TaxCurrencyCode", "EUR")
    cii.text(settlement, "InvoiceCurrencyCode", snapshot.currency)
    _means(settlement, snapshot)
    _taxes(settlement, snapshot)
    for row in snapshot.totals.discounts:
        allowance = _reduction(settlement, row.net, "Remise sur la commande")
        _category(cii.group(allowance, "CategoryTradeTax"), snapshot, row)
    _terms(settlement, snapshot)
    _sums(settlement, snapshot)
    if snapshot.refers_to:
        earlier = cii.group(settlement, "InvoiceReferencedDocument")
        cii.text(earlier, "IssuerAssignedID", snapshot.refers_to.number)
        cii.day(earlier, "FormattedIssueDateTime", snapshot.refers_to.issue_date, "qdt")


def _means(settlement: etree._Element, snapshot: Snapshot) -> None:
    """BG-16: how it was paid; what is still to be paid of an invoice, and every transfer, goes to the seller's account.

    A credit note names no account: the money goes the other way.
    """
    identity, is_invoice = snapshot.seller.identity, snapshot.kind == "invoice"
    to_pay = is_invoice and snapshot.payment.left > 0 and identity.iban
    words = TRANSFER_WORDS if to_pay else snapshot.payment.words
    if not words:
        return
    means = cii.group(settlement, "SpecifiedTradeSettlementPaymentMeans")
    if not (is_invoice and identity.iban and words == TRANSFER_WORDS):
        cii.text(means, "TypeCode", MEANS.get(words, AGREED))
        cii.text(means, "Information", words)
        return
    cii.text(means, "TypeCode", SEPA_TRANSFER if snapshot.currency == "EUR" else TRANSFER)
    cii.text(means, "Information", words)
    account = cii.group(means, "PayeePartyCreditorFinancialAccount")
    cii.text(account, "IBANID", identity.iban)
    cii.text(account, "AccountName", identity.name)
    if identity.bic:
        cii.text(cii.group(means, "PayeeSpecifiedCreditorFinancialInstitution"), "BICID", identity.bic)


def _taxes(settlement: etree._Element, snapshot: Snapshot) -> None:
    """BG-23. The option for paying the tax by what was debited says when it is due: on the invoice's day (BT-8)."""
    regime = snapshot.seller.vat_regime
    on_debits = regime.on_debits and regime.regime == "normal"
    for row in exemptions.rows(snapshot):
        tax = cii.group(settlement, "ApplicableTradeTax")
        cii.amount(tax, "CalculatedAmount", row.vat)
        cii.text(tax, "TypeCode", "VAT")
        cii.text(tax, "ExemptionReason", row.reason)
        cii.amount(tax, "BasisAmount", row.net)
        cii.text(tax, "CategoryCode", row.category)
        cii.text(tax, "ExemptionReasonCode", row.code)
        if on_debits and row.vat:
            cii.text(tax, "DueDateTypeCode", ON_DEBITS)
        if row.rate is not None:
            cii.number(tax, "RateApplicablePercent", row.rate)


def _terms(settlement: etree._Element, snapshot: Snapshot) -> None:
    """BT-20, and BT-9: the day of payment of what is paid, else the due date, never before the issue (BR-FR-CO-07)."""
    terms = cii.group(settlement, "SpecifiedTradePaymentTerms")
    cii.text(terms, "Description", _terms_in_words(snapshot))
    due_on = snapshot.payment.due_on
    if due_on and (_is_settled(snapshot) or due_on >= snapshot.issue_date):
        cii.day(terms, "DueDateDateTime", due_on)


def _terms_in_words(snapshot: Snapshot) -> str:
    payment = snapshot.payment
    if snapshot.settlement == "set_off":
        return "Aucun remboursement"
    if snapshot.kind == "credit_note":
        done, to_do = "Remboursé", "À rembourser"
    else:
        done, to_do = "Payé", f"À payer le {payment.due_on:%d/%m/%Y} au plus tard" if payment.due_on else "À payer"
    day = f" le {payment.paid_on:%d/%m/%Y}" if payment.paid_on else ""
    paid = f"{done}{day} {payment.words}".strip()
    if payment.left == 0:
        return paid
    return f"{paid}\u00a0: {payment.paid:.2f} {snapshot.currency}. {to_do}" if payment.paid else to_do


def _sums(settlement: etree._Element, snapshot: Snapshot) -> None:
    """BG-22, all of it from the snapshot; what a replacement takes the place of counts as paid (BT-113)."""
    totals, payment = snapshot.totals, snapshot.payment
    charges = [-row.net for row in totals.discounts if row.net < 0]
    allowances = [row.net for row in totals.discounts if row.net >= 0]
    summation = cii.group(settlement, "SpecifiedTradeSettlementHeaderMonetarySummation")
    cii.amount(summation, "LineTotalAmount", sum((line.net for line in totals.lines), ZERO))
    cii.amount(summation, "ChargeTotalAmount", sum(charges, ZERO))
    cii.amount(summation, "AllowanceTotalAmount", sum(allowances, ZERO))
    cii.amount(summation, "TaxBasisTotalAmount", totals.net)
    cii.amount(summation, "TaxTotalAmount", totals.vat, currencyID=snapshot.currency)
    if snapshot.vat_in_euros is not None:
        cii.amount(summation, "TaxTotalAmount", snapshot.vat_in_euros, currencyID="EUR")
    cii.amount(summation, "GrandTotalAmount", totals.gross)
    cii.amount(summation, "TotalPrepaidAmount", payment.paid)
    cii.amount(summation, "DuePayableAmount", payment.left)
