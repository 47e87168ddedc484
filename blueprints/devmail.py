"""The mail that `bin/dev` caught, and each mail there is on made-up data, in the browser; in development only."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from flask import Blueprint, Response, abort, render_template

import clock
import config
from mail import samples
from mail.samples import SAMPLES, Sample
from services import history_words, letters

bp = Blueprint("devmail", __name__, url_prefix="/dev/mail")
SHOWN = 100
SHOWN_HEADERS: Sequence[str] = ("From", "To", "Reply-To", "Date", "Message-ID", "Auto-Submitted", "Content-Language")


@dataclass(frozen=True, slots=True)
class Caught:
    """One message as the pages show it."""

    name: str
    to: str
    subject: str
    at: datetime | None
    message: EmailMessage

    @property
    def html(self) -> str:
        """What mail programs show, "" where there is text alone."""
        body = self.message.get_body(("html",))
        return body.get_content() if body else ""

    @property
    def text(self) -> str:
        """The plain text that a person reads."""
        body = self.message.get_body(("plain",))
        return body.get_content().replace("\r\n", "\n") if body else ""

    @property
    def attachments(self) -> list[EmailMessage]:
        """The attached files."""
        return [part for part in self.message.iter_attachments() if isinstance(part, EmailMessage)]

    @property
    def file_names(self) -> list[str]:
        """What the attachments are called."""
        return [part.get_filename() or "piece-jointe" for part in self.attachments]


@bp.get("")
def inbox() -> str:
    """Show the newest messages."""
    files = sorted(_folder().glob("*.eml"), reverse=True)
    return render_template("devmail/inbox.html", mails=[_read(file) for file in files[:SHOWN]], more=len(files) > SHOWN)


@bp.get("/apercus")
def previews() -> str:
    """List every mail there is, each with its variants."""
    groups: dict[str, list[Sample]] = {}
    for sample in SAMPLES:
        groups.setdefault(sample.kind, []).append(sample)
    return render_template("devmail/previews.html", groups=groups, kinds=history_words.MAILS)


@bp.get("/apercus/<sample>")
def preview(sample: str) -> str:
    """Show one of them: its headers, its text, and where its HTML is."""
    found = _sample_or_404(sample)
    kind = history_words.MAILS[found.kind]
    return render_template("devmail/preview.html", sample=found, kind=kind, mail=_made_up(found), headers=SHOWN_HEADERS)


@bp.get("/apercus/<sample>/html")
def preview_html(sample: str) -> str:
    """Answer its HTML as a mail program would show it."""
    return _made_up(_sample_or_404(sample)).html


@bp.get("/<name>/html")
def message_html(name: str) -> str:
    """Answer the HTML of one message as a mail program would show it."""
    return _caught_or_404(name).html or abort(404)


@bp.get("/<name>")
def message(name: str) -> str:
    """Show one message as text, its links to be clicked, its attachments to be downloaded."""
    return render_template("devmail/message.html", mail=_caught_or_404(name))


@bp.get("/<name>/<int:position>")
def attachment(name: str, position: int) -> Response:
    """Hand out one attachment, byte for byte."""
    mail = _caught_or_404(name)
    if position >= len(mail.attachments):
        abort(404)
    part = mail.attachments[position]
    content = part.get_payload(decode=True)
    answer = Response(content if isinstance(content, bytes) else b"", mimetype=part.get_content_type())
    answer.headers.set("Content-Disposition", "attachment", filename=mail.file_names[position])
    return answer


def _sample_or_404(name: str) -> Sample:
    return samples.find(name) or abort(404)


def _made_up(sample: Sample) -> Caught:
    heading = letters.head("claire@example.org", "<apercu@boutique.example>", clock.now())
    return _shown(sample.name, sample.build(heading, config.current().public_url.rstrip("/")))


def _folder() -> Path:
    return config.current().var_dir / "mail"


def _caught_or_404(name: str) -> Caught:
    file = _folder() / name
    if not re.fullmatch(r"[\w-][\w.-]*\.eml", name) or not file.is_file():
        abort(404)
    return _read(file)


def _read(file: Path) -> Caught:
    return _shown(file.name, message_from_bytes(file.read_bytes(), policy=policy.default))


def _shown(name: str, mail: EmailMessage) -> Caught:
    try:
        at = mail["Date"].datetime
    except (AttributeError, ValueError):
        at = None
    return Caught(name, str(mail["To"] or ""), str(mail["Subject"] or ""), at if at and at.tzinfo else None, mail)
