"""Each kind of mail with each of its variants, on made-up data: what the development page shows and the tests read."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.message import EmailMessage
from functools import partial
from typing import Any

from mail import messages
from mail.messages import Asked, Document, Heading, Trouble

Build = Callable[[Heading, str], EmailMessage]

CODE, TOKEN, ORDER = "482913", "Zm9v_bar-baz", "T-100234"
ASKED_AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
BUYER = ("Claire Martin", "12 rue Mercière", "69002 Lyon")
TROUBLES = (
    Trouble(
        "Des factures sont arrêtées et attendent une décision.",
        "T-100234, T-100240",
        "Depuis le 24/11/2026, 10:30.",
        "Ouvrez chaque commande\u00a0: le motif y figure.",
    ),
    Trouble("Redis ne répond pas.", "", "Depuis le 24/11/2026, 10:31.", "Démarrez Redis."),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One mail: its kind, the variant in French, and what makes it of a heading and the address of our own site."""

    kind: str
    variant: str
    build: Build

    @property
    def name(self) -> str:
        """What it is called in an address."""
        return f"{self.kind}-{[each for each in SAMPLES if each.kind == self.kind].index(self)}"


def find(name: str) -> Sample | None:
    """Return the sample of that name."""
    return next((each for each in SAMPLES if each.name == name), None)


def _document(**changes: Any) -> Document:
    facts: dict[str, Any] = {
        "number": "FA-2026-000001",
        "kind": "invoice",
        "issued_on": date(2026, 11, 24),
        "order_number": ORDER,
        "ordered_on": date(2026, 11, 2),
        "amount": "31,72\u00a0€",
        "file_name": f"{changes.get('number', 'FA-2026-000001')}.pdf",
        "pdf": b"%PDF-1.7 sample",
    }
    return Document(**facts | changes)


def _invoice(**changes: Any) -> Build:
    return lambda heading, site: messages.invoice(heading, _document(**changes), area_url=_invoices(site))


def _guests_invoice(heading: Heading, _site: str, **changes: Any) -> EmailMessage:
    return messages.invoice(heading, _document(**changes), area_url=None)


def _note(**changes: Any) -> Document:
    facts = {"number": "AV-2026-000001", "kind": "credit_note", "refers_to": "FA-2026-000001"}
    return _document(**facts | {"reason": "Retour d'un article", "repayment": "made"} | changes)


def _credit_note(**changes: Any) -> Build:
    return lambda heading, site: messages.credit_note(heading, _note(**changes), area_url=_invoices(site))


def _guests_credit_note(heading: Heading, _site: str, **changes: Any) -> EmailMessage:
    return messages.credit_note(heading, _note(**changes), area_url=None)


def _received(**changes: Any) -> Build:
    facts: dict[str, Any] = {
        "order_number": ORDER, "ordered_on": date(2026, 11, 2), "amount": "31,72\u00a0€", "asked_at": ASKED_AT,
        "made_out_to": BUYER,
    }  # fmt: skip
    asked = Asked(**facts | changes)
    return lambda heading, site: messages.request_received(heading, asked, order_url=_order(site))


def _problem(heading: Heading, site: str, *, is_issued: bool, has_account: bool = True) -> EmailMessage:
    return messages.request_problem(
        heading,
        order_number=ORDER,
        ordered_on=date(2026, 11, 2),
        amount="31,72\u00a0€",
        is_issued=is_issued,
        area_url=_invoices(site) if has_account else None,
    )


def _declined(heading: Heading, site: str) -> EmailMessage:
    reason = "Ce SIRET est celui d'une autre société."
    return messages.correction_declined(heading, number="FA-2026-000001", reason=reason, area_url=_invoices(site))


def _cancelled(heading: Heading, site: str) -> EmailMessage:
    reason = "Cette commande a été annulée."
    return messages.request_cancelled(heading, order_number=ORDER, reason=reason, order_url=_order(site))


def _order_code(heading: Heading, site: str, *, code: str) -> EmailMessage:
    return messages.order_code(heading, order_number=ORDER, code=code, sign_in_url=_sign_in(site))


def _account_exists(heading: Heading, site: str) -> EmailMessage:
    return messages.account_exists(heading, sign_in_url=_sign_in(site), reset_url=_forgot(site))


def _order(site: str) -> str:
    return f"{site}/espace-client/commandes/{ORDER}"


def _invoices(site: str) -> str:
    return f"{site}/espace-client/factures"


def _sign_in(site: str) -> str:
    return f"{site}/connexion"


def _forgot(site: str) -> str:
    return f"{site}/mot-de-passe-oublie"


