import re
from datetime import UTC, date, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import html5lib
import pytest
from lxml.etree import _Element

from mail import messages, samples

SITE = "https://factures.example"
LINK = f"{SITE}/confirmer/Zm9v_bar-baz"
XHTML = "{http://www.w3.org/1999/xhtml}"
HOSTILE = '<img src=x onerror=alert(1)> "{{7*7}}" & {% raw %}'


def a_heading(**changes: Any) -> messages.Heading:
    facts: dict[str, Any] = {
        "sender": "no-reply@boutique.example",
        "reply_to": "aide@boutique.example",
        "to": "claire@example.org",
        "message_id": "<delivery-1@boutique.example>",
        "date": datetime(2026, 11, 24, 9, 30, tzinfo=UTC),
        "shop_name": "L'Atelier du T-shirt",
        "accent": "#0f5c5c",
        "imprint": ("Atelier SAS · 14 rue de la Navette, 69004 Lyon", "RCS Lyon 123 456 782"),
    }
    return messages.Heading(**facts | changes)


def a_document(**changes: Any) -> messages.Document:
    facts: dict[str, Any] = {
        "number": "FA-2026-000001",
        "kind": "invoice",
        "issued_on": date(2026, 11, 24),
        "order_number": "T-100234",
        "ordered_on": date(2026, 11, 2),
        "amount": "31,72 €",
        "file_name": "FA-2026-000001.pdf",
        "pdf": b"%PDF-1.7 \xff\x00 bytes",
    }
    return messages.Document(**facts | changes)


def a_credit_note(**changes: Any) -> messages.Document:
    facts = {"number": "AV-2026-000001", "kind": "credit_note", "refers_to": "FA-2026-000001", "reason": "Retour"}
    return a_document(**facts | {"file_name": "AV-2026-000001.pdf", "repayment": "made"} | changes)


TROUBLE = messages.Trouble("Des factures sont arrêtées.", "T-100234", "Depuis le 24/11/2026, 10:30.", "Ouvrez-les.")
every_mail = pytest.mark.parametrize("sample", samples.SAMPLES, ids=[each.name for each in samples.SAMPLES])


def a_sample(kind: str, **heading: Any) -> EmailMessage:
    """Return the first variant of that kind."""
    return next(each for each in samples.SAMPLES if each.kind == kind).build(a_heading(**heading), SITE)


def parsed(message: EmailMessage) -> EmailMessage:
    received = message_from_bytes(message.as_bytes(), policy=policy.default)
    assert isinstance(received, EmailMessage)
    return received


def body(message: EmailMessage, kind: str) -> str:
    part = parsed(message).get_body((kind,))
    assert part is not None
    content: str = part.get_content()
    return content.replace("\r\n", "\n")


def plain(text: str) -> str:
    """Return the text with every blank, line end and no-break space as one blank."""
    return " ".join(text.split())


def words(message: EmailMessage, kind: str) -> str:
    """Return what a person reads, with plain blanks."""
    return plain(body(message, "plain")) if kind == "plain" else plain(" ".join(map(str, page(message).itertext())))


def page(message: EmailMessage) -> _Element:
    """Return the part of the HTML that is shown."""
    root = html5lib.parse(body(message, "html"), treebuilder="lxml").getroot()
    shown: _Element = next(root.iter(f"{XHTML}table"))
    return shown


@every_mail
def test_every_mail_has_its_head(sample: samples.Sample) -> None:
    message = parsed(sample.build(a_heading(), SITE))
    assert message["From"] == "L'Atelier du T-shirt <no-reply@boutique.example>"
    assert message["Reply-To"] == "aide@boutique.example"
    assert message["To"] == "claire@example.org"
    assert message["Message-ID"] == "<delivery-1@boutique.example>"
    assert message["Date"].datetime == datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    assert message["Auto-Submitted"] == "auto-generated"
    assert "L'Atelier du T-shirt" in message["Subject"]


