"""« Double authentification »: the code after the password, and the application that makes it; for admins."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from extensions import DomainError
from forms.auth import PressForm
from forms.second_factor import FirstCodeForm, SecondStepForm
from services import second_factor
from web import qr, signed_in
from web.access import for_admins, signed_in_customer
from web.answers import see_other
from web.recent import recently_proven

bp = Blueprint("second_factor", __name__)
PAGE = "/espace-client/mon-compte/double-authentification"


@bp.route("/connexion/code", methods=["GET", "POST"])
def challenge() -> ResponseReturnValue:
    """Sign in by the code whoever has given the right password; anybody else begins with the password."""
    following = signed_in.own_path(request.args.get("next")) or url_for("customer.home")
    if current_user.is_authenticated:
        return redirect(following, 303)
    customer = signed_in.at_second_step()
    if customer is None:
        return see_other(url_for("auth.sign_in", next=following))
    form = SecondStepForm()
    if form.validate_on_submit():
        try:
            second_factor.check(customer, form.code.data or "")
        except second_factor.WrongCode as refusal:
            form.code.errors = [str(refusal)]
        else:
            signed_in.sign_in(customer)
            return see_other(following)
    page = render_template("second_factor/challenge.html", form=form, following=following)
    return page, 422 if form.is_submitted() else 200


@bp.get(PAGE)
@for_admins
def show() -> ResponseReturnValue:
    """Show whether there is a second factor, and how to set one up."""
    return _page(FirstCodeForm(formdata=None))


@bp.post(f"{PAGE}/application")
@for_admins
@recently_proven
def begin() -> ResponseReturnValue:
    """Begin with a new secret; the application that counted so far counts no more."""
    if PressForm().validate_on_submit():
        second_factor.begin(signed_in_customer())
    return see_other(url_for(".show"))


@bp.post(f"{PAGE}/premier-code")
@for_admins
@recently_proven
def confirm() -> ResponseReturnValue:
    """Let the factor count by a first code of it, and show the recovery codes, this once."""
    form = FirstCodeForm()
    if not form.validate_on_submit():
        return _page(form, 422)
    try:
        codes = second_factor.confirm(signed_in_customer(), form.code.data or "")
    except second_factor.WrongCode as refusal:
        if second_factor.is_on(signed_in_customer()):  # The first press of a double click has done it.
            return see_other(url_for(".show"))
        form.code.errors = [str(refusal)]
        return _page(form, 422)
    return render_template("second_factor/codes.html", codes=codes, first=True)


@bp.post(f"{PAGE}/codes-de-secours")
@for_admins
@recently_proven
def renew_codes() -> ResponseReturnValue:
    """Show new recovery codes; the ones before open nothing any more."""
    try:
        codes = second_factor.renew_codes(signed_in_customer())
    except DomainError as refusal:
        flash(str(refusal), "warning")
        return see_other(url_for(".show"))
    return render_template("second_factor/codes.html", codes=codes)


def _page(form: FirstCodeForm, status: int = 200) -> ResponseReturnValue:
    customer = signed_in_customer()
    awaited = second_factor.enrolment(customer)
    return render_template(
        "second_factor/show.html",
        form=form,
        press=PressForm(formdata=None),
        on=second_factor.is_on(customer),
        missing=second_factor.is_missing(customer),
        left=second_factor.codes_left(customer),
        enrolment=awaited,
        drawing=qr.drawing(awaited.uri) if awaited else None,
    ), status
