"""Delivery reports (RFC 3464): which of our mails came back, and why."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Literal

from mail.replies import one_line

Trouble = Literal["recipient", "message"]

STATUS = r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?!\.?\d)"
"""An enhanced status code: class, subject, detail (RFC 3463, 2)."""
MESSAGE_ID = r"<[!-;=?-~]{3,198}>"
"""An id between its angle brackets, in the letters that RFC 5322 (3.6.4) has for it."""
ABOUT_THE_MESSAGE = frozenset("3567")
"""Subjects of a status that speak of systems, protocol, content and policy; the others speak of the address."""
REPORTS = ("message/delivery-status", "message/global-delivery-status")
MOST_PARTS = 10  # A report has three: for people, for machines, and what came back.
MOST_RECIPIENTS = 100
LONGEST_TYPE = 2000  # Letters of a Content-Type: what `email` does with its parameters takes their square.


@dataclass(frozen=True, slots=True)
class Bounce:
    """A mail that will not arrive: its Message-ID, what was refused, and the server's reason as one line in French."""

    message_id: str
    trouble: Trouble
    detail: str


def read(content: bytes) -> Bounce | None:
    """Return what this message says came back, or None when it reports no mail as failed for good.

    Only a delivery report is believed (RFC 3464, 2; RFC 6533 for addresses beyond ASCII), and of it only the action
    `failed` (2.3.3): delays, successes, receipts, absence notices and people's answers are none. Nobody signs a report;
    what it names has to be known by its Message-ID, which only those have who handled that mail.

    A message that is cut off is read as far as it goes. One that is malformed may raise anything that `email` raises.
    None costs more than its length: headings alone are given to `email`, of so many parts and recipients at most, and
    what is inside of a part is not looked into.
    """
    report = BytesHeaderParser().parsebytes(content)
    if report.get_content_type() != "multipart/report":
        return None
    parts = _parts(report)
    failed = next((one for one in _recipients(parts) if _field(one, "Action").lower().startswith("failed")), None)
    message_id = _message_id(report, parts)
    if failed is None or not message_id:
        return None
    reason = re.sub(r"^[\w-]+\s*;\s*", "", _field(failed, "Diagnostic-Code"))
    status = _status(_field(failed, "Status"), reason)
    said = reason if status in reason else f"{status} {reason}"
    return Bounce(message_id, _trouble(status), f"Message revenu : {said}"[:300].rstrip(" :"))


def _parts(report: Message) -> list[Message]:
    """Return the parts of a report, each with its heading and with its text as it stands."""
    boundary = report.get_boundary() if len(str(report["Content-Type"])) <= LONGEST_TYPE else None
    if boundary is None:
        return []
    line, end = b"^--" + re.escape(boundary.encode(errors="surrogateescape")), rb"[ \t]*\r?(?:\n|\Z)"
    body, *_epilogue = re.split(line + b"--" + end, _content(report), maxsplit=1, flags=re.MULTILINE)
    _preamble, *parts = re.split(line + end, body, maxsplit=MOST_PARTS + 1, flags=re.MULTILINE)
    return [BytesHeaderParser().parsebytes(part) for part in parts[:MOST_PARTS]]


def _recipients(parts: Sequence[Message]) -> Iterator[Message]:
    """Return the groups of fields of a report: one about the mail, then one about each recipient."""
    for part in parts:
        if part.get_content_type() in REPORTS:
            groups = re.split(rb"(?:\r?\n){2,}", _content(part), maxsplit=MOST_RECIPIENTS + 1)
            yield from map(BytesHeaderParser().parsebytes, groups[: MOST_RECIPIENTS + 1])


def _message_id(report: Message, parts: Sequence[Message]) -> str:
    """Return the Message-ID of what came back: by its own heading, else by what the report is an answer to."""
    headings = [BytesHeaderParser().parsebytes(_content(part)) for part in parts if _brings_a_heading(part)]
    fields = [_field(heading, "Message-ID") for heading in headings] + [_field(report, "In-Reply-To")]
    found = (re.search(MESSAGE_ID, field) for field in fields)
    return next((match[0] for match in found if match), "")


def _brings_a_heading(part: Message) -> bool:
    """Whether this part of a report is what came back, whole or its heading alone."""
    kind = part.get_content_type()
    return kind == "text/rfc822-headers" or (kind.startswith("message/") and kind not in REPORTS)


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _status(stated: str, reason: str) -> str:
    """Return the status code; the one in the server's words where the report's own says nothing in particular."""
    codes = re.findall(STATUS, stated) + re.findall(STATUS, reason)
    return next((code for code in codes if not code.endswith(".0.0")), codes[0] if codes else "")


def _trouble(status: str) -> Trouble:
    _class, _, about = status.partition(".")
    too_big_for_the_mailbox = about == "2.3"
    subject = about.partition(".")[0]
    return "message" if subject in ABOUT_THE_MESSAGE or too_big_for_the_mailbox else "recipient"


def _field(message: Message, name: str) -> str:
    """Return a field as one printable line, empty when it is not there."""
    return one_line(str(message.get(name, "")), longest=None)
