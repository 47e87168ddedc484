"""Delivery reports (RFC 3464): which of our mails came back, and why."""

import email
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
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
    """
    # `email` makes a message of each blank line between fields: of a report full of them that would take seconds.
    report = email.message_from_bytes(re.sub(rb"(?:\r?\n){3,}", b"\n\n", content))
    if report.get_content_type() != "multipart/report":
        return None
    parts = _inside(report)
    failed = next((one for one in _recipients(parts) if _field(one, "Action").lower().startswith("failed")), None)
    message_id = _message_id(report, parts)
    if failed is None or not message_id:
        return None
    reason = re.sub(r"^[\w-]+\s*;\s*", "", _field(failed, "Diagnostic-Code"))
    status = _status(_field(failed, "Status"), reason)
    said = reason if status in reason else f"{status} {reason}"
    return Bounce(message_id, _trouble(status), f"Message revenu : {said}"[:300].rstrip(" :"))


def _recipients(parts: Sequence[Message]) -> Iterator[Message]:
    """Return the groups of fields of a report: one about the mail, then one about each recipient.

    `email` takes each for a message without a body; of the UTF-8 kind only the first, whose body are the others.
    """
    for part in parts:
        if part.get_content_type() in REPORTS:
            for fields in _inside(part):
                yield fields
                rest = fields.get_payload()
                if isinstance(rest, str):
                    yield from map(email.message_from_string, re.split(r"\r?\n\r?\n", rest))


def _message_id(report: Message, parts: Sequence[Message]) -> str:
    """Return the Message-ID of what came back: by its own heading, else by what the report is an answer to."""
    headings = [heading for part in parts if part.get_content_type() not in REPORTS for heading in _headings(part)]
    fields = [_field(heading, "Message-ID") for heading in headings] + [_field(report, "In-Reply-To")]
    found = (re.search(MESSAGE_ID, field) for field in fields)
    return next((match[0] for match in found if match), "")


def _headings(part: Message) -> list[Message]:
    """Return the heading of the mail that this part of a report brings back, if it is that part."""
    if part.get_content_maintype() == "message":
        return _inside(part)
    text = part.get_payload(decode=True) if part.get_content_type() == "text/rfc822-headers" else None
    return [email.message_from_bytes(text)] if isinstance(text, bytes) else []


def _inside(part: Message) -> list[Message]:
    inside = part.get_payload()
    return [each for each in inside if isinstance(each, Message)] if isinstance(inside, list) else []


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
