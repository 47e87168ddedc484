"""« Mes commandes »: the list, one order, its billing details, and the request for its invoice."""

from functools import partial
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import login_required

import config
from extensions import DomainError
from forms.billing import BillingForm
from forms.orders import AskForm
from models import InvoiceRequest, Order
from services import billing as billing_service
from services import invoices, invoicing, orders, refusals
from web.access import own_order_or_404, signed_in_customer
from web.answers import changed, render, see_other, wants_fragment

bp = Blueprint("orders", __name__, url_prefix="/espace-client/commandes")

MOST_AT_ONCE = 100


@bp.get("")
@login_required
def index() -> ResponseReturnValue:
    """Show the customer's orders, newest first, a run at a time; `avant` and `q` make each run an address."""
    run = _run()
    if wants_fragment() and run["before"]:
        return render_template("orders/_run.html", **run)
    return render("orders/index.html", "orders/_list.html", **run)


@bp.post("/factures")
@login_required
def ask_for_several() -> ResponseReturnValue:
    """Ask for the invoices of the orders that are ticked in the list; what is asked for already stays so."""
    customer, narrowed = signed_in_customer(), _narrowed()
    ticked = orders.own(customer, request.form.getlist("number")[:MOST_AT_ONCE])
    following = _say_what_is_asked(invoicing.ask_for_several(ticked, customer))
    if following:
        return see_other(url_for(following))
    return changed(
        "orders/_list.html", url_for(".index", etat=narrowed["shown"] or None, q=narrowed["search"] or None), **_run()
    )


@bp.get("/<number>")
@login_required
def show(number: str) -> ResponseReturnValue:
    """Show one order: lines, totals, parcels, billing details, and the way to its invoice."""
    order = own_order_or_404(number, *orders.with_everything())
    page = {**_charged(order), **_sections(order)}
    if "modifier" in request.args and page["editable"]:
        page |= {"form": _billing_form(order), "billing_section": "orders/_billing_form.html"}
    return render_template("orders/show.html", **page)


@bp.route("/<number>/facturation", methods=["GET", "POST"])
@login_required
def billing(number: str) -> ResponseReturnValue:
    """Show and record who the invoice of this order is made out to."""
    order = own_order_or_404(number)
    billing_service.require_changeable(order)
    form = _billing_form(order)
    if form.only_shows():
        return render("orders/billing.html", "orders/_billing_form.html", order=order, form=form)
    if form.validate_on_submit():
        billing_service.record_for_order(order, form.details(), also_account=bool(form.also_account.data))
        flash(_("Données de facturation enregistrées."), "success")
        return changed("orders/_billed.html", _page_of(order), **_sections(order))
    if "incomplet" in request.args:
        form.validate()  # « Demander une facture » led here: say at once what is missing.
    status = 422 if form.is_submitted() else 200
    return render("orders/billing.html", "orders/_billing_form.html", status, order=order, form=form)


@bp.post("/<number>/facture")
@login_required
def ask(number: str) -> ResponseReturnValue:
    """Ask for the invoice of this order; asking twice is asking once. Incomplete details are asked for in place."""
    order = own_order_or_404(number, *orders.with_everything())
    form = AskForm()
    if not form.validate_on_submit():
        page = {**_charged(order), **_sections(order), "ask_form": form}
        return render("orders/show.html", "orders/_request.html", 422, **page)
    try:
        asked = invoicing.ask(order, signed_in_customer(), form.purchase_order.data or "")
    except DomainError as refusal:
        flash(str(refusal), "error")
    else:
        if asked.details_complete_at is None and billing_service.is_changeable(order):
            return _ask_for_details(order)
    return changed("orders/_request.html", _page_of(order), focus="request", **_sections(order))


@bp.get("/<number>/facture")
@login_required
def progress(number: str) -> ResponseReturnValue:
    """Show how far the invoice has come: the fragment that asks for itself again, or the order's page to a browser."""
    order = own_order_or_404(number, *orders.with_request())
    if not wants_fragment():
        return redirect(_page_of(order), 303)
    return render_template("orders/_request.html", **_sections(order))


