from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import html5lib
import pytest

from mail import messages

LINK = "https://factures.example/confirmer/Zm9v_bar-baz"
HOSTILE = '<img src=x onerror=alert(1)> "{{7*7}}" & {% raw %}'


def a_heading(**changes: Any) -> messages.Heading:
    facts: dict[str, Any] = {
        "sender": "no-reply@boutique.example",
        "reply_to": "aide@boutique.example",
        "to": "claire@example.org",
        "message_id": "<delivery-1@boutique.example>",
        "date": datetime(2026, 11, 24, 9, 30, tzinfo=UTC),
        "shop_name": "L'Atelier du T-shirt",
    }
    return messages.Heading(**facts | changes)


def a_document(**changes: Any) -> messages.Document:
    facts: dict[str, Any] = {
        "number": "FA-2026-000001",
        "kind": "invoice",
        "order_number": "T-100234",
        "amount": "31,72 €",
        "file_name": "FA-2026-000001.pdf",
        "pdf": b"%PDF-1.7 \xff\x00 bytes",
    }
    return messages.Document(**facts | changes)


def a_credit_note(**changes: Any) -> messages.Document:
    facts = {"number": "AV-2026-000001", "kind": "credit_note", "refers_to": "FA-2026-000001", "reason": "Retour"}
    return a_document(**facts | {"file_name": "AV-2026-000001.pdf", "repayment": "made"} | changes)


TROUBLE = messages.Trouble("Des factures sont arrêtées.", "T-100234", "Depuis le 24/11/2026, 10:30.", "Ouvrez-les.")
BUILDERS: dict[str, Callable[[messages.Heading], EmailMessage]] = {
    "confirmation": lambda heading: messages.confirmation(heading, link=LINK, code="482913"),
    "confirmation_reminder": lambda heading: messages.confirmation_reminder(heading, link=LINK, code="482913"),
    "password_reset": lambda heading: messages.password_reset(heading, link=LINK),
    "password_changed": lambda heading: messages.password_changed(heading, reset_url=LINK),
    "second_factor_changed": lambda heading: messages.second_factor_changed(heading, reset_url=LINK),
    "account_erased": messages.account_erased,
    "invitation": lambda heading: messages.invitation(heading, link=LINK, manages=True),
    "data_export": lambda heading: messages.data_export(heading, page_url=LINK),
    "order_code": lambda heading: messages.order_code(
        heading, order_number="T-100234", code="482913", sign_in_url=LINK
    ),
    "account_exists": lambda heading: messages.account_exists(heading, sign_in_url=LINK, reset_url=LINK),
    "email_change": lambda heading: messages.email_change(heading, link=LINK, code="482913"),
    "email_changed": messages.email_changed,
    "invoice": lambda heading: messages.invoice(heading, a_document(), area_url=LINK),
    "credit_note": lambda heading: messages.credit_note(heading, a_credit_note(), area_url=LINK),
    "correction_declined": lambda heading: messages.correction_declined(
        heading, number="FA-2026-000001", reason="Ce SIRET est celui d'une autre société.", area_url=LINK
    ),
    "specimen": lambda heading: messages.specimen(heading, a_document()),
    "request_cancelled": lambda heading: messages.request_cancelled(
        heading, order_number="T-100234", reason="Cette commande a été annulée.", order_url=LINK
    ),
    "alert": lambda heading: messages.alert(heading, [TROUBLE], admin_url=LINK),
    "test": messages.test,
}
every_mail = pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)


def parsed(message: EmailMessage) -> EmailMessage:
    received = message_from_bytes(message.as_bytes(), policy=policy.default)
    assert isinstance(received, EmailMessage)
    return received


def body(message: EmailMessage, kind: str) -> str:
    part = parsed(message).get_body((kind,))
    assert part is not None
    content: str = part.get_content()
    return content.replace("\r\n", "\n")


@every_mail
def test_every_mail_has_its_head(build: Callable[[messages.Heading], EmailMessage]) -> None:
    message = parsed(build(a_heading()))
    assert message["From"] == "L'Atelier du T-shirt <no-reply@boutique.example>"
    assert message["Reply-To"] == "aide@boutique.example"
    assert message["To"] == "claire@example.org"
    assert message["Message-ID"] == "<delivery-1@boutique.example>"
    assert message["Date"].datetime == datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    assert message["Auto-Submitted"] == "auto-generated"
    assert "L'Atelier du T-shirt" in message["Subject"]


