"""The mail that `bin/dev` caught, to be read in the browser; in development only."""

import re
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from flask import Blueprint, Response, abort, render_template

import config

bp = Blueprint("devmail", __name__, url_prefix="/dev/mail")
SHOWN = 100


@dataclass(frozen=True, slots=True)
class Caught:
    """One message as the pages show it."""

    name: str
    to: str
    subject: str
    at: datetime | None
    message: EmailMessage

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


def _folder() -> Path:
    return config.current().var_dir / "mail"


def _caught_or_404(name: str) -> Caught:
    file = _folder() / name
    if not re.fullmatch(r"[\w-][\w.-]*\.eml", name) or not file.is_file():
        abort(404)
    return _read(file)


def _read(file: Path) -> Caught:
    mail = message_from_bytes(file.read_bytes(), policy=policy.default)
    try:
        at = mail["Date"].datetime
    except (AttributeError, ValueError):
        at = None
    return Caught(file.name, str(mail["To"] or ""), str(mail["Subject"] or ""), at if at and at.tzinfo else None, mail)
