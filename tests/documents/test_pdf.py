"""The page: our fonts, our text, the same bytes, and nothing of what customers type taken for markup."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from dataclasses import replace
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader

from documents import formatting, mentions, pdf, snapshot
from documents.snapshot import DeliveryAddress, Snapshot
from tests.support.validators import pdf_problems

from .factories import COMPANY, GERLAND, INDIVIDUAL, a_line, a_sale, a_seller, a_snapshot, many_lines


def pages(document: Snapshot) -> list[str]:
    """The text of each page, blanks of any kind as one space."""
    reader = PdfReader(BytesIO(pdf.render(document)))
    return [" ".join(page.extract_text().split()) for page in reader.pages]


def plain(text: str) -> str:
    return " ".join(text.split())


def test_everything_the_law_asks_is_on_the_page() -> None:
    document = a_snapshot(buyer=COMPANY, shipping_address=GERLAND, purchase_order="BC-2026/118")
    (page,) = pages(document)
    for text in (
        "Facture FA-2026-000123 du 22 novembre 2026",
        "Atelier Fil & Encre · SAS au capital de 20 000 € · 14 rue de la Navette, 69004 Lyon",
        "RCS Lyon 123 456 782 · SIRET 123 456 782 00010 · TVA FR11123456782",
        "Les Compagnons du Textile 128 boulevard de la Croix-Rousse 69001 Lyon SIREN 732 829 320 TVA FR44732829320",
        "Entrepôt Gerland 45 avenue Tony Garnier 69007 Lyon",
        "T-100234",
        "2 novembre 2026",
        "4 novembre 2026",
        "BC-2026/118",
        "Payée le 2 novembre 2026 par carte bancaire.",
        "Page 1/1",
        *document.mentions,
    ):
        assert plain(text) in page


def test_every_amount_of_the_snapshot_is_on_the_page() -> None:
    sale = a_sale(
        a_line(quantity=Decimal(3), discount=Decimal("1.50")),
        a_line("Livre", "8.40", vat_rate=Decimal("5.50")),
        order_discount="5.00",
    )
    document = a_snapshot(sale)
    (page,) = pages(document)
    totals = document.totals
    amounts = [amount for line in totals.lines for amount in (line.net, line.gross)]
    amounts += [amount for row in totals.rates for amount in (row.net, row.vat, row.gross)]
    for amount in amounts:
        assert formatting.number(amount) in page
    for row in totals.discounts:
        assert plain(formatting.number(-row.gross)) in page
    assert plain(f"Total TTC {formatting.money(totals.gross)}") in page
    assert plain(f"Total HT {formatting.money(totals.net)}") in page


def test_a_unit_price_times_its_quantity_gives_the_amount_beside_it() -> None:
    (page,) = pages(a_snapshot(a_sale(a_line(price="14.90", quantity=Decimal(2)))))
    assert "2 12,417 20 % 24,83 29,80" in page


def test_an_unpaid_invoice_says_by_when_and_where_to_pay() -> None:
    (page,) = pages(a_snapshot(paid_at=None, buyer=COMPANY))
    assert "Reste à payer 31,72 € au plus tard le 22 novembre 2026, par virement : IBAN FR76 9999" in page


def test_a_company_reads_the_due_date_of_what_is_paid_too() -> None:
    (company,) = pages(a_snapshot(buyer=COMPANY))
    (consumer,) = pages(a_snapshot())
    assert "Échéance : 2 novembre 2026." in company
    assert "Échéance" not in consumer


def test_a_trial_document_is_marked_on_every_page() -> None:
    document = a_snapshot(a_sale(*many_lines(60)), trial=True)
    texts = pages(document)
    assert len(texts) > 1
    assert all("SPÉCIMEN" in text for text in texts)
    assert mentions.SPECIMEN in texts[0]
    assert not any("SPÉCIMEN" in text for text in pages(a_snapshot()))


def test_a_long_document_numbers_its_pages_and_repeats_its_header() -> None:
    texts = pages(a_snapshot(a_sale(*many_lines(60))))
    assert [f"Page {number}/{len(texts)}" in text for number, text in enumerate(texts, 1)] == [True] * len(texts)
    assert all("Désignation" in text for text in texts[:-1])
    assert all("Facture FA-2026-000123" in text for text in texts)


def test_675_lines_take_seconds_and_lose_none() -> None:
    pdf.warm_up()
    document = a_snapshot(a_sale(*many_lines(675)))
    started = time.process_time()
    text = " ".join(pages(document))
    assert time.process_time() - started < 25
    assert all(f"REF-{number:04d}" in text for number in range(675))
    assert plain(f"Total TTC {formatting.money(document.totals.gross)}") in text


def test_the_same_snapshot_gives_the_same_bytes_in_another_process() -> None:
    document = a_snapshot(buyer=COMPANY, trial=True)
    text = snapshot.to_json(document)
    script = (
        "import sys, hashlib; from documents import pdf, snapshot;"
        "print(hashlib.sha256(pdf.render(snapshot.from_json(sys.stdin.read()))).hexdigest())"
    )
    root = Path(__file__).parents[2]
    other = subprocess.run(
        [sys.executable, "-c", script],
        input=text,
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
        encoding="utf-8",
        env={"PYTHONHASHSEED": "7", "PYTHONUTF8": "1", "TZ": "Pacific/Auckland"},
    )
    pdf.render(a_snapshot(a_sale(*many_lines(5))))  # What was drawn before leaves no trace.
    assert other.stdout.strip() == hashlib.sha256(pdf.render(document)).hexdigest()


def test_only_our_embedded_fonts_are_in_the_file() -> None:
    reader = PdfReader(BytesIO(pdf.render(a_snapshot(a_sale(*many_lines(30)), trial=True))))
    names = set()
    for page in reader.pages:
        for reference in page["/Resources"]["/Font"].values():  # type: ignore[index]
            font = reference.get_object()
            names.add(font["/BaseFont"].split("+")[-1])
            assert "/FontFile2" in font["/FontDescriptor"]
    assert names == {"SourceSans3-Regular", "SourceSans3-SemiBold"}


HOSTILE = '<b>x</b></td><img src="file:///etc/passwd"><style>*{color:red}</style>{{ 7 * 7 }}&amp;'


def test_what_customers_type_is_text() -> None:
    buyer = replace(INDIVIDUAL, last_name=HOSTILE, line1=HOSTILE, city=HOSTILE)
    document = a_snapshot(
        a_sale(a_line(HOSTILE, sku=HOSTILE)),
        buyer=buyer,
        purchase_order=HOSTILE,
        number="FA-2026-000001",
        payment_method=HOSTILE,
        shipping_address=DeliveryAddress(HOSTILE, HOSTILE, HOSTILE, "69007", HOSTILE),
    )
    letters = "".join("".join(pages(document)).split())
    assert letters.count("".join(HOSTILE.split())) >= 8


def test_names_and_descriptions_of_400_characters_stay_on_the_page() -> None:
    description = "Impression quadrichromie " * 16
    unbroken = "W" * 400
    document = a_snapshot(a_sale(a_line(description), a_line(unbroken)), buyer=replace(INDIVIDUAL, last_name="N" * 90))
    text = " ".join(pages(document))
    assert "".join(description.split()) in "".join(text.split())
    runs = [len(word) for word in text.split() if set(word) == {"W"}]
    assert sum(runs) == 400
    assert max(runs) < 40


NAMES = (
    "Łukasz Żółć",
    "Ἀθηνᾶ",
    "王小明",
    "山田 タロウ",
    "김철수",
    "عائشة",
    "דוד כהן",
    "สมชาย",
    "प्रिया",
    "👩\u200d🍳 Crêpes & Co <b>",
)


@pytest.mark.usefixtures("poppler", "qpdf")
@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_any_script_is_valid_and_reads_back(name: str) -> None:
    seller = a_seller()
    seller = replace(seller, identity=replace(seller.identity, name=name))
    document = a_snapshot(a_sale(a_line(name)), seller=seller, buyer=replace(INDIVIDUAL, last_name=name))
    content = pdf.render(document)
    assert pdf_problems(content) == []
    text = "".join(character for character in text_of(content) if character not in "\u202a\u202b\u202c")
    assert text.count(name.replace("\u200d", "")) >= 4  # Seller, buyer, line, foot.
    assert pdf.render(document) == content


@pytest.mark.usefixtures("poppler", "qpdf")
def test_a_long_name_without_a_blank_wraps_in_every_script() -> None:
    for letter in ("W", "王", "ع", "👩", "ก"):
        content = pdf.render(a_snapshot(a_sale(a_line(letter * 400)), buyer=replace(INDIVIDUAL, last_name=letter * 90)))
        assert text_of(content).count(letter) == 490
        assert pdf_problems(content) == []


def text_of(content: bytes) -> str:
    """What pdftotext, which knows how right-to-left text runs, reads from a file."""
    done = subprocess.run(["pdftotext", "-layout", "-", "-"], input=content, capture_output=True, check=True)
    return done.stdout.decode()


def test_sixty_lines_take_at_most_eight_times_as_long_as_three() -> None:
    def seconds(lines: int) -> float:
        document = a_snapshot(a_sale(*many_lines(lines)))
        pdf.render(document)
        taken = []
        for _ in range(3):
            started = time.process_time()
            pdf.render(document)
            taken.append(time.process_time() - started)
        return min(taken)

    assert seconds(60) <= 8 * seconds(3)