@every_mail
def test_every_mail_says_the_same_in_text_and_html_and_whom_to_write_to(sample: samples.Sample) -> None:
    message = sample.build(a_heading(), SITE)
    text, paragraphs = (
        words(message, "plain"),
        [plain(" ".join(map(str, each.itertext()))) for each in page(message).iter(f"{XHTML}p")],
    )
    said = [each for each in paragraphs if each and not each.startswith("Si le bouton ne fonctionne pas")]
    assert [each for each in said if each not in text] == []
    assert set(text.split()) - set(words(message, "html").split()) <= {"--"}
    assert "Bonjour, " in text
    assert text.endswith("Atelier SAS · 14 rue de la Navette, 69004 Lyon RCS Lyon 123 456 782")
    assert "Répondez à ce message ou écrivez à : aide@boutique.example" in text


@every_mail
def test_html_is_valid_and_fit_for_the_dark(sample: samples.Sample) -> None:
    text = body(sample.build(a_heading(), SITE), "html")
    html5lib.HTMLParser(strict=True).parse(text)
    assert 'content="light dark"' in text
    assert "@media (prefers-color-scheme: dark)" in text


@every_mail
def test_no_mail_calls_anybody_or_tells_who_has_read_it(sample: samples.Sample) -> None:
    message = sample.build(a_heading(), SITE)
    html = body(message, "html")
    assert not re.search(
        r"<(img|script|link|iframe|object|video|audio|form)|url\(|@import|\b(src|srcset|background|on\w+)=", html
    )
    for text in (html, body(message, "plain")):
        for address in re.findall(r"\w+://[^\s\"<]+", text):
            assert re.fullmatch(rf"{SITE}/[\w/.-]+", address)  # No query: nothing in it says whose mail it was.
    assert set(re.findall(r'href="([^"]*)"', html)) <= {
        "mailto:aide@boutique.example",
        *re.findall(r"https://\S+", body(message, "plain")),
    }


@every_mail
def test_lists_of_mails_show_the_one_fact_beside_the_subject(sample: samples.Sample) -> None:
    message = sample.build(a_heading(), SITE)
    root = html5lib.parse(body(message, "html"), treebuilder="lxml").getroot()
    (hidden,) = (each for each in root.iter(f"{XHTML}div") if "display:none" in each.get("style", ""))
    line = plain(" ".join(hidden.itertext()))
    assert 20 < len(line) <= 150
    assert line not in str(message["Subject"])


@every_mail
def test_every_text_is_read_in_a_narrow_window(sample: samples.Sample) -> None:
    for line in body(sample.build(a_heading(), SITE), "plain").split("\n"):
        assert len(line) <= 76 or " " not in line  # An address stays whole.
        assert not re.match(r"[:;?!»]", line)
        assert not re.search(r" [:;?!»]|« ", line)


@every_mail
def test_the_same_delivery_gives_the_same_bytes(sample: samples.Sample) -> None:
    assert sample.build(a_heading(), SITE).as_bytes() == sample.build(a_heading(), SITE).as_bytes()
    assert (
        sample.build(a_heading(), SITE).as_bytes()
        != sample.build(a_heading(message_id="<delivery-2@boutique.example>"), SITE).as_bytes()
    )


@every_mail
def test_every_line_travels_through_any_server(sample: samples.Sample) -> None:
    content = sample.build(a_heading(), SITE).as_bytes()
    assert content.isascii()
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
    assert content.replace(b"\r\n", b"").count(b"\n") == 0


@every_mail
def test_every_sentence_can_be_translated(sample: samples.Sample) -> None:
    def shouted(text: str) -> str:
        return "".join(char for char in text.upper() if char != "%") if "%(" not in text else text

    assert "BONJOUR," in body(sample.build(a_heading(translate=shouted), SITE), "plain")


def test_a_confirmation_holds_one_code_and_one_link() -> None:
    text = body(a_sample("confirmation"), "plain")
    assert text.count("482913") == 1
    assert text.count(LINK) == 1


def test_the_invoice_is_attached_unchanged() -> None:
    message = parsed(messages.invoice(a_heading(), a_document(), area_url=LINK))
    [attachment] = message.iter_attachments()
    assert attachment.get_filename() == "FA-2026-000001.pdf"
    assert attachment.get_content_type() == "application/pdf"
    assert attachment.get_payload(decode=True) == b"%PDF-1.7 \xff\x00 bytes"


