"""What a shop, a file or a person says comes out as it was said, or is refused beside its field; nothing obeys it."""

import re
import unicodedata
from datetime import date
from email.message import EmailMessage
from io import BytesIO
from itertools import cycle, islice, product
from typing import Any

import html5lib
import pytest
from flask import Flask
from lxml import etree
from pypdf import PdfReader
from sqlalchemy import select

from documents import archive, fonts
from extensions import db
from mail import messages
from models import Order, Shipment
from parties.details import Details
from parties.texts import visible
from services import files
from shops import readings
from shops.numbers import is_order_number
from shops.schema import InvalidMessage, OrderMessage
from tests.mail.test_messages import LINK, a_credit_note, a_document, a_heading, parsed
from tests.security.corpus import SMUGGLED, SURROGATE, TEXTS, UNSEEN
from tests.shops.messages import a_message, a_refund
from tests.support.client import LintingClient
from tests.support.customers import an_issued_invoice, draw, page_of, sign_in
from tests.support.factories import PLACED, a_customer, an_order, company_details
from tests.support.factories import a_line as a_row
from tests.support.shops import Signer, a_key, a_shop

pytestmark = pytest.mark.databases("sqlite")

FREE = {
    "billing.first_name": 200, "billing.last_name": 200, "billing.company_name": 200, "billing.line1": 200,
    "billing.line2": 200, "billing.city": 200, "shipping_address.name": 200, "shipping_address.line1": 200,
    "shipping_address.line2": 200, "shipping_address.city": 200, "payment_method": 60, "purchase_order": 100,
    "existing_invoice": 64, "lines.0.sku": 100, "lines.0.description": 1000, "lines.0.exemption": 200,
    "shipments.0.id": 64, "shipments.0.carrier": 100, "shipments.0.tracking_number": 100, "refunds.0.id": 64,
}  # fmt: skip
"""The fields of an order that hold any text, each with the most that it takes."""
STRICT = ("number", "email", "locale", "currency", "placed_at", "billing.country", "billing.kind", "lines.0.kind",
          "lines.0.quantity", "lines.0.unit_price", "lines.0.vat_category", "shipments.0.tracking_url")  # fmt: skip
"""Those that none of the texts may get into."""
LINKS = (
    "javascript:alert(1)", "JavaScript:alert(1)", "\tjavascript:alert(1)", "data:text/html,<script>alert(1)</script>",
    "http://suivi.example/1", "//evil.example/1", "https:evil.example", "https:///evil.example", "https://",
    "https://suivi.example@evil.example/", "https://suivi.example:8443/", "https://suivi.example/\"onclick='x'",
    "https://suivi.example/<b>", "https://suivi.example/a b", "https://suivi.example\\@evil.example/",
    "vbscript:x", "ftp://suivi.example/", "file:///etc/passwd", "https://[::1", "https://suivi.example/\u2028x",
)  # fmt: skip


def kept(text: str) -> str:
    """Return the text as it is kept: composed, without blanks around it and without what turns a line around."""
    return unicodedata.normalize("NFC", "".join(sign for sign in text if sign not in UNSEEN)).strip()


def is_refused(text: str, most: int) -> bool:
    """Say whether a shop may not send this text: it holds a control or what XML has no way to write, or is too long."""
    unreadable = any(unicodedata.category(sign) in ("Cc", "Cs") or sign in "\ufffe\uffff" for sign in text)
    return unreadable or len(kept(text)) > most


def an_order_with(text: str, *paths: str, **changes: Any) -> dict[str, Any]:
    """Return an order as a shop sends it, with the text in these fields."""
    parcel = {"id": "1", "shipped_at": "2026-11-03T10:00:00+01:00"}
    sent = a_message(shipments=[parcel], refunds=[a_refund()], billing={}, **changes)
    for path in paths:
        *parts, last = path.split(".")
        place: Any = sent
        for part in parts:
            place = place[int(part) if part.isdigit() else part]
        place[last] = text
    return sent


def dotted(field: str) -> str:
    return re.sub(r"\[(\d+)\]", r".\1", field)


def plain(text: str) -> str:
    return " ".join(text.split())


def read_on(page: str) -> str:
    """Return what a person reads on a page, blanks of any kind as one."""
    return plain(" ".join(str(text) for text in html5lib.parse(page, treebuilder="lxml").getroot().itertext()))