@every_mail
def test_every_mail_says_the_same_in_text_and_html_and_whom_to_write_to(
    build: Callable[[messages.Heading], EmailMessage],
) -> None:
    message = build(a_heading())
    for kind in ("plain", "html"):
        text = body(message, kind)
        assert "Bonjour" in text
        assert "aide@boutique.example" in text
        for fact in ("482913", "FA-2026-000001", "T-100234", "31,72 €", LINK):
            assert (fact in body(message, "plain")) == (fact in text), fact


@every_mail
def test_html_is_valid_and_calls_nobody(build: Callable[[messages.Heading], EmailMessage]) -> None:
    text = body(build(a_heading()), "html")
    html5lib.HTMLParser(strict=True).parse(text)
    assert not any(word in text for word in ("<img", "<script", "<link", "url(", "@import", "onclick"))
    assert 'content="light dark"' in text


@every_mail
def test_the_same_delivery_gives_the_same_bytes(build: Callable[[messages.Heading], EmailMessage]) -> None:
    assert build(a_heading()).as_bytes() == build(a_heading()).as_bytes()
    assert build(a_heading()).as_bytes() != build(a_heading(message_id="<delivery-2@boutique.example>")).as_bytes()


@every_mail
def test_every_line_travels_through_any_server(build: Callable[[messages.Heading], EmailMessage]) -> None:
    content = build(a_heading()).as_bytes()
    assert content.isascii()
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
    assert content.replace(b"\r\n", b"").count(b"\n") == 0


@every_mail
def test_every_sentence_can_be_translated(build: Callable[[messages.Heading], EmailMessage]) -> None:
    def shouted(text: str) -> str:
        return "".join(char for char in text.upper() if char != "%") if "%(" not in text else text

    assert "BONJOUR," in body(build(a_heading(translate=shouted)), "plain")


def test_a_confirmation_holds_one_code_and_one_link() -> None:
    text = body(BUILDERS["confirmation"](a_heading()), "plain")
    assert text.count("482913") == 1
    assert text.count(LINK) == 1


def test_the_invoice_is_attached_unchanged() -> None:
    message = parsed(BUILDERS["invoice"](a_heading()))
    [attachment] = message.iter_attachments()
    assert attachment.get_filename() == "FA-2026-000001.pdf"
    assert attachment.get_content_type() == "application/pdf"
    assert attachment.get_payload(decode=True) == b"%PDF-1.7 \xff\x00 bytes"


def test_the_invoice_that_replaces_another_asks_for_no_money() -> None:
    message = messages.invoice(a_heading(), a_document(number="FA-2", refers_to="FA-1"), area_url=LINK)
    for kind in ("plain", "html"):
        assert "remplace la facture FA-1" in body(message, kind)
        assert "rien à payer de plus" in body(message, kind)
        assert "établit aussitôt" not in body(message, kind)  # That was the first correction.
        assert "remplace" not in body(BUILDERS["invoice"](a_heading()), kind)


def test_an_invoice_that_was_replaced_says_so_when_it_is_sent_again() -> None:
    message = messages.invoice(a_heading(), a_document(replaced_by="FA-2"), area_url=LINK)
    for kind in ("plain", "html"):
        assert "remplacée par la facture FA-2, qui seule compte" in body(message, kind)
        assert "Corriger" not in body(message, kind)


@pytest.mark.parametrize("kind", ["plain", "html"])
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"repayment": "made"}, "vous a été remboursé"),
        ({"repayment": "due"}, "vous sera remboursé"),
        ({"repayment": "none"}, "ne donne lieu à aucun remboursement."),
        ({"repayment": "none", "replaced_by": "FA-2026-000002"}, "est remplacée par la facture FA-2026-000002."),
    ],
)
def test_a_credit_note_says_what_it_credits_why_and_whether_money_comes_back(
    kind: str, changes: dict[str, Any], said: str
) -> None:
    text = body(messages.credit_note(a_heading(), a_credit_note(**changes), area_url=LINK), kind)
    for fact in ("AV-2026-000001", "avoir sur la facture FA-2026-000001", "Motif\u00a0: Retour", "31,72 €", said):
        assert fact in text
    sentences = ("a été remboursé", "sera remboursé", "aucun remboursement")
    assert sum(sentence in text for sentence in sentences) == 1


