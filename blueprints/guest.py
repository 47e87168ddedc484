"""« Consulter l'état de votre commande »: one order by its number and e-mail, and « Créer un compte gratuit »."""

from collections.abc import Callable
from functools import wraps

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

import clock
from forms.guest import CreateAccountForm, LookUpForm
from models import Order
from services import guests, orders
from web import signed_in
from web.answers import see_other

bp = Blueprint("guest", __name__, url_prefix="/suivi-commande")

REMEMBERED_SECONDS = 30 * 60
KEY = "looked_up_by"


def with_order(view: Callable[[Order], ResponseReturnValue]) -> Callable[[], ResponseReturnValue]:
    """Give the view the order that this browser has found within 30 minutes; without one, lead back to the form."""

    @wraps(view)
    def guarded() -> ResponseReturnValue:
        order_id, email, until = session.get(KEY) or (0, "", 0)
        order = guests.order_looked_up(order_id, email) if until > clock.now().timestamp() else None
        if order is None:
            session.pop(KEY, None)
            flash(_("Indiquez le numéro de la commande et votre adresse e-mail pour la consulter."), "info")
            return redirect(url_for(".status"), 303)
        return view(order)

    return guarded


@bp.route("", methods=["GET", "POST"])
def status() -> ResponseReturnValue:
    """Find one order; the answer is the same whichever of number and address is wrong."""
    form = LookUpForm()
    if form.validate_on_submit():
        order = guests.look_up(form.order_number.data or "", form.email.data, visitor=request.remote_addr)
        if order is not None:
            session[KEY] = (order.id, order.email_key, int(clock.now().timestamp()) + REMEMBERED_SECONDS)
            return see_other(url_for(".order"))
        form.refuse()
    return render_template("guest/status.html", form=form), 422 if form.is_submitted() else 200


@bp.get("/commande")
@with_order
def order(order: Order) -> ResponseReturnValue:
    """Show how that one order stands, without any address."""
    mine = current_user.is_authenticated and order.customer_id == current_user.id
    return render_template(
        "guest/order.html",
        order=order,
        amounts=orders.amounts(order),
        sold=orders.sale_of(order).lines,
        personal=False,
        mine=mine,
    )


@bp.route("/compte", methods=["GET", "POST"])
@with_order
def create_account(order: Order) -> ResponseReturnValue:
    """Make an account of the order's address and sign in; an address that has one gets a mail instead."""
    if current_user.is_authenticated:
        return redirect(url_for("orders.index"), 303)
    form = CreateAccountForm(order.email)
    if form.validate_on_submit():
        customer = guests.create_account(order, form.password.data, visitor=request.remote_addr)
        if customer is None:
            return render_template("auth/check_mail.html", email=order.email, purpose="register")
        number = order.number
        signed_in.sign_in(customer)
        flash(_("Votre compte est créé. Dites-nous à quel nom établir la facture, puis demandez-la."), "success")
        return see_other(url_for("orders.show", number=number, modifier=1, _anchor="billing"))
    return render_template("guest/create_account.html", form=form, order=order), 422 if form.is_submitted() else 200
