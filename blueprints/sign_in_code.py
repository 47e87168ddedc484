"""« Recevoir un code par e-mail »: the way to sign in beside the password."""

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

import clock
from blueprints.auth import OPENING
from extensions import DomainError
from forms.auth import CodeForm, ForgotForm, SignInForm
from services import code_sign_in
from web import signed_in
from web.answers import see_other

bp = Blueprint("sign_in_code", __name__, url_prefix="/connexion/code-par-e-mail")

KEY = "code_asked"
"""Which address a code was asked for here, and until when it may be given."""


@bp.route("/envoyer", methods=["GET", "POST"])
def ask() -> ResponseReturnValue:
    """Mail a code; the answer is the same for an address without an account."""
    following = signed_in.own_path(request.args.get("next"))
    if current_user.is_authenticated:
        return redirect(following or url_for("customer.home"), 303)
    form = ForgotForm()
    if not form.is_submitted():
        return see_other(url_for("auth.sign_in", next=following))
    if not form.validate():
        page = SignInForm(formdata=None, email=form.email.data)
        page.email.errors = form.email.errors
        return render_template("auth/sign_in.html", form=page, following=following), 422
    again = _asked_for() == form.email.data
    code_sign_in.request(form.email.data, signed_in.browser(), visitor=request.remote_addr)
    session[KEY] = (form.email.data, (clock.now() + code_sign_in.LIVES).timestamp())
    if again:
        flash(_("Nous avons envoyé un nouveau code, si cette adresse a un compte."), "success")
    return see_other(url_for(".enter", next=following))


@bp.route("", methods=["GET", "POST"])
def enter() -> ResponseReturnValue:
    """Sign in by the six digits; without an address that a code was asked for here, it begins with that."""
    following = signed_in.own_path(request.args.get("next"))
    if current_user.is_authenticated:
        return redirect(following or url_for("customer.home"), 303)
    email = _asked_for()
    if not email:
        if session.pop(KEY, None):
            flash(_("Ce code n'est plus valable. Demandez-en un autre."), "warning")
        return see_other(url_for("auth.sign_in", next=following))
    form = CodeForm()
    if form.validate_on_submit():
        try:
            return _admit(email, form.code.data or "", following)
        except code_sign_in.AlreadyUsed:
            return see_other(following or url_for("customer.home"))
        except DomainError as refusal:
            form.code.errors = [str(refusal)]
    page = render_template("auth/enter_code.html", form=form, email=email, following=following)
    return page, 422 if form.is_submitted() else 200


def _admit(email: str, code: str, following: str | None) -> ResponseReturnValue:
    """Sign in whose code it is, or lead to where the address is confirmed and a password chosen; raises DomainError."""
    opening, visitor = session.get(OPENING, ""), request.remote_addr
    admitted = code_sign_in.enter(email, code, signed_in.browser(), opening=opening, visitor=visitor)
    if admitted.confirmation:
        session.pop(KEY, None)
        return see_other(url_for("auth.confirm", token=admitted.confirmation))
    return see_other(signed_in.admit(admitted.customer, following))


def _asked_for() -> str:
    """Return the address that a code was asked for here a short while ago."""
    email, until = session.get(KEY) or ("", 0)
    return str(email) if until > clock.now().timestamp() else ""
