"""Who knocks at which door: the kinds of people that access is decided for, and the things they knock at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

import clock
from extensions import db
from models import Customer, DataExport, ExportPart
from services import inbox, sessions, shops, tokens, uploads
from services.shops import NewKey
from shops.arrivals import Unread
from shops.notation import Notation
from tests.support.client import LintingClient
from tests.support.customers import a_correction, an_issued_invoice, draw
from tests.support.factories import a_customer, an_order, billing_details, company_details
from tests.support.shops import Signer, a_key, a_shop

ROLES = ("visitor", "guest", "unconfirmed", "owner", "stranger", "reader", "manager", "shop")
SECRETS = ("Mercière", "69002", "Claire Martin")
"""What the addresses of the orders say, for their proven owner and the merchant alone."""

OF_A_DOCUMENT = ("invoices.", "admin.pdf", "admin.xml", "admin.credit")
"""The routes whose number is a document's; elsewhere it is an order's."""

LINKS = {
    "auth.reset": "password_reset",
    "auth.enter": "shop_sign_in",
    "auth.press_enter": "shop_sign_in",
    "account.confirm_address": "email_change",
    "team.accept": "invitation",
    "team.press_accept": "invitation",
    "account.press_confirm_address": "email_change",
}
"""The routes whose link proves something else than the mailbox of an account."""

FAR_AWAY = {"REMOTE_ADDR": "203.0.113.7"}


class SigningClient(LintingClient):
    """Signs each call, whatever it calls, as a shop does that holds this key."""

    def __init__(self, app: Flask, *, key: NewKey) -> None:
        """Sign with this key."""
        super().__init__(app, app.response_class)
        self.key = key

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Send a request with its signature."""
        signed = Signer(self, self.key).headers(kwargs.get("method", "GET"), args[0], b"")
        if not args[0].startswith("/api/"):
            del signed["Content-Type"]  # A form is none.
        return super().open(*args, **kwargs, headers=signed)


@dataclass(frozen=True, slots=True)
class Doors:
    """Two people's orders and invoices, one looked up by a guest, and the values that fill the routes."""

    accounts: Mapping[str, Customer]
    orders: Mapping[str, str]
    invoices: Mapping[str, str]
    devices: Mapping[str, int]
    corrections: Mapping[str, int]
    email: str
    message: int
    upload: int
    export: int
    year: int
    member: int
    key: NewKey
    links: Mapping[str, str] = field(default_factory=dict)

    def values(self, endpoint: str, whose: str) -> dict[str, Any]:
        """Return what stands in the route's address when it leads to something of that person's."""
        number = self.invoices[whose] if endpoint.startswith(OF_A_DOCUMENT) else self.orders[whose]
        return {
            "number": number,
            "token": self.links[LINKS.get(endpoint, "confirmation")],
            "session_id": self.devices[whose],
            "correction_id": self.corrections[whose],
            "customer_id": self.member,
            "message_id": self.message,
            "upload_id": self.upload,
            "export_id": self.export,
            "year": self.year,
            "shop_name": "atelier",
            "kind": "woocommerce",
            "filename": "css/app.css",
            "name": "1.eml",
            "position": 0,
            "sample": "invoice-0",
        }

    def browser(self, app: Flask, role: str) -> LintingClient:
        """Return a browser of somebody in that role, come from another network than ours; or a shop's program."""
        browser = app.test_client() if role != "shop" else SigningClient(app, key=self.key)
        assert isinstance(browser, LintingClient)
        browser.environ_base |= FAR_AWAY
        if role == "guest":
            enforced, app.config["WTF_CSRF_ENABLED"] = app.config["WTF_CSRF_ENABLED"], False
            asked = {"order_number": self.orders["owner"], "email": self.email}
            assert browser.post("/suivi-commande", data=asked).status_code == 303
            app.config["WTF_CSRF_ENABLED"] = enforced
        elif role not in ("visitor", "shop"):
            token = sessions.open(self.accounts[role], "pytest")
            with browser.session_transaction() as cookie:
                cookie.update({"_user_id": token, "_fresh": True})
        return browser