def _link(site: str, page: str) -> str:
    return f"{site}/{page}/{TOKEN}"


SAMPLES = (
    Sample("confirmation", "", lambda to, site: messages.confirmation(to, link=_link(site, "confirmer"), code=CODE)),
    Sample(
        "confirmation_reminder",
        "",
        lambda to, site: messages.confirmation_reminder(to, link=_link(site, "confirmer"), code=CODE),
    ),
    Sample(
        "request_received",
        "entre deux dates",
        _received(earliest=datetime(2026, 11, 24, 9, 0, tzinfo=UTC), deadline=datetime(2026, 11, 25, 9, 0, tzinfo=UTC)),
    ),
    Sample(
        "request_received",
        "expédition attendue, avec référence",
        _received(waits_for="shipment", purchase_order="BC-7"),
    ),
    Sample("request_received", "dès l'expédition", _received(waits_for="shipment", delay_hours=0)),
    Sample("request_received", "données à compléter", _received(waits_for="details", made_out_to=())),
    Sample("request_received", "montants vérifiés", _received(waits_for="reconciliation")),
    Sample("request_problem", "pas encore émise", partial(_problem, is_issued=False)),
    Sample("request_problem", "émise, avec compte", partial(_problem, is_issued=True)),
    Sample("request_problem", "émise, sans compte", partial(_problem, is_issued=True, has_account=False)),
    Sample("request_cancelled", "", _cancelled),
    Sample("invoice", "avec compte", _invoice()),
    Sample("invoice", "entreprise", _invoice(for_company=True)),
    Sample("invoice", "sans compte", _guests_invoice),
    Sample("invoice", "qui en remplace une", _invoice(number="FA-2026-000002", refers_to="FA-2026-000001")),
    Sample("invoice", "remplacée", _invoice(replaced_by="FA-2026-000002")),
    Sample("invoice", "données effacées, au vendeur", partial(_guests_invoice, is_orphan=True)),
    Sample("credit_note", "remboursé", _credit_note()),
    Sample("credit_note", "à rembourser, entreprise", _credit_note(repayment="due", for_company=True)),
    Sample("credit_note", "facture remplacée", _credit_note(repayment="none", replaced_by="FA-2026-000002")),
    Sample("credit_note", "sans remboursement, sans compte", _guests_credit_note),
    Sample(
        "credit_note", "données effacées, au vendeur", partial(_guests_credit_note, repayment="none", is_orphan=True)
    ),
    Sample("correction_declined", "", _declined),
    Sample("specimen", "facture", lambda to, _site: messages.specimen(to, _document())),
    Sample("specimen", "avoir", lambda to, _site: messages.specimen(to, _note())),
    Sample("password_reset", "", lambda to, site: messages.password_reset(to, link=_link(site, "mot-de-passe"))),
    Sample("password_changed", "", lambda to, site: messages.password_changed(to, reset_url=_forgot(site))),
    Sample("account_exists", "", _account_exists),
    Sample(
        "email_change",
        "",
        lambda to, site: messages.email_change(
            to, link=_link(site, "espace-client/mon-compte/nouvelle-adresse"), code=CODE
        ),
    ),
    Sample("email_changed", "", lambda to, _site: messages.email_changed(to)),
    Sample("order_code", "avec code", partial(_order_code, code=CODE)),
    Sample("order_code", "commande déjà rattachée", partial(_order_code, code="")),
    Sample("sign_in_code", "valable", lambda to, _site: messages.sign_in_code(to, code=CODE, until=ASKED_AT)),
    Sample("sign_in_code", "trop tard", lambda to, _site: messages.sign_in_code(to, code="", until=None)),
    Sample(
        "data_export",
        "",
        lambda to, site: messages.data_export(to, page_url=f"{site}/espace-client/mon-compte/mes-donnees"),
    ),
    Sample("account_erased", "", lambda to, _site: messages.account_erased(to)),
    Sample("second_factor_changed", "", lambda to, site: messages.second_factor_changed(to, reset_url=_forgot(site))),
    Sample(
        "invitation", "gestion", lambda to, site: messages.invitation(to, link=_link(site, "invitation"), manages=True)
    ),
    Sample(
        "invitation", "lecture", lambda to, site: messages.invitation(to, link=_link(site, "invitation"), manages=False)
    ),
    Sample("alert", "", lambda to, site: messages.alert(to, TROUBLES, admin_url=f"{site}/admin/")),
    Sample("test", "", lambda to, _site: messages.test(to)),
)
"""Every kind of mail there is, in the order in which a customer may meet them."""