def test_the_invoice_that_replaces_another_asks_for_no_money() -> None:
    message = messages.invoice(a_heading(), a_document(number="FA-2", refers_to="FA-1"), area_url=LINK)
    for kind in ("plain", "html"):
        assert "remplace la facture FA-1" in words(message, kind)
        assert "rien à payer de plus" in words(message, kind)
        assert "établit aussitôt" not in words(message, kind)  # That was the first correction.
        assert "remplace" not in words(a_sample("invoice"), kind)


def test_an_invoice_that_was_replaced_says_so_when_it_is_sent_again() -> None:
    message = messages.invoice(a_heading(), a_document(replaced_by="FA-2"), area_url=LINK)
    for kind in ("plain", "html"):
        assert "remplacée par la facture FA-2, qui seule compte" in words(message, kind)
        assert "Corriger" not in words(message, kind)


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
    text = words(messages.credit_note(a_heading(), a_credit_note(**changes), area_url=LINK), kind)
    for fact in ("AV-2026-000001", "avoir sur la facture FA-2026-000001", "Motif : Retour", "31,72 €", said):
        assert fact in text
    sentences = ("a été remboursé", "sera remboursé", "aucun remboursement")
    assert sum(sentence in text for sentence in sentences) == 1


def test_companies_read_that_the_document_is_also_for_their_software() -> None:
    for kind in ("plain", "html"):
        for changes, expected in (({"for_company": True}, True), ({}, False)):
            invoice = messages.invoice(a_heading(), a_document(**changes), area_url=LINK)
            note = messages.credit_note(a_heading(), a_credit_note(**changes), area_url=None)
            assert ("Factur-X" in words(invoice, kind), "Factur-X" in words(note, kind)) == (expected, expected)


def test_a_declined_correction_says_why() -> None:
    message = a_sample("correction_declined")
    for kind in ("plain", "html"):
        text = words(message, kind).replace("&#39;", "'")
        assert "FA-2026-000001 n'est pas corrigée" in text
        assert "Ce SIRET est celui d'une autre société." in text


def test_a_guest_is_not_sent_to_an_area_they_do_not_have() -> None:
    message = messages.invoice(a_heading(), a_document(), area_url=None)
    assert "espace client" not in words(message, "plain") + words(message, "html")


def test_the_merchant_who_gets_it_instead_is_not_told_to_write_to_themselves() -> None:
    for is_orphan in (True, False):
        invoice = messages.invoice(a_heading(), a_document(is_orphan=is_orphan), area_url=None)
        note = messages.credit_note(a_heading(), a_credit_note(is_orphan=is_orphan), area_url=None)
        for message in (invoice, note):
            for kind in ("plain", "html"):
                said = words(message, kind)
                assert ("a fait effacer ses données" in said, "Une erreur sur" in said) == (is_orphan, not is_orphan)


def test_a_trial_says_specimen_from_the_first_word() -> None:
    for document, word in ((a_document(), "facture"), (a_credit_note(), "avoir")):
        message = messages.specimen(a_heading(), document)
        assert parsed(message)["Subject"].startswith(f"SPÉCIMEN – {word}")
        for kind in ("plain", "html"):
            assert "aucune valeur" in words(message, kind)
            assert f"{word} que le client aurait reçu" in words(message, kind)


def test_an_alert_says_each_trouble_since_when_and_what_to_do() -> None:
    others = messages.Trouble("Redis ne répond pas.", "", "Depuis le 24/11/2026, 10:31.", "Démarrez Redis.")
    message = messages.alert(a_heading(to="a@boutique.example, b@boutique.example"), [TROUBLE, others], admin_url=LINK)
    assert parsed(message)["Subject"] == "À regarder : Des factures sont arrêtées – L'Atelier du T-shirt"
    assert len(parsed(message)["To"].addresses) == 2
    for kind in ("plain", "html"):
        text = words(message, kind)
        for said in (TROUBLE.what, TROUBLE.names, TROUBLE.since, TROUBLE.todo, *(others.what, others.since, LINK)):
            assert said in text