def some_doors(mail_folder: Path) -> Doors:
    """Return doors to knock at: of a proven owner, and of somebody whose mailbox is not proven."""
    accounts = {
        "owner": a_customer(email="claire@example.org", billing=billing_details()),
        "unconfirmed": a_customer(email="inconnu@example.org", confirmed=False),
        "stranger": a_customer(email="paul@example.org"),
        "reader": a_customer(email="lecture@example.org", admin_role="reading"),
        "manager": a_customer(email="patron@example.org", admin=True),
    }
    orders, invoices, devices, corrections, other = {}, {}, {}, {}, a_shop()
    for whose in ("owner", "unconfirmed"):
        account = accounts[whose]
        orders[whose] = an_order(customer=account, billing=billing_details(), shop_id=other.id).number
        invoice = an_issued_invoice(an_order(customer=account, billing=billing_details()), drawn=False)
        draw(invoice)
        invoices[whose] = invoice.number
        asked_for = an_issued_invoice(an_order(customer=account, billing=billing_details()))
        corrections[whose] = a_correction(asked_for, account, company_details()).id
        sessions.open(account, "another device")
        devices[whose] = sessions.of(account)[0].id
    later = a_customer(email="plus-tard@example.org", confirmed=False)
    links = {"confirmation": tokens.fresh(later, "confirmation")[0], "password_reset": ""}
    links["password_reset"] = tokens.fresh(later, "password_reset")[0]
    invited = a_customer(email="invitee@example.org", confirmed=False, invited_role="reading")
    links["invitation"] = tokens.fresh(invited, "invitation")[0]
    links["shop_sign_in"] = tokens.fresh(later, "shop_sign_in")[0]
    links["email_change"] = tokens.fresh(accounts["owner"], "email_change", "claire.martin@example.org")[0]
    db.session.commit()
    _catch_a_mail(mail_folder)
    message = _a_failed_message()
    upload = _a_file_to_confirm(accounts["manager"])
    member = accounts["reader"].id
    export = _a_data_export(accounts["owner"])
    year = _a_year_pack(accounts["owner"])
    key = a_key(shops.by_name("atelier") or a_shop())
    return Doors(
        accounts,
        orders,
        invoices,
        devices,
        corrections,
        "claire@example.org",
        message,
        upload,
        export,
        year,
        member,
        key,
        links,
    )


def _a_failed_message() -> int:
    inbox.keep_unread(a_shop(name="atelier", system="woocommerce"), Unread("727", "Illisible.", b"{}"))
    return inbox.failed()[0].id


def _a_file_to_confirm(admin: Customer) -> int:
    upload = uploads.hand_in(
        admin, "liste.csv", b"T-9;F9;2025-12-30\n", shape="issued-invoices", notation=Notation(), shop=None
    )
    uploads.load(upload.id)
    return upload.id


def _a_data_export(customer: Customer) -> int:
    export = DataExport(customer_id=customer.id, state="made", content=b"PK", made_at=clock.now())
    db.session.add(export)
    db.session.commit()
    return export.id


def _a_year_pack(customer: Customer) -> int:
    year = clock.now().year
    pack = DataExport(customer_id=customer.id, year=year, state="made", documents=[], size=2, made_at=clock.now())
    db.session.add(pack)
    db.session.flush()
    db.session.add(ExportPart(export_id=pack.id, position=0, content=b"PK"))
    db.session.commit()
    return year


def _catch_a_mail(folder: Path) -> None:
    mail = EmailMessage()
    mail["To"], mail["Subject"] = "claire@example.org", "Bonjour"
    mail.set_content("Bonjour")
    mail.add_alternative("<p>Bonjour</p>", subtype="html")
    mail.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="1.pdf")
    folder.mkdir()
    (folder / "1.eml").write_bytes(mail.as_bytes())
