"""Sign in and out, open an account, recover it, confirm its address."""

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user, login_required
from flask_wtf import FlaskForm

from forms.auth import CodeForm, ForgotForm, PressForm, RegisterForm, ResetForm, SignInForm
from services import accounts, shop_sign_in
from web import signed_in
from web.access import signed_in_customer
from web.answers import changed, render, see_other

bp = Blueprint("auth", __name__)

OPENING = "opening"
"""The secret by which a browser is known as the one that has opened an account."""


@bp.route("/connexion", methods=["GET", "POST"])
def sign_in() -> ResponseReturnValue:
    """Sign in and lead to the page that asked for it."""
    following = signed_in.own_path(request.args.get("next"))
    if current_user.is_authenticated:
        return redirect(following or url_for("customer.home"), 303)
    form = SignInForm()
    if form.validate_on_submit():
        customer = accounts.authenticate(form.email.data, form.password.data or "", visitor=request.remote_addr)
        if customer is not None:
            return see_other(signed_in.admit(customer, following))
        form.refuse()
    signed_in.browser()  # Before a code is asked for: two presses at once then ask as one browser.
    return _page("auth/sign_in.html", form, following=following)


@bp.post("/deconnexion")
def sign_out() -> ResponseReturnValue:
    """End this browser's session."""
    signed_in.sign_out()
    flash(_("Vous êtes déconnecté."), "success")
    return see_other(url_for("home.index"))


@bp.route("/inscription", methods=["GET", "POST"])
def register() -> ResponseReturnValue:
    """Open an account; the answer is the same for an address that has one, and signs nobody in."""
    if current_user.is_authenticated:
        return redirect(url_for("customer.home"), 303)
    form = RegisterForm()
    if form.validate_on_submit():
        session[OPENING] = accounts.register(form.email.data, form.password.data, visitor=request.remote_addr)
        return render_template("auth/check_mail.html", email=form.email.data, purpose="register")
    return _page("auth/register.html", form)


@bp.route("/mot-de-passe-oublie", methods=["GET", "POST"])
def forgot() -> ResponseReturnValue:
    """Mail a link for a new password; the answer is the same for an address without an account."""
    form = ForgotForm()
    if form.validate_on_submit():
        accounts.request_reset(form.email.data, visitor=request.remote_addr)
        return render_template("auth/check_mail.html", email=form.email.data, purpose="reset")
    return _page("auth/forgot.html", form)


@bp.route("/mot-de-passe/<token>", methods=["GET", "POST"])
def reset(token: str) -> ResponseReturnValue:
    """Choose a new password by the link of the mail."""
    if not accounts.is_open(token, "password_reset"):
        return render_template("auth/dead_link.html", purpose="reset"), 410
    form = ResetForm(accounts.address_of(token, "password_reset"))
    if form.validate_on_submit():
        try:
            accounts.reset_password(token, form.password.data)
        except accounts.InvalidLink:
            return render_template("auth/dead_link.html", purpose="reset"), 410
        flash(_("Votre mot de passe est changé. Connectez-vous avec le nouveau."), "success")
        return see_other(url_for(".sign_in"))
    return _page("auth/reset.html", form, token=token)


@bp.get("/confirmer/<token>")
def confirm(token: str) -> ResponseReturnValue:
    """Show the button that confirms an address; opening the link confirms nothing, since mail scanners open it too."""
    if accounts.is_open(token, "confirmation"):
        return _page("auth/confirm.html", _confirm_form(token), token=token)
    return _used_link(token)


@bp.post("/confirmer/<token>")
def press_confirm(token: str) -> ResponseReturnValue:
    """Confirm the address; who has not opened the account here chooses its password, and gets it empty."""
    form = _confirm_form(token)
    if not form.validate_on_submit():
        return (
            _page("auth/confirm.html", form, token=token)
            if accounts.is_open(token, "confirmation")
            else _used_link(token)
        )
    try:
        customer = accounts.confirm_by_link(token, form.password.data if "password" in form else "")
    except accounts.InvalidLink:
        return _used_link(token)
    flash(_("Votre adresse e-mail est confirmée."), "success")
    here = current_user.is_authenticated and current_user.id == customer.id
    return see_other(url_for("customer.home") if here else url_for(".sign_in"))


@bp.get("/entrer/<token>")
def enter(token: str) -> ResponseReturnValue:
    """Show the button that signs a shop's customer in; opening the link does nothing, since browsers open it ahead."""
    customer = shop_sign_in.owner(token)
    if customer is None:
        return render_template("auth/dead_link.html", purpose="shop"), 410
    following = signed_in.own_path(request.args.get("next"))
    return render_template("auth/enter.html", form=PressForm(), token=token, email=customer.email, following=following)


@bp.post("/entrer/<token>")
def press_enter(token: str) -> ResponseReturnValue:
    """Sign in whom the shop vouches for, and lead to the page that the link names."""
    try:
        customer = shop_sign_in.enter(token, signed_in_customer() if current_user.is_authenticated else None)
    except accounts.InvalidLink:
        return render_template("auth/dead_link.html", purpose="shop"), 410
    signed_in.sign_out()
    signed_in.sign_in(customer)
    return see_other(signed_in.own_path(request.args.get("next")) or url_for("customer.home"))


@bp.route("/confirmer-par-code", methods=["GET", "POST"])
@login_required
def confirm_code() -> ResponseReturnValue:
    """Confirm the account's address by the six digits of the mail; opened, it leads to where they are typed."""
    form, back = CodeForm(), _back()
    if not form.is_submitted():
        return see_other(back)
    if form.validate_on_submit():
        try:
            accounts.confirm_by_code(signed_in_customer(), form.code.data or "", visitor=request.remote_addr)
        except accounts.WrongCode as refusal:
            form.code.errors = [str(refusal)]
        else:
            flash(_("Votre adresse e-mail est confirmée."), "success")
            return see_other(back)
    error = form.code.errors[0] if form.code.errors else ""
    return render("auth/confirm_notice.html", "auth/_confirm_notice.html", 422, code_error=error, back=back)


@bp.post("/confirmer/renvoyer")
@login_required
def resend_confirmation() -> ResponseReturnValue:
    """Mail a new code and link."""
    customer, back = signed_in_customer(), _back()
    accounts.request_confirmation(customer)
    flash(_("Un nouveau message part vers %(email)s.", email=customer.email), "success")
    return changed("auth/_confirm_notice.html", back, back=back)


def _page(template: str, form: FlaskForm, **context: object) -> ResponseReturnValue:
    """Show a form, with status 422 when it was sent and refused."""
    return render_template(template, form=form, **context), 422 if form.is_submitted() else 200


def _confirm_form(token: str) -> FlaskForm:
    """Return a button for who has opened the account, and a password to choose for everybody else."""
    present = signed_in_customer() if current_user.is_authenticated else None
    here = accounts.was_opened_here(token, present=present, opening=session.get(OPENING, ""))
    return PressForm() if here else ResetForm(accounts.address_of(token, "confirmation"))


def _used_link(token: str) -> ResponseReturnValue:
    """Say that a link is used up; after a successful confirmation that is no bad news."""
    if accounts.was_confirmed_by(token):
        return render_template("auth/confirmed.html")
    return render_template("auth/dead_link.html", purpose="confirm"), 410


def _back() -> str:
    return signed_in.own_path(request.form.get("next")) or url_for("customer.home")
