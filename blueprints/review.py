"""« Vérifier une commande »: an admin corrects, accepts or leaves out figures that do not stand, and undoes it."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from extensions import DomainError
from forms.review import AcceptForm, CorrectForm, IgnoreForm, ReinvoiceForm, SeenForm
from models import Order
from services import amendments, dashboard, history, orders, reinvoicing
from web.access import admin_required
from web.recent import recently_proven
from web.review import desk

bp = Blueprint("review", __name__, url_prefix="/admin/commandes/<number>/verification")


@bp.get("")
@admin_required
def show(number: str) -> ResponseReturnValue:
    """Show the shop's figures beside ours, and the three ways to decide."""
    history.viewed(number)
    return _page(_order_or_404(number))


@bp.route("/corriger", methods=["GET", "POST"])
@admin_required
@recently_proven
def correct(number: str) -> ResponseReturnValue:
    """Put other figures in the place of the shop's."""
    found, form = _order_or_404(number), CorrectForm()
    if not form.is_submitted():
        return _to_page(found)
    if not form.validate():
        return _page(found, 422, correct_form=form)
    try:
        done = amendments.correct(found, form.figures(), form.shown.data or "")
    except DomainError as refusal:
        return _page(found, 422, correct_form=form, refusal=str(refusal))
    return _said(found, done, _("La commande est corrigée\u00a0: ces montants comptent désormais."))


@bp.route("/accepter", methods=["GET", "POST"])
@admin_required
@recently_proven
def accept(number: str) -> ResponseReturnValue:
    """Take the order as it was charged in all."""
    found = _order_or_404(number)
    rates, form = amendments.rates(found), _accept_form(found)
    if not form.is_submitted():
        return _to_page(found)
    if not form.validate():
        return _page(found, 422, accept_form=form)
    try:
        key = list(rates.values())[form.rate.data] if form.rate else None
        euros = form.exchange_rate.data if form.exchange_rate else None
        done = amendments.accept(found, key, form.shown.data or "", exchange_rate=euros)
    except DomainError as refusal:
        return _page(found, 422, accept_form=form, refusal=str(refusal))
    return _said(found, done, _("La commande est acceptée telle qu'elle a été encaissée."))


@bp.route("/ignorer", methods=["GET", "POST"])
@admin_required
@recently_proven
def ignore(number: str) -> ResponseReturnValue:
    """Leave the order without an invoice, or its invoice as it is."""
    found, form = _order_or_404(number), IgnoreForm()
    if not form.is_submitted():
        return _to_page(found)
    if not form.validate():
        return _page(found, 422, ignore_form=form)
    try:
        done = amendments.ignore(found, form.reason.data or "", form.shown.data or "")
    except DomainError as refusal:
        return _page(found, 422, ignore_form=form, refusal=str(refusal))
    return _said(found, done, _("La commande n'est plus à vérifier."))


@bp.post("/annuler")
@admin_required
@recently_proven
def undo(number: str) -> ResponseReturnValue:
    """Let the shop's own figures count again."""
    found, form = _order_or_404(number), SeenForm()
    if not form.validate_on_submit():
        abort(422)
    try:
        done = amendments.undo(found, form.shown.data or "")
    except DomainError as refusal:
        flash(str(refusal), "error")
        return _to_order(found)
    return _said(found, done, _("La décision est annulée\u00a0: les montants de la boutique comptent de nouveau."))


@bp.post("/refacturer")
@admin_required
@recently_proven
def reinvoice(number: str) -> ResponseReturnValue:
    """Credit the invoice and issue one of what the order comes to now; pressing twice does it once."""
    found, form = _order_or_404(number), ReinvoiceForm()
    if not form.validate_on_submit() or not (form.shown.data or "").isdecimal():
        abort(422)
    try:
        done = reinvoicing.carry_out(found, int(form.shown.data or 0))
    except DomainError as refusal:
        flash(str(refusal), "error")
        return _to_order(found)
    return _said(found, done, _("L'avoir et la nouvelle facture sont établis et partent par e-mail."))


def _accept_form(order: Order, **seen: Any) -> AcceptForm:
    rates, differs = list(amendments.rates(order)), bool(amendments.missing(order))
    return AcceptForm(rates=rates, differs=differs, foreign=order.currency != "EUR", **seen)


def _order_or_404(number: str) -> Order:
    return dashboard.order(number) or abort(404)


def _to_page(order: Order) -> ResponseReturnValue:
    return redirect(url_for(".show", number=order.number), 303)


def _to_order(order: Order) -> ResponseReturnValue:
    return redirect(url_for("admin.order", number=order.number), 303)


def _said(order: Order, done: bool, said: str) -> ResponseReturnValue:
    """Say that it was done, or that somebody had pressed before."""
    if done:
        flash(said, "success")
    else:
        flash(_("C'était déjà fait\u00a0: rien n'a été fait deux fois."), "info")
    return _to_order(order)


def _page(order: Order, status: int = 200, **refused: Any) -> ResponseReturnValue:
    """Show the page; a form that was refused keeps what was typed into it."""
    order = _order_or_404(order.number)  # As it is now: what was refused has been taken back.
    shown, sent = desk(order), orders.sent_sale(order)
    if shown is None:
        return _to_order(order)
    missing, counts = amendments.missing(order), orders.sale_of(order)
    seen = {"formdata": None, "shown": shown.shown}
    own_forms = {
        "correct_form": CorrectForm(
            **seen,
            lines=counts.lines[: len(sent.lines)],
            total_tax=counts.total_tax,
            exchange_rate=orders.exchange_rate_of(order),
        ),
        "accept_form": _accept_form(order, **seen, exchange_rate=orders.exchange_rate_of(order)),
        "ignore_form": IgnoreForm(**seen),
    }
    for form in refused.values():
        if isinstance(form, SeenForm):
            form.shown.data = shown.shown  # The page shows these figures now.
    if len(refused.get("correct_form", own_forms["correct_form"]).lines) != len(sent.lines):
        del refused["correct_form"]
    facts = {"order": order, "desk": shown, "missing": missing, "refusal": ""}
    return render_template("admin/review.html", **facts | own_forms | refused), status