def test_hostile_text_stays_text() -> None:
    message = messages.request_cancelled(
        a_heading(shop_name=HOSTILE), order_number="T-1", reason=HOSTILE, order_url=LINK
    )
    assert HOSTILE in words(message, "plain")
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


def test_every_folder_is_a_whole_mail_and_has_its_sample() -> None:
    folders = {
        path.name: {part.name for part in path.iterdir()} for path in messages.TEMPLATES.iterdir() if path.is_dir()
    }
    assert set(folders) == {each.kind for each in samples.SAMPLES}
    assert all(parts == {"subject.txt", "body.txt", "body.html"} for parts in folders.values())


def test_each_sample_is_found_by_a_name_of_its_own() -> None:
    assert len({each.name for each in samples.SAMPLES}) == len(samples.SAMPLES)
    assert [samples.find(each.name) for each in samples.SAMPLES] == list(samples.SAMPLES)
    assert samples.find("invoice-99") is None


@pytest.mark.parametrize("kind", ["plain", "html"])
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {
                "earliest": datetime(2026, 11, 24, 9, 0, tzinfo=UTC),
                "deadline": datetime(2026, 11, 25, 9, 5, tzinfo=UTC),
            },
            "entre le mardi 24 novembre à 10 h et le mercredi 25 novembre à 10 h 05.",
        ),
        ({"waits_for": "shipment"}, "entre 24 et 48 heures après l'expédition de votre commande."),
        ({"waits_for": "shipment", "delay_hours": 0}, "dès l'expédition de votre commande."),
        ({"waits_for": "details"}, "complétez-les depuis votre commande"),
        ({"waits_for": "reconciliation"}, "Nous vérifions les montants de votre commande"),
    ],
)
def test_a_request_is_confirmed_with_what_comes_next(kind: str, changes: dict[str, Any], said: str) -> None:
    asked = messages.Asked(
        order_number="T-1",
        ordered_on=date(2026, 11, 1),
        amount="31,72 €",
        asked_at=datetime(2026, 11, 23, 9, 0, tzinfo=UTC),
        made_out_to=("Claire Martin", "69002 Lyon"),
        **changes,
    )
    text = words(messages.request_received(a_heading(), asked, order_url=LINK), kind)
    facts = ("T-1 du 1er novembre 2026", "31,72 €", "Demandée le lundi 23 novembre à 10 h", "Claire Martin 69002 Lyon")
    for fact in (said, *facts, LINK, "Vous n'avez pas fait cette demande ?"):
        assert fact in text, fact
    assert ("Vous n'avez rien à faire" in text) == (changes.get("waits_for") != "details")


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_a_problem_is_told_calmly_and_leads_to_an_invoice_that_is_there_already(kind: str) -> None:
    order: dict[str, Any] = {"order_number": "T-1", "ordered_on": date(2026, 11, 1), "amount": "31,72 €"}
    for is_issued, area_url, there in ((True, LINK, True), (False, LINK, False), (True, None, False)):
        text = words(messages.request_problem(a_heading(), **order, is_issued=is_issued, area_url=area_url), kind)
        assert "Vous n'avez rien à faire : nous en sommes avertis" in text
        assert "T-1 du 1er novembre 2026" in text
        assert (LINK in text, "dans votre espace client" in text) == (there, there)


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "dimanche 25 octobre à 2 h 30 (heure d'été)"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "dimanche 25 octobre à 2 h 30 (heure d'hiver)"),
        (datetime(2026, 7, 1, 22, 5, tzinfo=UTC), "jeudi 2 juillet à 0 h 05"),
    ],
)
def test_moments_are_those_of_paris(at: datetime, said: str) -> None:
    assert said in words(messages.password_changed(a_heading(date=at), reset_url=LINK), "plain")


def test_a_mail_in_another_language_keeps_its_own_spaces() -> None:
    for language, said in (("en", "Bonjour, ?"), ("fr", "Bonjour,\u00a0?")):
        heading = a_heading(language=language, translate=lambda text: f"{text} ?")
        assert said in body(messages.password_reset(heading, link=LINK), "plain")