def test_companies_read_that_the_document_is_also_for_their_software() -> None:
    for kind in ("plain", "html"):
        for changes, expected in (({"for_company": True}, True), ({}, False)):
            invoice = messages.invoice(a_heading(), a_document(**changes), area_url=LINK)
            note = messages.credit_note(a_heading(), a_credit_note(**changes), area_url=None)
            assert ("Factur-X" in body(invoice, kind), "Factur-X" in body(note, kind)) == (expected, expected)


def test_a_declined_correction_says_why() -> None:
    message = BUILDERS["correction_declined"](a_heading())
    for kind in ("plain", "html"):
        text = body(message, kind).replace("&#39;", "'")
        assert "FA-2026-000001 n'est pas corrigée" in text
        assert "Ce SIRET est celui d'une autre société." in text


def test_a_guest_is_not_sent_to_an_area_they_do_not_have() -> None:
    message = messages.invoice(a_heading(), a_document(), area_url=None)
    assert "espace client" not in body(message, "plain") + body(message, "html")


def test_a_trial_says_specimen_from_the_first_word() -> None:
    for document, word in ((a_document(), "facture"), (a_credit_note(), "avoir")):
        message = messages.specimen(a_heading(), document)
        assert parsed(message)["Subject"].startswith(f"SPÉCIMEN – {word}")
        for kind in ("plain", "html"):
            assert "aucune valeur" in body(message, kind)
            assert f"{word} que le client aurait reçu" in body(message, kind)


def test_an_alert_says_each_trouble_since_when_and_what_to_do() -> None:
    others = messages.Trouble("Redis ne répond pas.", "", "Depuis le 24/11/2026, 10:31.", "Démarrez Redis.")
    message = messages.alert(a_heading(to="a@boutique.example, b@boutique.example"), [TROUBLE, others], admin_url=LINK)
    assert parsed(message)["Subject"] == "À regarder : Des factures sont arrêtées – L'Atelier du T-shirt"
    assert len(parsed(message)["To"].addresses) == 2
    for kind in ("plain", "html"):
        text = body(message, kind)
        for said in (TROUBLE.what, TROUBLE.names, TROUBLE.since, TROUBLE.todo, *(others.what, others.since, LINK)):
            assert said in text


def test_hostile_text_stays_text() -> None:
    message = messages.request_cancelled(
        a_heading(shop_name=HOSTILE), order_number="T-1", reason=HOSTILE, order_url=LINK
    )
    assert HOSTILE in body(message, "plain")
    html = body(message, "html")
    assert "<img" not in html
    assert "{{7*7}}" in html
    html5lib.HTMLParser(strict=True).parse(html)


def test_a_line_break_never_makes_a_header() -> None:
    document = a_document(order_number="T-1\r\nBcc: thief@example.org")
    for to in ("claire@example.org", "claire@example.org\r\nBcc: thief@example.org"):
        message = parsed(messages.invoice(a_heading(to=to), document, area_url=LINK))
        assert message["Bcc"] is None
        assert message["To"] == "claire@example.org"


def test_a_header_keeps_what_joins_letters_and_loses_what_turns_a_line_around() -> None:
    message = messages.password_reset(a_heading(shop_name="👩\u200d👧 \u202eر\u200cس\u2066 &\x00 fils"), link=LINK)
    assert parsed(message)["From"].addresses[0].display_name == "👩\u200d👧 ر\u200cس & fils"


def test_an_international_domain_is_written_in_ascii() -> None:
    assert (
        parsed(messages.password_reset(a_heading(to="elodie@exämple.fr"), link=LINK))["To"]
        == "elodie@xn--exmple-cua.fr"
    )


def test_the_shop_may_name_itself_and_have_several_addresses() -> None:
    heading = a_heading(sender="Atelier Été <no-reply@boutique.example>", to="a@boutique.example, b@boutique.example")
    message = parsed(messages.specimen(heading, a_document()))
    assert message["From"].addresses[0].display_name == "Atelier Été"
    assert [address.addr_spec for address in message["To"].addresses] == ["a@boutique.example", "b@boutique.example"]


def test_every_folder_is_a_whole_mail_and_has_its_builder() -> None:
    folders = {
        path.name: {part.name for part in path.iterdir()} for path in messages.TEMPLATES.iterdir() if path.is_dir()
    }
    assert set(folders) == set(BUILDERS)
    assert all(parts == {"subject.txt", "body.txt", "body.html"} for parts in folders.values())
