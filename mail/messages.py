"""What our e-mails say: data in, a finished `EmailMessage` out, the same bytes for the same data.

A mail is a folder of `templates/emails`: a subject, a text and an HTML twin. No Flask here, so that a worker,
a test and a preview page all get the message that is sent.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr
from functools import cache
from pathlib import Path
from typing import Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from mail import words
from mail.addresses import envelope_form

Repayment = Literal["", "made", "due", "none"]

LONGEST_QUOTED = 40
JOINERS = "\u200c\u200d"
"""What holds the letters of a script or the parts of an emoji together, unseen and harmless."""
DIVIDING = re.compile(r'[<>@,;:"()\[\]\\]')
TEMPLATES = Path(__file__).parent.parent / "templates" / "emails"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What every mail carries: from whom, to whom, under which fixed id and date, in the shop's name.

    `sender` is `MAIL_FROM`, `reply_to` is `SUPPORT_EMAIL`; `to` may be several addresses separated by commas
    (the shop's own). `date` is the delivery's, not the attempt's: a second attempt sends the same message.
    `accent` is the shop's colour as #rrggbb, dark enough for white text (`documents.seller` takes no other); `imprint`
    says in lines who the shop is in law, as each letter of a merchant does (Code de commerce R123-237).
    """

    sender: str
    reply_to: str
    to: str
    message_id: str
    date: datetime
    shop_name: str
    accent: str = "#1f4e5f"
    imprint: tuple[str, ...] = ()
    language: str = "fr"
    translate: Callable[[str], str] = str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """An issued document as a mail presents and attaches it; `amount` is written for people (« 31,72 € »).

    `refers_to` is the number of the invoice that a credit note credits or a new invoice replaces, "" of any other;
    `reason` is the sentence that the document prints. Of a credit note `repayment` says what becomes of the money.
    `replaced_by` is the number of the invoice that takes the place of this one, or of the one that this credits.
    `is_orphan` says that the customer had their data erased, so that the shop itself gets it.
    """

    number: str
    kind: Literal["invoice", "credit_note"]
    issued_on: date
    order_number: str
    ordered_on: date
    amount: str
    file_name: str
    pdf: bytes
    refers_to: str = ""
    reason: str = ""
    repayment: Repayment = ""
    replaced_by: str = ""
    for_company: bool = False
    is_orphan: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request for an invoice as its customer is told of it: what it waits for, or between when the invoice comes.

    `amount` is what the order came to, written for people; `waits_for` is what an `InvoiceRequest` waits for, "" when
    `earliest` and `deadline` are known. `made_out_to` is name and address in lines, for a proven mailbox only, and
    nothing while the details are not complete.
    """

    order_number: str
    ordered_on: date
    amount: str
    asked_at: datetime
    waits_for: str = ""
    earliest: datetime | None = None
    deadline: datetime | None = None
    delay_hours: int = 24
    deadline_hours: int = 48
    made_out_to: tuple[str, ...] = ()
    purchase_order: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something out of order, in sentences for the merchant: what, which orders (or ""), since when, and what to do."""

    what: str
    names: str
    since: str
    todo: str


def confirmation(heading: Heading, *, link: str, code: str) -> EmailMessage:
    """Return the mail that proves a mailbox: a 6-digit code for the page that is open, or a link."""
    return _message(heading, "confirmation", link=link, code=code)


def confirmation_reminder(heading: Heading, *, link: str, code: str) -> EmailMessage:
    """Return the reminder that an invoice waits for the address to be confirmed."""
    return _message(heading, "confirmation_reminder", link=link, code=code)


def password_reset(heading: Heading, *, link: str) -> EmailMessage:
    """Return the mail with the link to choose a new password."""
    return _message(heading, "password_reset", link=link)


def password_changed(heading: Heading, *, reset_url: str) -> EmailMessage:
    """Return the mail that tells an account that its password has changed."""
    return _message(heading, "password_changed", reset_url=reset_url, at=heading.date)


