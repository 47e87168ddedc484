"""The merchant's pages: one list of requests with their clock, and one page for an order that needs looking into."""

from collections.abc import Callable

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select

import clock
import config
from extensions import DomainError, db
from forms.admin import CorrectEmailForm, ResendForm
from forms.auth import PressForm
from models import Document, Order
from services import dashboard, files, orders, readiness, repair
from web.access import admin_required

bp = Blueprint("admin", __name__, url_prefix="/admin")


@bp.get("/")
@admin_required
def index() -> str:
    """Show the requests, the most pressing first, or those that a filter or a search finds."""
    state, search = request.args.get("etat", ""), request.args.get("q", "").strip()[:100]
    return render_template(
        "admin/index.html",
        page=dashboard.page(state, search, request.args.get("apres", "")),
        counts=dashboard.counts(),
        filters=dashboard.FILTERS,
        state=state,
        search=search,
        now=clock.now(),
        live=config.current().live,
        degraded=readiness.degraded(),
    )


@bp.get("/commandes/<number>")
@admin_required
def order(number: str) -> ResponseReturnValue:
    """Show everything about one order."""
    found = _order_or_404(number)
    return _order_page(found, CorrectEmailForm(email=found.email))


@bp.post("/commandes/<number>/renvoyer")
@admin_required
def resend(number: str) -> ResponseReturnValue:
    """Send the order's invoice once more; pressing twice sends one mail."""
    form = ResendForm()
    if not form.validate_on_submit():
        abort(422)
    if _done(lambda found: repair.resend(found, form.shown.data or 0), number):
        flash(_("La facture part de nouveau par e-mail."), "success")
    return redirect(url_for(".order", number=number), 303)


@bp.route("/commandes/<number>/adresse", methods=["GET", "POST"])
@admin_required
def correct_email(number: str) -> ResponseReturnValue:
    """Correct the e-mail address of an order."""
    found, form = _order_or_404(number), CorrectEmailForm()
    if not form.is_submitted():
        return redirect(url_for(".order", number=number), 303)
    if not form.validate():
        return _order_page(found, form, 422)
    repair.correct_email(found, form.email.data)
    flash(_("L'adresse de la commande est corrigée."), "success")
    return redirect(url_for(".order", number=number), 303)


@bp.post("/commandes/<number>/relancer")
@admin_required
def retry(number: str) -> ResponseReturnValue:
    """Let a request that was stopped go on."""
    if not PressForm().validate_on_submit():
        abort(422)
    if _done(repair.retry, number):
        flash(_("La demande est relancée."), "success")
    return redirect(url_for(".order", number=number), 303)


@bp.get("/factures/<number>.pdf")
@admin_required
def pdf(number: str) -> Response:
    """Hand out a document, specimens included, byte for byte as it was written."""
    invoice = db.session.scalar(select(Document).where(Document.number == number)) or abort(404)
    data = files.read(invoice) or abort(404)
    headers = {"Content-Disposition": f'inline; filename="{number}.pdf"', "Cache-Control": "no-store"}
    return Response(data, mimetype="application/pdf", headers=headers)


def _order_or_404(number: str) -> Order:
    return dashboard.order(number) or abort(404)


def _done(act: Callable[[Order], bool], number: str) -> bool:
    """Do it to the order; False, and said why, when it was done already or cannot be."""
    try:
        done = act(_order_or_404(number))
    except DomainError as refusal:
        flash(str(refusal), "error")
        return False
    if not done:
        flash(_("C'était déjà fait\u00a0: rien n'a été fait deux fois."), "info")
    return done


def _order_page(found: Order, form: CorrectEmailForm, status: int = 200) -> ResponseReturnValue:
    document, deliveries = repair.latest_document(found), dashboard.deliveries(found)
    shown = sum(1 for each in deliveries if document and each.document_id == document.id)
    page = render_template(
        "admin/order.html",
        order=found,
        amounts=orders.amounts(found),
        details=found.effective_details(),
        document=document,
        deliveries=deliveries,
        entries=dashboard.entries(found),
        email_form=form,
        resend_form=ResendForm(formdata=None, shown=shown),
        now=clock.now(),
    )
    return page, status
