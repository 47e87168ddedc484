"""What a page says, in three languages and for each kind of sale and document."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from documents import formatting, mentions, page
from documents.page import Contents
from documents.renderer import TEMPLATES
from documents.snapshot import Payment, Reference, Snapshot
from documents.totals import Sale

from .factories import COMPANY, GERLAND, INDIVIDUAL, a_line, a_sale, a_seller, a_snapshot, many_lines

INVOICE = Reference("FA-2026-000123", date(2026, 11, 22))
REPAID = Payment("par carte bancaire", date(2026, 11, 25), Decimal("31.72"), Decimal("0.00"), None)


def plain(text: str) -> str:
    return " ".join(text.split())


def sums(contents: Contents) -> dict[str, str]:
    return {row.label: plain(row.amount) for row in contents.sums}


def a_credit_note(**changes: object) -> Snapshot:
    values = {
        "kind": "credit_note",
        "number": "AV-2026-000001",
        "refers_to": INVOICE,
        "reason": "Retour d'un article",
        "settlement": "refund",
        "payment": REPAID,
        **changes,
    }
    return replace(a_snapshot(), **values)  # type: ignore[arg-type]


def test_a_credit_note_names_its_invoice_the_reason_and_the_refund() -> None:
    contents = page.contents(a_credit_note())
    assert contents.title == "Avoir AV-2026-000001"
    assert [plain(text) for text in contents.references] == [
        "Avoir sur la facture n° FA-2026-000123 du 22 novembre 2026",
        "Motif : Retour d'un article",
    ]
    assert [plain(text) for text in contents.payment] == ["Remboursé le 25 novembre 2026 par carte bancaire."]
    assert sums(contents)["Remboursé"] == "31,72 €"
    assert sums(contents)["À rembourser"] == "0,00 €"
    assert "Reste à payer" not in sums(contents)


def test_a_refund_that_is_still_to_be_made_says_so() -> None:
    waiting = Payment("", None, Decimal("0.00"), Decimal("31.72"), None)
    contents = page.contents(a_credit_note(payment=waiting))
    assert [plain(text) for text in contents.payment] == ["À rembourser : 31,72 €."]


def test_a_credit_note_without_a_refund_says_that_nothing_is_refunded() -> None:
    contents = page.contents(a_credit_note(settlement="set_off", buyer=COMPANY))
    assert [plain(text) for text in contents.payment] == ["Aucun remboursement."]
    assert list(sums(contents)) == ["Total HT", "TVA", "Total TTC"]


def test_a_replacement_names_the_invoice_it_replaces() -> None:
    contents = page.contents(replace(a_snapshot(), refers_to=INVOICE, reason="Adresse corrigée"))
    assert contents.word == "Facture"
    assert [plain(text) for text in contents.references] == [
        "Remplace la facture n° FA-2026-000123 du 22 novembre 2026, annulée par avoir",
        "Motif : Adresse corrigée",
    ]


def test_an_invoice_in_english() -> None:
    german = replace(COMPANY, country="DE", siret="", vat_number="DE136695976")
    contents = page.contents(a_snapshot(language="en", buyer=german, shipping_address=GERLAND))
    assert contents.title == "Invoice FA-2026-000123"
    assert plain(contents.dated) == "22 November 2026"
    assert contents.parties[1].rows[-2:] == ("GERMANY", "VAT no. DE136695976")
    assert [column.label for column in contents.columns][:2] == ["Description", "Qty"]
    assert contents.items[0].notes == ("Discount of €2.48 excl. VAT deducted",)
    assert contents.items[0].figures[2] == "20%"
    assert sums(contents)["Total incl. VAT"] == "€31.72"
    assert plain(contents.payment[0]) == "Paid on 2 November 2026 by card."


def test_an_invoice_in_spanish() -> None:
    contents = page.contents(a_snapshot(language="es", buyer=replace(INDIVIDUAL, country="ES")))
    assert contents.parties[1].rows[-1] == "ESPAÑA"
    assert plain(contents.dated) == "22 de noviembre de 2026"
    assert sums(contents)["Total con IVA"] == "31,72 €"
    assert plain(contents.payment[0]) == "Pagada el 2 de noviembre de 2026 con tarjeta."


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("fr", "À l'attention de Claire Martin"),
        ("en", "For the attention of Claire Martin"),
        ("es", "A la atención de Claire Martin"),
    ],
)
def test_who_bought_for_a_company_stands_under_its_name(language: str, words: str) -> None:
    buyer = replace(COMPANY, first_name="Claire", last_name="Martin")
    billed_to = page.contents(a_snapshot(language=language, buyer=buyer)).parties[1]
    assert (billed_to.name, billed_to.rows[0]) == (COMPANY.company_name, words)
    assert billed_to.rows[1:] == page.contents(a_snapshot(language=language, buyer=COMPANY)).parties[1].rows


@pytest.mark.parametrize("language", ["en", "es"])
def test_legal_texts_stay_french(language: str) -> None:
    french, other = (
        page.contents(a_snapshot(buyer=COMPANY)),
        page.contents(a_snapshot(buyer=COMPANY, language=language)),
    )
    assert other.mentions == french.mentions
    assert other.legal_lines == french.legal_lines
    assert f'<html lang="{language}">' in page.html(a_snapshot(language=language))
    assert '<div class="mentions" lang="fr">' in page.html(a_snapshot(language=language))


def test_the_margin_scheme_says_nothing_of_vat() -> None:
    line = a_line("Robe vintage", "40.00", vat_rate=Decimal("0.00"), vat_category="E", exemption="VATEX-EU-F")
    contents = page.contents(a_snapshot(a_sale(line)))
    assert [column.label for column in contents.columns] == ["Désignation", "Qté", "Prix unitaire", "Montant"]
    assert contents.vat_rows == ()
    assert list(sums(contents)) == ["Total", "Déjà payé", "Reste à payer"]
    assert "Régime particulier \u2013 Biens d'occasion" in contents.mentions
    body = page.html(a_snapshot(a_sale(line))).partition("<body>")[2].partition('class="payment"')[0]
    assert "TVA" not in body
    assert "HT" not in body


def test_beside_taxed_goods_the_margin_scheme_shows_its_price_only() -> None:
    worn = a_line("Robe vintage", "40.00", vat_rate=Decimal("0.00"), vat_category="E", exemption="VATEX-EU-F")
    contents = page.contents(a_snapshot(a_sale(a_line(), worn)))
    assert contents.items[1].figures[2:] == ("(E)", "40,00", "40,00")
    assert contents.vat_rows[1] == ("Marge (E)", "", "", "40,00")
    assert plain(contents.mentions[-1]) == "(E) : Régime particulier \u2013 Biens d'occasion"


def test_a_seller_in_franchise_shows_no_vat() -> None:
    seller = a_seller()
    seller = replace(seller, vat_regime=replace(seller.vat_regime, regime="franchise"))
    line = a_line(vat_rate=Decimal("0.00"), vat_category="E", exemption="VATEX-FR-FRANCHISE")
    contents = page.contents(a_snapshot(a_sale(line), seller=seller))
    assert mentions.FRANCHISE in contents.mentions
    assert contents.vat_head == ()
    assert list(sums(contents)) == ["Total", "Déjà payé", "Reste à payer"]


def test_a_gift_card_alone_shows_no_vat_and_its_reason() -> None:
    line = a_line("Carte cadeau", "50.00", kind="voucher", vat_rate=Decimal("0.00"), vat_category="O")
    contents = page.contents(a_snapshot(a_sale(line)))
    assert contents.vat_head == ()
    assert mentions.reason("O", "") in contents.mentions


def test_a_gift_card_beside_goods_names_no_rate() -> None:
    line = a_line("Carte cadeau", "50.00", kind="voucher", vat_rate=Decimal("0.00"), vat_category="O")
    contents = page.contents(a_snapshot(a_sale(a_line(), line)))
    assert contents.items[1].figures[2] == "(O)"
    assert contents.vat_rows[1] == ("Hors TVA (O)", "50,00", "", "50,00")


def test_an_exempt_sale_keeps_the_rate_and_the_category_of_its_reason() -> None:
    line = a_line(vat_rate=Decimal("0.00"), vat_category="K")
    contents = page.contents(a_snapshot(a_sale(line), buyer=replace(COMPANY, country="DE", vat_number="DE136695976")))
    assert plain(contents.items[0].figures[2]) == "0 % (K)"
    assert plain(contents.mentions[-1]).startswith("TVA 0 % (K) : Exonération de TVA, art. 262 ter I du CGI")


def test_another_currency_gives_its_vat_in_euros() -> None:
    contents = page.contents(a_snapshot(currency="USD", exchange_rate=Decimal("0.92")))
    assert plain(contents.payment[-1]) == "TVA en euros : 4,87 € (cours : 1 USD = 0,92 EUR)."


def test_prices_of_one_piece_have_one_number_of_decimals_and_can_be_checked() -> None:
    document = a_snapshot(a_sale(*many_lines(30), a_line("Perle", "0.85", quantity=Decimal(7))))
    prices = page.unit_prices(document.totals.lines)
    assert len({len(price.partition(",")[2]) for price in prices}) == 1
    for price, line in zip(prices, document.totals.lines, strict=True):
        shown = Decimal(price.replace("\u202f", "").replace(",", "."))
        assert formatting.rounded(line.quantity * shown) == line.net + line.discount_net


def test_prices_that_need_no_more_have_two_decimals() -> None:
    line = a_line(price="12.00", quantity=Decimal(3))
    sale = Sale(False, (line,), Decimal("43.20"))
    assert page.unit_prices(a_snapshot(sale).totals.lines) == ["12,00"]


def test_an_english_price_of_one_piece() -> None:
    assert page.unit_prices(a_snapshot(a_sale(a_line(price="14.90"))).totals.lines, "en") == ["12.42"]


def test_a_plain_document_loads_no_fallback_font() -> None:
    plain_html = page.html(a_snapshot())
    assert plain_html.count("@font-face") == 2
    chinese = page.html(a_snapshot(buyer=replace(INDIVIDUAL, last_name="王小明")))
    assert 'url("fonts/DroidSansFallback.ttf")' in chinese
    assert "font-family: brand, han;" in chinese


def test_the_running_parts_bring_the_fonts_of_the_sellers_name() -> None:
    seller = a_seller()
    seller = replace(seller, identity=replace(seller.identity, name="北京饺子"))
    document = a_snapshot(seller=seller)
    assert page.running(document).fallbacks == ("han",)
    assert page.running(a_snapshot()).fallbacks == ()
    assert "DroidSansFallback" in page.html(document)


def test_what_customers_type_is_escaped_in_every_script() -> None:
    html = page.html(a_snapshot(buyer=replace(INDIVIDUAL, last_name="👩\u200d🍳 Crêpes & Co <b>")))
    assert "👩🍳 Crêpes &amp; Co &lt;b&gt;" in html


def test_a_page_holds_no_style_of_an_element() -> None:
    assert " style=" not in page.html(a_snapshot(trial=True, buyer=COMPANY, shipping_address=GERLAND))


def test_rules_name_one_tag_or_class_since_equal_elements_share_their_style() -> None:
    for name in ("page.css", "document.css"):
        text = re.sub(r"/\*.*?\*/|{%.*?%}", "", (TEMPLATES / name).read_text(encoding="utf-8"), flags=re.DOTALL)
        text = text.replace("{{", "").replace("}}", "")
        selectors = [selector for part in re.findall(r"([^{}]+){", text) for selector in part.split(",")]
        assert len(selectors) > 5
        for selector in selectors:
            assert re.fullmatch(r"@font-face|@page|\.?[a-z0-9]+", selector.strip()), selector


def test_rules_that_are_read_once_say_nothing_of_one_document() -> None:
    text = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    assert "{{" not in text
    assert "{%" not in text
    assert "@" not in text