def second_factor_changed(heading: Heading, *, reset_url: str) -> EmailMessage:
    """Return the mail that tells an admin that their second factor has changed, or a recovery code was used."""
    return _message(heading, "second_factor_changed", reset_url=reset_url, at=heading.date)


def account_erased(heading: Heading) -> EmailMessage:
    """Return the last mail that an account gets: that it is deleted, and what the law keeps."""
    return _message(heading, "account_erased", at=heading.date)


def invitation(heading: Heading, *, link: str, manages: bool) -> EmailMessage:
    """Return the mail that invites somebody to administer the shop, or to look at what is there."""
    return _message(heading, "invitation", link=link, manages=manages)


def data_export(heading: Heading, *, page_url: str) -> EmailMessage:
    """Return the mail that says that the file of a customer's data is ready; the file itself never travels by mail."""
    return _message(heading, "data_export", page_url=page_url)


def order_code(heading: Heading, *, order_number: str, code: str, sign_in_url: str) -> EmailMessage:
    """Return the mail whose 6-digit code gives an order to another account; without a code: it is in one already."""
    return _message(heading, "order_code", order_number=order_number, code=code, sign_in_url=sign_in_url)


def sign_in_code(heading: Heading, *, code: str, until: datetime | None) -> EmailMessage:
    """Return the mail whose 6-digit code signs in until then; without a code: it came too late, or was used."""
    return _message(heading, "sign_in_code", code=code, until=until)


def account_exists(heading: Heading, *, sign_in_url: str, reset_url: str) -> EmailMessage:
    """Return the mail that answers an attempt to open a second account for an address: how to sign in."""
    return _message(heading, "account_exists", sign_in_url=sign_in_url, reset_url=reset_url)


def email_change(heading: Heading, *, link: str, code: str) -> EmailMessage:
    """Return the mail that proves the mailbox an account is to have in future: a 6-digit code, or a link."""
    return _message(heading, "email_change", link=link, code=code)


def email_changed(heading: Heading) -> EmailMessage:
    """Return the mail that tells the former address of an account that it has another one now."""
    return _message(heading, "email_changed", at=heading.date)


def invoice(heading: Heading, document: Document, *, area_url: str | None) -> EmailMessage:
    """Return the mail that carries an invoice; `area_url` is where an account finds it again, None for a guest."""
    return _attach(_message(heading, "invoice", document=document, area_url=area_url), heading, document)


def credit_note(heading: Heading, document: Document, *, area_url: str | None) -> EmailMessage:
    """Return the mail that carries a credit note and says whether money comes back; `area_url` as for an invoice."""
    return _attach(_message(heading, "credit_note", document=document, area_url=area_url), heading, document)


def specimen(heading: Heading, document: Document) -> EmailMessage:
    """Return the mail that shows a specimen to the shop itself; customers never get one."""
    return _attach(_message(heading, "specimen", document=document), heading, document)


def correction_declined(heading: Heading, *, number: str, reason: str, area_url: str) -> EmailMessage:
    """Return the mail that says why an invoice is not corrected as its customer asked; `reason` is the shop's."""
    return _message(heading, "correction_declined", number=number, reason=reason, area_url=area_url)


def request_received(heading: Heading, asked: Asked, *, order_url: str) -> EmailMessage:
    """Return the mail that confirms that somebody asked for an invoice, and says when it will come."""
    return _message(heading, "request_received", asked=asked, order_url=order_url)


def request_problem(
    heading: Heading, *, order_number: str, ordered_on: date, amount: str, is_issued: bool, area_url: str | None
) -> EmailMessage:
    """Return the mail that says that an invoice is late and the shop knows; `area_url` as for an invoice."""
    order = {"order_number": order_number, "ordered_on": ordered_on, "amount": amount}
    return _message(heading, "request_problem", **order, is_issued=is_issued, area_url=area_url)


