"""Reports as mail servers write them: which mail came back, and whether its address or the message was refused."""

import email.message
import random
from typing import Any

import pytest

from mail import bounces
from mail.incoming import MOST_BYTES
from tests.support import reports

OURS = "<0123456789abcdef0123456789abcdef@client.boutique.example>"


@pytest.mark.parametrize(
    ("shape", "trouble", "detail"),
    [
        (reports.BY_EXIM, "recipient", "550-5.2.1 The account is closed. 550 5.2.1 Ask its owner."),
        (reports.BY_EXCHANGE, "message", "550 5.7.1 RESOLVER.RST.AuthRequired; authentication required"),
        (reports.BY_GMAIL, "recipient", "550-5.1.1 There is no such account. Please try 550-5.1.1 another address."),
        (reports.IN_UTF_8, "recipient", "550 5.1.1 bo\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}te inconnue"),
    ],
    ids=["exim", "exchange", "gmail", "utf-8"],
)  # fmt: skip
@pytest.mark.parametrize("line", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_every_server_says_it_in_its_own_shape(shape: str, trouble: str, detail: str, line: str) -> None:
    bounce = bounces.read(reports.like(shape, OURS, line=line))
    assert bounce is not None
    assert (bounce.message_id, bounce.trouble, bounce.detail) == (OURS, trouble, f"Message revenu : {detail}")


@pytest.mark.parametrize("original", ["message/rfc822", "text/rfc822-headers", "message/global", "text/plain"])
def test_what_came_back_is_known_by_its_heading(original: str) -> None:
    bounce = bounces.read(reports.postfix(OURS, original=original))
    assert (bounce and bounce.message_id) == (None if original == "text/plain" else OURS)


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded", ""])
def test_what_is_no_failure_for_good_is_ignored(action: str) -> None:
    assert bounces.read(reports.postfix(OURS, action=action, status="4.4.1", subject="Delayed Mail")) is None


@pytest.mark.parametrize("shape", [reports.ABSENCE, reports.RECEIPT], ids=["absence", "receipt"])
def test_what_answers_our_mail_without_reporting_a_failure_is_ignored(shape: str) -> None:
    assert bounces.read(reports.like(shape, OURS)) is None


def test_a_mail_that_only_looks_like_a_report_is_ignored() -> None:
    forwarded = reports.postfix(OURS).replace(b"multipart/report; report-type=delivery-status", b"multipart/mixed")
    assert bounces.read(forwarded) is None


@pytest.mark.parametrize(
    ("status", "reason", "trouble"),
    [
        ("5.1.1", "550 no such user", "recipient"),
        ("5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound", "recipient"),
        ("5.2.2", "552 mailbox full", "recipient"),
        ("5.4.4", "Host or domain name not found", "recipient"),
        ("4.4.7", "delivery time expired", "recipient"),
        ("5.0.0", "550 refused", "recipient"),
        ("", "550 refused by 5.196.3.2", "recipient"),
        ("5.2.3", "552 message too big for this mailbox", "message"),
        ("5.3.4", "552 message too big", "message"),
        ("5.6.0", "550 content", "message"),
        ("5.7.26", "550 5.7.26 unauthenticated sender", "message"),
        ("5.0.0", "550-5.7.1 this looks like spam. 550 5.7.1 go away", "message"),
        ("5.0.0 (other)", "554 5.70.1 no such subject", "recipient"),
    ],
)
def test_the_status_says_whether_the_address_or_the_message_was_refused(status: str, reason: str, trouble: str) -> None:
    bounce = bounces.read(reports.postfix(OURS, status=status, reason=reason))
    assert bounce is not None
    assert bounce.trouble == trouble
    assert bounce.detail.endswith(reason)


def test_a_reason_is_one_short_line_that_a_database_and_a_page_can_hold() -> None:
    bounce = bounces.read(reports.postfix(OURS, reason=f"550 a\x00b\x1b[2J \u202eetadilav\n\t{'x' * 400}"))
    assert bounce is not None
    assert bounce.detail.isprintable()
    assert bounce.detail.startswith("Message revenu : 5.1.1 550 a b [2J")
    assert len(bounce.detail) == 300


@pytest.mark.parametrize("message_id", ["", "<>", "abc@def", "<a b@c>", "<a\x00b@c>", "<hé@c>", f"<{'a' * 300}@b>"])
def test_an_id_that_is_none_reports_nothing(message_id: str) -> None:
    assert bounces.read(reports.postfix(message_id)) is None


def test_a_report_is_read_although_its_end_is_missing() -> None:
    whole = reports.postfix(OURS)
    cut = whole[: whole.index(b"Content-Type: text/plain; charset=utf-8\n\nBonjour")]
    assert (bounce := bounces.read(cut))
    assert bounce.message_id == OURS
    assert bounces.read(whole[: whole.index(OURS.encode()) + 20]) is None


def test_whatever_a_broken_report_says_can_be_kept_and_shown() -> None:
    chance = random.Random(4)  # noqa: S311 - Not a secret.
    for shape in (reports.BY_EXIM, reports.BY_GMAIL, reports.IN_UTF_8):
        whole = bytearray(reports.like(shape, OURS))
        for _ in range(60):
            changed = bytearray(whole)
            for place in chance.sample(range(len(whole)), 12):
                changed[place] = chance.choice(b'\x00\r\n:;="<>-\xff')
            bounce = bounces.read(bytes(changed))
            assert bounce is None or f"{bounce.message_id} {bounce.detail}".isprintable()


def test_a_report_full_of_blank_lines_is_read_at_once() -> None:
    report = reports.postfix(OURS).replace(b"X-Postfix-Queue-ID: 4XyZ\n", b"\n" * 200_000)
    assert bounces.read(report)


HEAD = b"Content-Type: multipart/report; boundary=0\n\n"
STATUS = HEAD + b"--0\nContent-Type: message/%s\n\n"
NESTED = b"".join(b"--%d\nContent-Type: multipart/mixed; boundary=%d\n\n" % (at, at + 1) for at in range(200))
HOSTILE = {
    "nested": (HEAD + NESTED, b"a\n"),
    "brought back within what came back": (HEAD + b"--0\n", b"Content-Type: message/rfc822\n\n"),
    "parts": (HEAD, b"--0\n\n"),
    "recipients": (STATUS % b"delivery-status", b"Action: delayed\n\n"),
    "recipients beyond ASCII": (STATUS % b"global-delivery-status", b"Action: delayed\n\n"),
    "parameters": (b"Content-Type: multipart/report; boundary=0", b";"),
    "a parameter without an end": (b'Content-Type: multipart/report; boundary="', b";"),
}


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give what reading costs beyond its length: 1 for each message made, for parameters the square of their length."""
    done: list[int] = []
    make, parameters = email.message.Message.__init__, email.message._parseparam  # type: ignore[attr-defined]

    def made(self: email.message.Message, **options: Any) -> None:
        done.append(1)
        make(self, **options)

    def taken_apart(text: str) -> Any:
        done.append(len(text) ** 2 // 10_000)
        assert sum(done) < 1000, "before it takes long"
        return parameters(text)

    monkeypatch.setattr(email.message.Message, "__init__", made)
    monkeypatch.setattr(email.message, "_parseparam", taken_apart)
    return done


@pytest.mark.parametrize("shape", HOSTILE)
def test_the_worst_message_costs_little_more_than_its_length(shape: str, work: list[int]) -> None:
    start, unit = HOSTILE[shape]
    message = (start + unit * MOST_BYTES)[:MOST_BYTES]
    assert bounces.read(message) is None
    assert sum(work) < 150


@pytest.mark.parametrize(
    ("repeated", "before", "heard"),
    [
        (b"Final-Recipient: rfc822; paul@example.org\nAction: delayed\n\n", b"Final-Recipient", 99),
        (b"--4XyZ.1795510801/mail.boutique.example\n\n", b"--4XyZ.1795510801/mail.boutique.example\nContent", 7),
    ],
    ids=["recipients", "parts"],
)
def test_a_hundred_recipients_and_ten_parts_are_heard(repeated: bytes, before: bytes, heard: int) -> None:
    report = reports.postfix(OURS)
    assert bounces.read(report.replace(before, repeated * heard + before, 1))
    assert bounces.read(report.replace(before, repeated * (heard + 1) + before, 1)) is None
