"""« Ajouter une commande » of « Mon compte »: an order placed with another address, by a code sent there."""

from flask import Blueprint, flash, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from flask_wtf import FlaskForm

from extensions import DomainError
from forms.auth import CodeForm
from forms.guest import LookUpForm
from models import Order
from services import claims
from web.access import signed_in_customer
from web.answers import changed, render, see_other

bp = Blueprint("claims", __name__, url_prefix="/espace-client/mon-compte/ajouter-une-commande")

KEY = "order_asked_of"
"""The address that the code was sent to, so that the page can say it."""


@bp.route("", methods=["GET", "POST"])
@login_required
def add() -> ResponseReturnValue:
    """Ask for an order; the answer is the same for one that is not there."""
    form = LookUpForm()
    if form.validate_on_submit():
        number, email = form.order_number.data or "", form.email.data
        try:
            claims.request(signed_in_customer(), number, email, visitor=request.remote_addr)
        except DomainError as refusal:
            form.order_number.errors = [str(refusal)]
        else:
            session[KEY] = email
            return changed("claims/_code.html", url_for(".confirm"), form=CodeForm(formdata=None), email=email)
    return _page("claims/_ask.html", form)


@bp.route("/code", methods=["GET", "POST"])
@login_required
def confirm() -> ResponseReturnValue:
    """Take the order in by the six digits; who signs in anew meanwhile is led back here."""
    form = CodeForm()
    if form.validate_on_submit():
        try:
            order = claims.confirm(signed_in_customer(), form.code.data or "", visitor=request.remote_addr)
        except claims.AlreadyTaken as done:
            return _taken(done.order)
        except DomainError as refusal:
            form.code.errors = [str(refusal)]
        else:
            return _taken(order)
    return _page("claims/_code.html", form, email=session.get(KEY, ""))


def _taken(order: Order) -> ResponseReturnValue:
    session.pop(KEY, None)
    flash(_("La commande %(number)s est dans votre espace client.", number=order.number), "success")
    return see_other(url_for("orders.show", number=order.number))


def _page(fragment: str, form: FlaskForm, **context: str) -> ResponseReturnValue:
    status = 422 if form.is_submitted() else 200
    return render("claims/add.html", fragment, status, form=form, step=fragment, **context)
