"""The merchant's pages: one list of requests with their clock, and one page for an order that needs looking into."""

from collections.abc import Callable, Sequence
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

import clock
import config
from extensions import DomainError, db
from forms.admin import CorrectEmailForm, CreditForm, DeclineForm, ResendForm
from forms.auth import PressForm
from models import Correction, Delivery, Document, Invoice, Order
from services import (
    corrections,
    crediting,
    dashboard,
    files,
    history,
    history_words,
    incidents,
    invoices,
    issuing,
    lateness,
    orders,
    readiness,
    repair,
)
from web.access import admin_required, document_or_404
from web.changes import Change, changes, field_names
from web.recent import recently_proven
from web.review import desk

bp = Blueprint("admin", __name__, url_prefix="/admin")


@bp.get("/")
@admin_required
def index() -> str:
    """Show the requests, the most pressing first, or those that a filter or a search finds."""
    state, search = request.args.get("etat", ""), request.args.get("q", "").strip()[:100]
    late = lateness.measure()
    return render_template(
        "admin/index.html",
        page=dashboard.page(state, search, request.args.get("apres", "")),
        counts=dashboard.counts() | dashboard.by_clock(late),
        late=late,
        filters=dashboard.FILTERS,
        urgent=dashboard.URGENT,
        state=state,
        search=search,
        now=clock.now(),
        live=config.current().live,
        incidents=incidents.open_now(readiness.degraded()),
    )


@bp.get("/commandes/<number>")
@admin_required
def order(number: str) -> ResponseReturnValue:
    """Show everything about one order."""
    history.viewed(number)
    return _order_page(number)


@bp.post("/commandes/<number>/renvoyer")
@admin_required
def resend(number: str) -> ResponseReturnValue:
    """Send a document of the order once more; pressing twice sends one mail."""
    form, found = ResendForm(), _order_or_404(number)
    if not form.validate_on_submit():
        abort(422)
    _do(
        lambda: repair.resend(found, form.document.data or 0, form.shown.data or 0),
        _("Le document part de nouveau par e-mail."),
    )
    return _to_order(number)


@bp.route("/commandes/<number>/adresse", methods=["GET", "POST"])
@admin_required
@recently_proven
def correct_email(number: str) -> ResponseReturnValue:
    """Correct the e-mail address of an order."""
    found, form = _order_or_404(number), CorrectEmailForm()
    if not form.is_submitted():
        return _to_order(number)
    if not form.validate():
        return _order_page(number, 422, email_form=form)
    repair.correct_email(found, form.email.data)
    flash(_("L'adresse de la commande est corrigée."), "success")
    return _to_order(number)


@bp.post("/commandes/<number>/relancer")
@admin_required
def retry(number: str) -> ResponseReturnValue:
    """Let a request that was stopped go on."""
    found = _order_or_404(number)
    if not PressForm().validate_on_submit():
        abort(422)
    _do(lambda: repair.retry(found), _("La demande est relancée."))
    return _to_order(number)


@bp.route("/factures/<number>/avoir", methods=["GET", "POST"])
@admin_required
@recently_proven
def credit(number: str) -> ResponseReturnValue:
    """Credit an invoice, in full or by an amount; pressing twice makes one credit note."""
    invoice, form = document_or_404(number), CreditForm()
    if not isinstance(invoice, Invoice):
        abort(404)
    order_number = invoice.order.number
    if not form.is_submitted():
        return _to_order(order_number)
    if not form.validate_on_submit():
        return _order_page(order_number, 422, credit_form=form)
    wanted: dict[str, Any] = {name: form[name].data for name in ("amount", "reason", "refund", "shown")}
    try:
        note = crediting.credit(invoice, **wanted)
    except DomainError as refusal:
        form.amount.errors = (str(refusal),)
        return _order_page(order_number, 422, credit_form=form)
    _say(note, _("L'avoir est établi et part par e-mail."))
    return _to_order(order_number)


@bp.post("/corrections/<int(max=2147483647):correction_id>/accepter")
@admin_required
@recently_proven
def accept(correction_id: int) -> ResponseReturnValue:
    """Replace the invoice as its customer asked; pressing twice replaces it once."""
    number = _correction_or_404(correction_id).invoice.order.number
    if not PressForm().validate_on_submit():
        abort(422)
    _do(lambda: corrections.accept(correction_id), _("La facture est remplacée\u00a0: le client reçoit les documents."))
    return _to_order(number)