@bp.post("/<number>/renvoyer")
@login_required
def resend(number: str) -> ResponseReturnValue:
    """Send once more what the address refused; pressing twice sends one mail."""
    order = own_order_or_404(number, *orders.with_everything())
    if refusals.send_again(order):
        flash(_("L'e-mail part de nouveau."), "success")
    else:
        flash(_("C'était déjà fait\u00a0: rien n'a été fait deux fois."), "info")
    return changed("orders/_request.html", _page_of(order), focus="request", **_sections(order))


def _narrowed() -> dict[str, str]:
    """Return to what the address narrows the list."""
    shown = request.args.get("etat", "")
    return {"search": request.args.get("q", "").strip(), "shown": shown if shown in orders.SHOWN else ""}


def _run() -> dict[str, Any]:
    """Return one run of the list, as the address says: from where on (`avant`), and narrowed to what."""
    customer, narrowed, before = signed_in_customer(), _narrowed(), request.args.get("avant", "")
    refused = {mail.order_id for mail in refusals.of(customer)}
    return {**narrowed, "before": before, "page": orders.page(customer, before, **narrowed), "refused": refused}


def _say_what_is_asked(asked: list[InvoiceRequest]) -> str:
    """Say how many invoices are asked for now, and return the page where what they wait for is given, if any."""
    if not asked:
        flash(_("Cochez au moins une commande sans facture, puis demandez."), "info")
        return ""
    said = ngettext("%(num)d facture est demandée.", "%(num)d factures sont demandées.", len(asked))
    waits = {one.waiting_for for one in asked}
    if "confirmation" in waits:
        flash(f"{said} {_('Confirmez votre adresse e-mail pour les recevoir.')}", "warning")
        return "customer.home"
    if "details" in waits:
        flash(f"{said} {_('Complétez vos données de facturation pour les recevoir.')}", "warning")
        return "billing.edit"
    flash(f"{said} {_('Vous les recevrez par e-mail, chacune après son expédition.')}", "success")
    return ""


def _ask_for_details(order: Order) -> ResponseReturnValue:
    """Open the billing form, with what is missing beside its fields, under the request that now waits for it."""
    form = _billing_form(order, formdata=None)
    form.validate()
    flash(_("Il manque des informations pour établir la facture : complétez les champs signalés."), "warning")
    url = url_for(".billing", number=order.number, incomplet=1)
    return changed("orders/_asked.html", url, form=form, **_sections(order))


def _billing_form(order: Order, **options: Any) -> BillingForm:
    """Make the form of this order; the tick that changes the account too is on when the account has no details."""
    customer = signed_in_customer()
    proposed = billing_service.proposed_details(order, customer)
    wants = partial(invoicing.buyer_problems, order)
    delivery, alone = billing_service.delivery_address(order, customer), customer.billing is None
    return BillingForm(obj=proposed, also_account=alone, delivery=delivery, sale_wants=wants, **options)


def _charged(order: Order) -> dict[str, Any]:
    """Return what the section « Articles » shows: the lines as they count, and their amounts."""
    return {"sold": orders.sale_of(order).lines, "amounts": orders.amounts(order)}


def _sections(order: Order) -> dict[str, Any]:
    """Return what the sections « Données de facturation » and « Facture » of an order's page show."""
    customer, settings = signed_in_customer(), config.current()
    details, personal = billing_service.shown_details(order, customer), order.personal_data_visible_to(customer)
    return {
        "order": order,
        "personal": personal,
        "details": details,
        "hidden": details is None and order.billing is not None,
        "editable": billing_service.is_changeable(order),
        "refusal": _refusal(order),
        "documents": invoices.entries([each for each in order.documents if not each.trial]) if personal else [],
        "ask_form": AskForm(formdata=None, purchase_order=(personal and order.purchase_order) or ""),
        "hours": (settings.invoice_delay_hours, settings.invoice_deadline_hours),
    }


def _refusal(order: Order) -> str:
    """Return why this order gives no invoice, nothing when it may."""
    try:
        order.require_invoiceable()
    except DomainError as refusal:
        return str(refusal)
    return ""


def _page_of(order: Order) -> str:
    return url_for("orders.show", number=order.number, _anchor="request")
