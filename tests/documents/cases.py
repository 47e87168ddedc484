"""Documents of every case that the law names, for whatever must hold of each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from documents import snapshot
from documents.credits import Credit, LineCredit
from documents.seller import Seller
from documents.snapshot import Snapshot
from documents.totals import FRENCH_RATES, Sale
from parties.details import Details

from .factories import COMPANY, GERLAND, INDIVIDUAL, a_line, a_sale, a_seller, a_snapshot

D = Decimal
EMAIL = "claire.oeuvrard@example.org"
GERMAN = Details(
    "company", company_name="Nähwerk GmbH", vat_number="DE811907980", line1="Lindenstr. 4", city="Köln",
    postal_code="50674", country="DE",
)  # fmt: skip
IRISH = replace(GERMAN, company_name="Belfast Looms", vat_number="XI366303068", country="GB", postal_code="BT1 5GS")
AMERICAN = replace(GERMAN, company_name="Quilts Inc.", vat_number="", tax_id="12-3456789", country="US")
SWISS = replace(INDIVIDUAL, country="CH", postal_code="1204", city="Genève")
MONACAN = replace(GERMAN, company_name="Voiles SAM", vat_number="FR17000001024", country="MC", postal_code="98000")
ASSOCIATION = replace(COMPANY, siret="", vat_number="")


def an_invoice(sale: Sale | None = None, **more: Any) -> Snapshot:
    """An invoice whose buyer's address is known, as every one is since that is kept."""
    email = more.pop("buyer_email", EMAIL)
    return replace(a_snapshot(sale, **more), buyer_email=email)


def untaxed(category: str, exemption: str | None = None, **more: Any) -> Sale:
    return a_sale(a_line("Table", "9.99", vat_rate=D(0), vat_category=category, exemption=exemption, **more))


def a_seller_in_franchise(vat_number: str = "") -> Seller:
    seller = a_seller()
    return replace(
        seller,
        identity=replace(seller.identity, vat_number=vat_number),
        vat_regime=replace(seller.vat_regime, regime="franchise"),
    )


def a_seller_without_account() -> Seller:
    seller = a_seller()
    return replace(seller, identity=replace(seller.identity, iban="", bic="", email="", phone="", rcs="", capital=None))


def credited(invoice: Snapshot, wanted: Credit | None = None, **more: Any) -> Snapshot:
    values: dict[str, Any] = {"settlement": "refund", "refunded_on": date(2026, 11, 24), "earlier": (), **more}
    return snapshot.credit(
        invoice, number="AV-2026-000007", issue_date=date(2026, 11, 24), seller=a_seller(), wanted=wanted,
        reason="Retour d'un article", **values,
    )  # fmt: skip


def replaced(invoice: Snapshot, buyer: Details = COMPANY) -> Snapshot:
    return snapshot.replacement(
        invoice, number="FA-2026-000124", issue_date=date(2026, 11, 24), seller=a_seller(), buyer=buyer,
        purchase_order="BC 119", reason="Adresse corrigée",
    )  # fmt: skip


MIXED = a_sale(
    a_line(quantity=D(2), discount=D("2.98"), sku="TS-M-BLEU"),
    a_line("Livre", "9.99", vat_rate=D("5.50")),
    a_line("Pose", "80.00", kind="service", vat_rate=D("10.00")),
    order_discount="3.33",
)
ODD_PRICES = a_sale(*(a_line(f"Article à {price}", price) for price in ("9.99", "10.05", "0.03", "10.11")))
NEGATIVE = a_sale(a_line(), a_line("Geste commercial", "-2.00"), a_line("Reprise", "1.00", quantity=D(-3)))
GIFT_AND_GOODS = a_sale(a_line(), a_line("Carte cadeau", "50.00", vat_rate=D(0), vat_category="O", kind="voucher"))
TWO_EXEMPTIONS = a_sale(
    a_line("Commode", "120.00", vat_rate=D(0), vat_category="E", exemption="VATEX-EU-F"),
    a_line("Gravure", "45.00", vat_rate=D(0), vat_category="E", exemption="VATEX-EU-I"),
    a_line(),
)
FREE_GIFT = a_sale(a_line(), a_line("Autocollant offert", "0.00", vat_rate=D(0)))