@bp.route("/corrections/<int(max=2147483647):correction_id>/refuser", methods=["GET", "POST"])
@admin_required
@recently_proven
def decline(correction_id: int) -> ResponseReturnValue:
    """Leave the invoice as it is and tell its customer why."""
    number, form = _correction_or_404(correction_id).invoice.order.number, DeclineForm()
    if not form.is_submitted():
        return _to_order(number)
    if not form.validate_on_submit():
        return _order_page(number, 422, decline_form=form)
    _do(
        lambda: corrections.decline(correction_id, form.refusal.data or ""),
        _("La correction est refusée\u00a0: le client en reçoit le motif."),
    )
    return _to_order(number)


@bp.get("/factures/<number>.pdf")
@admin_required
def pdf(number: str) -> Response:
    """Hand out a document, specimens included, byte for byte as it was written."""
    return _file(files.read(_viewed(number)), f'inline; filename="{number}.pdf"', "application/pdf")


@bp.get("/factures/<number>.xml")
@admin_required
def xml(number: str) -> Response:
    """Hand out the data that a document carries (Factur-X)."""
    return _file(files.read_xml(_viewed(number)), f'attachment; filename="{number}.xml"', "application/xml")


def _order_or_404(number: str) -> Order:
    return dashboard.order(number) or abort(404)


def _correction_or_404(correction_id: int) -> Correction:
    return db.session.get(Correction, correction_id) or abort(404)


def _viewed(number: str) -> Document:
    """Return the document, after it is on record who looks at it."""
    found = document_or_404(number)
    history.viewed(found.order.number, detail=number)
    return found


def _file(data: bytes | None, disposition: str, mimetype: str) -> Response:
    headers = {"Content-Disposition": disposition, "Cache-Control": "no-store"}
    return Response(data or abort(404), mimetype=mimetype, headers=headers)


def _to_order(number: str) -> ResponseReturnValue:
    return redirect(url_for(".order", number=number), 303)


def _do(act: Callable[[], object], said: str) -> None:
    """Do it and say so, or say that it was done already or why it cannot be."""
    try:
        done = act()
    except DomainError as refusal:
        flash(str(refusal), "error")
        return
    _say(done, said)


def _say(done: object, said: str) -> None:
    """Say that it was done, or that somebody had pressed before."""
    if done:
        flash(said, "success")
    else:
        flash(_("C'était déjà fait\u00a0: rien n'a été fait deux fois."), "info")


def _order_page(number: str, status: int = 200, **forms: Any) -> ResponseReturnValue:
    """Show the order; a form that was refused keeps what was typed into it."""
    found = _order_or_404(number)
    entries, deliveries = invoices.entries(found.documents), dashboard.deliveries(found)
    own_forms = {
        "email_form": CorrectEmailForm(formdata=None, email=found.email),
        "credit_form": CreditForm(formdata=None, shown=sum(each.notes for each in entries if each.is_live)),
        "decline_form": DeclineForm(formdata=None),
    }
    page = render_template(
        "admin/order.html",
        order=found,
        amounts=orders.amounts(found),
        sold=orders.sale_of(found).lines,
        desk=desk(found),
        details=found.effective_details(),
        documents=[(each, _resend_form(each, deliveries)) for each in entries],
        drawn=repair.is_drawn(found),
        to_decide=[(each, _wanted(each)) for each in _to_decide(entries)],
        deliveries=deliveries,
        entries=dashboard.entries(found),
        acts=history_words.ACTIONS,
        actor=history_words.actor,
        detail_of=history_words.detail,
        kinds=history_words.MAILS,
        origins=history_words.ORIGINS,
        field_names=field_names,
        now=clock.now(),
        **own_forms | forms,
    )
    return page, status


def _resend_form(entry: invoices.Entry, deliveries: Sequence[Delivery]) -> ResendForm | None:
    """Return the form that sends a document again, None while there is nothing to send."""
    document = entry.document
    shown = sum(1 for each in deliveries if each.document_id == document.id)
    return ResendForm(formdata=None, shown=shown, document=document.id) if shown or document.file else None


def _to_decide(entries: Sequence[invoices.Entry]) -> list[Correction]:
    return [each.correction for each in entries if each.correction and each.waits_for_decision]


def _wanted(correction: Correction) -> list[Change]:
    """Return what a correction would change on its invoice."""
    return changes(issuing.frozen(correction.invoice), correction.wanted, correction.purchase_order)