def test_a_shop_may_say_anything_that_can_be_printed_and_is_told_what_cannot(client: LintingClient) -> None:
    signer = Signer(client, a_key(a_shop()))
    for place, (name, text) in enumerate({**TEXTS, "half a character": SURROGATE}.items()):
        number, wrong = f"T-{place}", {path for path, most in FREE.items() if is_refused(text, most)}
        if wrong:
            answer = signer.call("PUT", f"/api/v1/orders/{number}", an_order_with(text, *FREE, number=number))
            assert (answer.status_code, answer.mimetype) == (422, "application/problem+json"), name
            assert {dotted(error["field"]) for error in answer.get_json()["errors"]} == wrong, name
            assert all(visible(error["message"]) == error["message"] for error in answer.get_json()["errors"]), name
        good = [path for path in FREE if path not in wrong]
        answer = signer.call("PUT", f"/api/v1/orders/{number}", an_order_with(text, *good, number=number))
        assert answer.status_code == 201, name
        order = db.session.scalars(select(Order).where(Order.number == number)).one()
        if len(good) == len(FREE):
            line, (parcel,) = order.lines[0], order.shipments
            said = (line.description, line.sku, line.exemption, parcel.carrier, order.payment_method)
            assert {*said, order.purchase_order, (order.shipping_address or {})["city"]} == {kept(text)}, name


def test_what_is_no_free_text_takes_none() -> None:
    for path, (name, text) in product(STRICT, TEXTS.items()):
        if path == "number" and kept(text) != text and is_order_number(kept(text)):
            continue  # It is cleaned like any other text, and then it is a number.
        with pytest.raises(InvalidMessage) as refused:
            OrderMessage.checked(an_order_with(text, path))
        assert [dotted(problem.path) for problem in refused.value.problems] == [path], name


def test_a_parcel_is_followed_by_a_plain_address_or_by_none(client: LintingClient) -> None:
    for link in LINKS:
        with pytest.raises(InvalidMessage):
            OrderMessage.checked(an_order_with(link, "shipments.0.tracking_url"))
        assert readings.parcel(parcel_id=1, shipped_at="2026-11-03T10:00:00+01:00", url=link)["tracking_url"] == "", (
            link
        )
    link = "https://suivi.example/?n=8R1&l=fr#ici"
    assert readings.parcel(parcel_id=1, shipped_at="", url=link)["tracking_url"] == link
    parcel = Shipment(ref="1", shipped_at=PLACED, carrier="La Poste", tracking_number="8R1", tracking_url=LINKS[0])
    order = an_order(customer=sign_in(client, a_customer()), shipments=[parcel])
    page = client.get(page_of(order)).text
    assert "suivre le colis" not in page
    assert "8R1" in page


# One document of everything that may stand in one.

SAID = [text for text in TEXTS.values() if not is_refused(text, 1000)]
"""What a line of an order may say."""
NAMES = [text for text in SAID if len(kept(text)) <= 200 and any(sign.isalnum() for sign in text)]
"""What a buyer may be called."""


def details(**changes: Any) -> Details:
    """Return a company of Lyon whose texts are hostile ones."""
    named = islice(cycle(NAMES), 4)
    return company_details(**dict(zip(("company_name", "line1", "line2", "city"), named, strict=True)) | changes)


@pytest.fixture
def hostile(client: LintingClient) -> Order:
    """Give an order of a signed-in customer that says all of it, invoiced and drawn."""
    lines = [a_row(description=kept(text), sku=kept(text)[:100]) for text in SAID]
    address = {"name": NAMES[0], "line1": NAMES[1], "line2": NAMES[2], "postal_code": "69002", "city": NAMES[3]}
    parcels = [
        Shipment(ref=str(place), shipped_at=PLACED, carrier=kept(text)[:100], tracking_number=kept(text)[:100])
        for place, text in enumerate(SAID)
    ]
    order = an_order(
        customer=sign_in(client, a_customer()),
        lines=lines,
        billing=details(),
        shipping_address=address | {"country": "FR"},
        shipments=parcels,
        payment_method=NAMES[4][:60],
        purchase_order=NAMES[5][:100],
        shipped_at=PLACED,
    )
    draw(an_issued_invoice(order, drawn=False))
    return order