CASES: dict[str, Callable[[], Snapshot]] = {
    "consumer, paid": an_invoice,
    "company": lambda: an_invoice(buyer=COMPANY, shipping_address=GERLAND, purchase_order="BC 118"),
    "bought for a company": lambda: an_invoice(buyer=replace(COMPANY, first_name="Claire", last_name="Martin")),
    "company by its VAT number": lambda: an_invoice(buyer=replace(COMPANY, siret="")),
    "company without SIREN": lambda: an_invoice(buyer=ASSOCIATION),
    "rates and reductions": lambda: an_invoice(MIXED, buyer=COMPANY),
    "odd prices": lambda: an_invoice(ODD_PRICES),
    "net prices": lambda: an_invoice(Sale(False, (a_line(price="0.425", quantity=D("3.25")),), D("1.66"))),
    "negative lines": lambda: an_invoice(NEGATIVE),
    "unpaid": lambda: an_invoice(paid_at=None, payment_method="", buyer=COMPANY),
    "unpaid, no account": lambda: an_invoice(paid_at=None, seller=a_seller_without_account()),
    "part paid": lambda: an_invoice(paid_amount=D("20.00")),
    "paid by transfer": lambda: an_invoice(payment_method="transfer"),
    "paid by something else": lambda: an_invoice(payment_method="Alma 3x"),
    "given away": lambda: an_invoice(a_sale(a_line(discount=D("14.90"))), paid_at=None),
    "nothing with a rate": lambda: an_invoice(a_sale(a_line("Échantillon", "0.00", vat_rate=D(0)))),
    "free gift": lambda: an_invoice(FREE_GIFT),
    "services": lambda: an_invoice(a_sale(a_line(kind="service")), buyer=COMPANY),
    "debits": lambda: an_invoice(
        seller=a_seller(vat_regime=replace(a_seller().vat_regime, on_debits=True)), buyer=COMPANY
    ),
    "franchise": lambda: an_invoice(untaxed("E", "VATEX-FR-FRANCHISE"), seller=a_seller_in_franchise()),
    "franchise in words": lambda: an_invoice(
        untaxed("E", "TVA non applicable, art. 293 B du CGI"), seller=a_seller_in_franchise("FR11123456782")
    ),
    "goods in the EU": lambda: an_invoice(untaxed("K"), buyer=GERMAN),
    "goods to Northern Ireland": lambda: an_invoice(untaxed("K"), buyer=IRISH),
    "services in the EU": lambda: an_invoice(untaxed("AE", kind="service"), buyer=GERMAN),
    "export": lambda: an_invoice(untaxed("G"), buyer=SWISS),
    "export to a company": lambda: an_invoice(untaxed("G"), buyer=AMERICAN),
    "goods to Réunion": lambda: an_invoice(untaxed("G"), buyer=replace(INDIVIDUAL, postal_code="97400")),
    "Monaco": lambda: an_invoice(buyer=MONACAN),
    "second-hand": lambda: an_invoice(untaxed("E", "VATEX-EU-F")),
    "art": lambda: an_invoice(untaxed("E", "VATEX-EU-I")),
    "antiques": lambda: an_invoice(untaxed("E", "VATEX-EU-J")),
    "exempt in words": lambda: an_invoice(untaxed("E", "Exonération, art. 261, 4-4° du CGI")),
    "two exemptions": lambda: an_invoice(TWO_EXEMPTIONS),
    "gift card sold": lambda: an_invoice(untaxed("O", kind="voucher"), buyer=COMPANY),
    "gift card and goods": lambda: an_invoice(GIFT_AND_GOODS, buyer=COMPANY),
    "gift card used": lambda: an_invoice(payment_method="gift_card"),
    "éco-participation": lambda: an_invoice(a_sale(a_line(), a_line("Éco-participation", "0.12", kind="fee"))),
    "pounds": lambda: an_invoice(currency="GBP", exchange_rate=D("1.1734"), buyer=COMPANY, paid_at=None),
    "trial": lambda: an_invoice(trial=True),
    "in English": lambda: an_invoice(language="en"),
    "long ago": lambda: an_invoice(issue_date=date(2010, 12, 1), buyer=COMPANY),
    "credit note": lambda: credited(an_invoice(MIXED, buyer=COMPANY)),
    "credit note to a consumer": lambda: credited(an_invoice()),
    "credit note still to be paid back": lambda: credited(an_invoice(), refunded_on=None),
    "credit note by a new invoice": lambda: credited(an_invoice(buyer=COMPANY), settlement="set_off", refunded_on=None),
    "credit of one line": lambda: credited(an_invoice(MIXED), Credit(D("13.41"), (LineCredit(0, D(1), D("13.41")),))),
    "credit of an amount": lambda: credited(an_invoice(MIXED), Credit(D("7.77"))),
    "credit in pounds": lambda: credited(an_invoice(currency="GBP", exchange_rate=D("1.1734"))),
    "replacement": lambda: replaced(an_invoice(buyer=COMPANY)),
    "replacement, unpaid": lambda: replaced(an_invoice(buyer=COMPANY, paid_at=None)),
    **{
        f"rate of {rate} %": lambda rate=rate: an_invoice(a_sale(a_line(price="9.99", vat_rate=rate)))  # type: ignore[misc]
        for rate in sorted(FRENCH_RATES - {D(0)})
    },
}
