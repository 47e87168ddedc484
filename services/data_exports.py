"""« Télécharger mes données »: all that is kept of a person, in one ZIP that a worker makes (GDPR, art. 15 and 20)."""

import io
import json
import logging
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from flask import render_template
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, exists, inspect, or_, select
from sqlalchemy.orm import aliased, selectinload, undefer

import clock
import storage
import task_queue
from extensions import DomainError, Model, db, transaction
from models import (
    AuditEntry,
    Correction,
    Customer,
    DataExport,
    Delivery,
    Document,
    InvoiceRequest,
    Order,
    SecondFactor,
    SignInSession,
)
from services import files, history, leases, limits, outbox, year_packs
from services.leases import Lease, LeaseLost

KEPT = timedelta(days=7)
FRESH = timedelta(hours=1)
PORTION = 20  # Documents between two signs of life.
TO_MAKE = leases.to_work_on(DataExport)
OURS = {
    "id", "customer_id", "order_id", "billing_id", "shop_id", "request_id", "document_id", "invoice_id", "credits_id",
    "replaces_id", "series", "sequence",
    "password_hash", "opening_hash", "token_hash", "secret", "last_step", "email_key", "number_key", "own_key",
    "content_hash", "snapshot", "snapshot_sha256", "previous_sha256", "occasion", "message_id", "lease_token",
    "lease_until", "attempts", "doubts", "version", "trial", "lasting", "http_request_id", "actor",
}  # fmt: skip
"""Columns that say nothing of the person: how rows hang together, proofs, seals, and the state of our own work. What
documents say is in the documents."""
WHO = {"customer": "autre compte", "admin": "équipe", "shop": "boutique", "visitor": "visiteur"}
"""Who did something, by the beginning of what the audit calls them; which of an admin's team it was is not said."""

log = logging.getLogger(__name__)


def request(customer: Customer) -> DataExport:
    """Afterwards the customer's data are on their way into a file; return it.

    One that is being made, or was made within the hour, is that one. Raises DomainError before the mailbox is proven,
    limits.TooMany after three in a day.
    """
    customer_id = customer.id
    if (underway := _still_good(customer)) is not None:
        return underway
    limits.hit(limits.DATA_EXPORTS_BY_DAY, str(customer_id))
    with transaction():
        locked = select(Customer).where(Customer.id == customer_id).with_for_update(of=Customer, key_share=True)
        db.session.scalars(locked.execution_options(populate_existing=True)).one()
        # Of two presses at once the second finds the file of the first; who was deleted meanwhile finds none.
        if (underway := _still_good(customer)) is not None:
            return underway
        export = DataExport(customer_id=customer_id)
        db.session.add(export)
        history.record("data_export.requested", customer=customer)
    task_queue.ring("export_data", export.id)
    return export


def _still_good(customer: Customer) -> DataExport | None:
    """Return the file that asking again gives, if there is one. Raises DomainError before the mailbox is proven."""
    if not customer.is_confirmed:
        raise DomainError(_("Confirmez d'abord l'adresse e-mail de votre compte."))
    last = latest(customer)
    if last is None or last.state == "failed":
        return None
    return last if last.made_at is None or last.made_at > clock.now() - FRESH else None


def latest(customer: Customer) -> DataExport | None:
    """Return what the customer asked for last, as long as it is kept."""
    own = select(DataExport).where(DataExport.customer_id == customer.id, DataExport.year.is_(None))
    return db.session.scalar(own.order_by(DataExport.id.desc()).limit(1))


def is_one_owed() -> bool:
    """Return whether the last file that somebody asked for has failed; a later one, or a week, settles it."""
    newer = aliased(DataExport)
    same_kind = newer.year.is_not_distinct_from(DataExport.year)
    asked_again = exists().where(newer.customer_id == DataExport.customer_id, same_kind, newer.id > DataExport.id)
    failed = select(DataExport.id).where(DataExport.state == "failed", ~asked_again)
    return db.session.scalar(failed.limit(1)) is not None


def content(customer: Customer, export_id: int) -> bytes | None:
    """Return the customer's own file; None for anybody else's, before it is made, and of a pack (`year_packs`)."""
    own = select(DataExport).where(DataExport.customer_id == customer.id, DataExport.id == export_id)
    found = db.session.scalar(own.options(undefer(DataExport.content)))
    return found.content if found else None


def make(export_id: int) -> None:
    """Afterwards the file is made, and a mail says where it is; a second run makes none.

    Of the pack of a year no mail says anything: its page does. One that is killed is done again from the beginning.
    While the documents folder is away it is put off.
    """
    with transaction():
        lease = leases.take(DataExport, export_id, TO_MAKE)
    if lease is None:
        return
    try:
        if db.session.scalar(select(DataExport.year).where(DataExport.id == lease.id)):
            year_packs.make(lease)
        else:
            _conclude(lease, _packed(lease))
    except LeaseLost:
        return
    except (OSError, storage.Corrupt) as error:
        log.warning("data export put off", extra={"id": export_id, "error": type(error).__name__})
        with suppress(LeaseLost):
            _put_off(lease)


def park_killers() -> None:
    """Afterwards a file whose making ended its worker, or failed, each of five times has failed."""
    found = select(DataExport).where(leases.is_killer(DataExport)).limit(leases.MOST_AT_ONCE)
    if db.session.scalar(found.limit(1)) is None:
        return
    with transaction():
        for export in db.session.scalars(found.with_for_update(skip_locked=True, of=DataExport)):
            export.become("failed")
            if export.year:
                history.record("year_pack.failed", customer=export.customer, detail=str(export.year))
            else:
                history.record("data_export.failed", customer=export.customer)
            log.error("data export failed", extra={"id": export.id})