def request_cancelled(heading: Heading, *, order_number: str, reason: str, order_url: str) -> EmailMessage:
    """Return the mail that says why a requested invoice will not come; `reason` is a French sentence."""
    return _message(heading, "request_cancelled", order_number=order_number, reason=reason, order_url=order_url)


def alert(heading: Heading, troubles: Sequence[Trouble], *, admin_url: str) -> EmailMessage:
    """Return the mail that tells the shop what is out of order and what to do; there is one trouble at least."""
    return _message(heading, "alert", troubles=troubles, admin_url=admin_url)


def test(heading: Heading) -> EmailMessage:
    """Return the mail by which an admin tries whether mails arrive."""
    return _message(heading, "test")


def warm_up() -> None:
    """Afterwards the templates are compiled: the first mail takes no longer than the next."""
    environment = _environment(str, "fr")
    for name in environment.list_templates():
        environment.get_template(name)


@cache
def _environment(translate: Callable[[str], str], language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )

    said = words.translated(translate, language)

    def plural(one: str, many: str, count: int) -> str:
        return said(one if count == 1 else many)

    environment.install_gettext_callables(said, plural, newstyle=True)  # type: ignore[attr-defined]
    environment.filters.update(day=words.day, moment=words.moment)
    return environment


def _message(heading: Heading, name: str, **facts: object) -> EmailMessage:
    environment = _environment(heading.translate, heading.language)
    context = {
        **facts,
        "shop": heading.shop_name,
        "support": _bare(heading.reply_to),
        "language": heading.language,
        "accent": heading.accent,
        "imprint": heading.imprint,
    }

    def text(part: str) -> str:
        return environment.get_template(f"{name}/{part}").render(context)

    message = EmailMessage(policy=policy.SMTP)
    message["From"] = _from(heading)
    message["To"] = [_address(one) for one in heading.to.split(",")]
    message["Reply-To"] = _address(heading.reply_to)
    message["Subject"] = _literal(text("subject.txt"))
    message["Date"] = heading.date
    message["Message-ID"] = heading.message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: absence notices do not answer it…
    message["X-Auto-Response-Suppress"] = "All"  # …nor does Exchange, which reads its own header only.
    message.set_content(words.wrapped(text("body.txt")), cte="quoted-printable")
    message.add_alternative(text("body.html"), subtype="html", cte="quoted-printable")
    message.set_boundary(_boundary(heading, "alternative"))
    message["Content-Language"] = heading.language  # Before its content, it would go with the content it had.
    return message


def _attach(message: EmailMessage, heading: Heading, document: Document) -> EmailMessage:
    message.add_attachment(document.pdf, maintype="application", subtype="pdf", filename=document.file_name)
    message.set_boundary(_boundary(heading, "mixed"))
    return message


def _boundary(heading: Heading, part: str) -> str:
    """Derive the boundary from the message id: chance would give each attempt other bytes."""
    return "=_" + hashlib.sha256(f"{part}{heading.message_id}".encode()).hexdigest()[:40]


def _from(heading: Heading) -> Address:
    name, address = parseaddr(heading.sender)
    return Address(display_name=_named(name or heading.shop_name), addr_spec=envelope_form(address))


def _literal(text: str) -> str:
    """Return a text as one line of a header that says just that: the standard library would decode encoded words.

    Their line ends would begin headers of their own (CVE-2024-6923).
    """
    line = "".join(sign if sign.isprintable() or sign in JOINERS else " " for sign in text).replace("=?", "= ?")
    return " ".join(line.split())


def _named(name: str) -> str:
    """Return a name as a header can say it: literally, and a long one without what divides addresses.

    Where the standard library folds a name it forgets the quotes around it, and a comma would end the address.
    """
    line = _literal(name)
    return line if len(line) <= LONGEST_QUOTED else " ".join(DIVIDING.sub(" ", line).split())


def _address(written: str) -> Address:
    name, address = parseaddr(written)
    return Address(display_name=name, addr_spec=envelope_form(address))


def _bare(written: str) -> str:
    return parseaddr(written)[1]