def test_pages_show_it_and_obey_none(client: LintingClient, app: Flask, hostile: Order) -> None:
    (invoice,) = hostile.documents
    merchant = app.test_client()
    assert isinstance(merchant, LintingClient)
    sign_in(merchant, a_customer(email="patron@example.org", admin=True))
    everything = {page_of(hostile): client, f"/espace-client/factures/{invoice.number}.html": client}
    others = {"/espace-client/commandes": client, "/espace-client/factures": client,
              "/espace-client/donnees-de-facturation": client, "/admin/": merchant, "/admin/?q=T-": merchant,
              f"/admin/commandes/{hostile.number}": merchant}  # fmt: skip
    for url, browser in {**everything, **others}.items():
        page = browser.get(url).text
        assert not [each for each in SMUGGLED if each in page], url
        if url in everything:
            read = read_on(page)
            assert [text for text in SAID if plain(kept(text)) not in read] == [], url


def test_the_pdf_shows_it_and_its_xml_says_it(hostile: Order) -> None:
    (invoice,) = hostile.documents
    content = files.read(invoice)
    assert content
    letters = "".join("".join(page.extract_text() for page in PdfReader(BytesIO(content)).pages).split())
    latin = [text for text in SAID if all(ord(sign) < 0x250 for sign in kept(text))]
    assert len(latin) > len(SAID) * 0.75
    assert [text for text in latin if "".join(fonts.printable(kept(text)).split()) not in letters] == []
    written = archive.embedded_xml(content)
    assert written
    xml = etree.fromstring(written)
    said = {plain(str(text)) for text in xml.itertext()}
    assert [text for text in SAID if plain(kept(text)) not in said] == []
    assert b"<!DOCTYPE" not in written


HEADERS = {
    "From", "Reply-To", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress",
    "MIME-Version", "Content-Type",
}  # fmt: skip
"""What heads every mail, and no word of a shop or a person adds to it."""

KINDS = (
    "invoice", "credit_note", "correction_declined", "request_received", "request_problem", "request_cancelled",
    "alert",
)  # fmt: skip
ATTACHED = ("invoice", "credit_note")


def built(kind: str, text: str) -> EmailMessage:
    """Return the mail of this kind that says the text wherever it says anything of a shop or a person."""
    heading, said = a_heading(shop_name=text), f"Commande {text}."
    changes = {"order_number": text, "reason": said, "refers_to": text, "amount": text}
    if kind == "invoice":
        return messages.invoice(heading, a_document(**changes), area_url=LINK)
    if kind == "credit_note":
        return messages.credit_note(heading, a_credit_note(**changes), area_url=LINK)
    if kind == "correction_declined":
        return messages.correction_declined(heading, number="1", reason=said, area_url=LINK)
    order: dict[str, Any] = {"order_number": text, "ordered_on": date(2026, 11, 2), "amount": text}
    if kind == "request_received":
        asked = messages.Asked(
            **order, asked_at=heading.date, waits_for="shipment", made_out_to=(text, text), purchase_order=text
        )
        return messages.request_received(heading, asked, order_url=LINK)
    if kind == "request_problem":
        return messages.request_problem(heading, **order, is_issued=True, area_url=LINK)
    if kind == "request_cancelled":
        return messages.request_cancelled(heading, order_number=text, reason=said, order_url=LINK)
    return messages.alert(heading, [messages.Trouble(said, text, said, said)], admin_url=LINK)


def test_mails_say_it_and_no_header_hears_it() -> None:
    """Each text in a mail of one kind, and what would end a line in a mail of each."""
    named = {name: text[:200] for name, text in TEXTS.items()}
    lines = [name for name in named if name.startswith("line: ")]
    for name, kind in {*zip(named, cycle(KINDS), strict=False), *product(lines, KINDS)}:
        text, mail = named[name], parsed(built(kind, named[name]))
        language = set() if kind in ATTACHED else {"Content-Language"}  # Beside a file, the words alone have one.
        assert sorted(mail.keys()) == sorted(HEADERS | language), (name, kind)
        assert [each.addr_spec for each in mail["To"].addresses] == ["claire@example.org"], name
        assert [each.addr_spec for each in mail["From"].addresses] == ["no-reply@boutique.example"], name
        html, words = (mail.get_body((each,)) for each in ("html", "plain"))
        assert html
        assert words
        assert not [each for each in SMUGGLED if each in html.get_content()], (name, kind)
        if text in SAID:
            assert plain(text) in plain(words.get_content()), (name, kind)
            assert plain(text) in read_on(html.get_content()), (name, kind)