def _packed(lease: Lease) -> bytes:
    """Return the ZIP: `donnees.json`, what it says in words, and every document; equal data give equal bytes.

    All of it is in memory at once, some 60 kB a document. Raises LeaseLost.
    """
    export = db.session.get_one(DataExport, lease.id)
    customer, begun = export.customer, export.created_at
    documents = db.session.scalars(Document.visible_to(customer).order_by(Document.id)).all()
    data = json.dumps(_everything(customer, documents), ensure_ascii=False, indent=2).encode()
    written = io.BytesIO()
    with ZipFile(written, "w", ZIP_DEFLATED) as archive:
        archive.writestr(_entry("LISEZMOI.txt", begun), render_template("data_exports/readme.txt").encode())
        archive.writestr(_entry("donnees.json", begun), data)
        for place, document in enumerate(documents, start=1):
            pdf = files.read(document)
            if pdf:
                archive.writestr(_entry(f"documents/{document.number}.pdf", begun), pdf)
            if place % PORTION == 0:
                _keep(lease)
    return written.getvalue()


def _entry(name: str, at: datetime) -> ZipInfo:
    info = ZipInfo(name, date_time=at.timetuple()[:6])
    info.compress_type = ZIP_DEFLATED
    return info


def _everything(customer: Customer, documents: Sequence[Document]) -> dict[str, Any]:
    whole = (selectinload(Order.lines), selectinload(Order.shipments), selectinload(Order.refunds))
    orders = db.session.scalars(Order.visible_to(customer).order_by(Order.id).options(*whole)).all()
    asked = select(Correction).where(Correction.customer_id == customer.id).order_by(Correction.id)
    own = [order.id for order in orders]
    # A code for an order that somebody else placed says whether there is such an order, and where its mailbox is.
    mails = select(Delivery).where(_theirs(Delivery, customer, own), Delivery.kind != "order_code")
    devices = select(SignInSession).where(SignInSession.customer_id == customer.id).order_by(SignInSession.id)
    factors = select(SecondFactor).where(SecondFactor.customer_id == customer.id)
    about_nothing = AuditEntry.customer_id.is_(None) & AuditEntry.order_id.is_(None)
    acts = select(AuditEntry).where(
        or_(_theirs(AuditEntry, customer, own), about_nothing & AuditEntry.actor.in_(_names_of(customer)))
    )
    return {
        "compte": _row(customer),
        "double_authentification": [_row(row) for row in db.session.scalars(factors)],
        "donnees_de_facturation": _row(customer.billing) if customer.billing else None,
        "commandes": [_order(order) for order in orders],
        "documents": [_row(document) | {"commande": document.order.number} for document in documents],
        "corrections": [_row(row) | {"facture": row.invoice.number} for row in db.session.scalars(asked)],
        "courriels": [_row(row) for row in db.session.scalars(mails.order_by(Delivery.id))],
        "appareils": [_row(row) for row in db.session.scalars(devices)],
        "journal": [_act(row, customer) for row in db.session.scalars(acts.order_by(AuditEntry.id))],
    }


def _theirs(
    model: type[AuditEntry] | type[Delivery], customer: Customer, orders: Collection[int]
) -> ColumnElement[bool]:
    """Return what is of the account, or of one of its orders and of no account: done or sent before it was claimed."""
    return or_(model.customer_id == customer.id, model.customer_id.is_(None) & model.order_id.in_(orders))


def _names_of(customer: Customer) -> tuple[str, ...]:
    return f"customer:{customer.id}", f"admin:{customer.id}"


def _act(row: AuditEntry, customer: Customer) -> dict[str, Any]:
    """Return what was done and by what kind of person; where somebody else sat who did it is theirs (art. 15, 4).

    A visitor who tried the account is the person, or is after them; one who looked up an order may be anybody.
    """
    who = "vous" if row.actor in _names_of(customer) else WHO.get(row.actor.partition(":")[0], "service")
    is_said = who == "vous" or (who == "visiteur" and row.customer_id == customer.id)
    return _row(row) | {"par": who, "network": row.network if is_said else ""}


def _order(order: Order) -> dict[str, Any]:
    asked: InvoiceRequest | None = order.request
    return _row(order) | {
        "lignes": [_row(line) for line in order.lines],
        "colis": [_row(shipment) for shipment in order.shipments],
        "remboursements": [_row(refund) for refund in order.refunds],
        "donnees_de_facturation": _row(order.billing) if order.billing else None,
        "demande_de_facture": _row(asked) if asked else None,
    }


def _row(row: Model) -> dict[str, Any]:
    """Return what a row says of its person, column by column."""
    names = [attribute.key for attribute in inspect(type(row)).column_attrs if attribute.key not in OURS]
    return {name: _plain(getattr(row, name)) for name in names}


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: amounts exact, as text, and moments as ISO 8601."""
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, date | datetime) else value


def _keep(lease: Lease) -> None:
    with transaction():
        leases.keep(DataExport, lease)


def _conclude(lease: Lease, packed: bytes) -> None:
    with transaction():
        export = leases.held(DataExport, lease)
        export.become("made")
        export.content, export.size, export.made_at = packed, len(packed), clock.now()
        leases.release(export)
        told = outbox.add_about(export.customer, "data_export")
        history.record("data_export.made", customer=export.customer)
    outbox.ring(told)


def _put_off(lease: Lease) -> None:
    db.session.rollback()
    with transaction():
        export = leases.held(DataExport, lease)
        export.due_at = leases.next_try(leases.BACKOFF, export.attempts)
        leases.release(export)
