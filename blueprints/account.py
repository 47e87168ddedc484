"""« Mon compte »: the address, the password, the devices."""

from flask import Blueprint, abort, flash, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from flask_wtf import FlaskForm

import clock
from extensions import DomainError
from forms.account import AddressForm, PasswordForm
from forms.auth import CodeForm, PressForm
from services import accounts, email_change, refusals, sessions, tokens
from web.access import signed_in_customer
from web.answers import changed, render, see_other

bp = Blueprint("account", __name__, url_prefix="/espace-client/mon-compte")

KEY = "address_to_prove"


@bp.get("")
@login_required
def show() -> ResponseReturnValue:
    """Show the account and the devices that are signed in."""
    form = PasswordForm(formdata=None)
    return render_template("account/show.html", form=form, devices=_devices(), **_address())


@bp.route("/mot-de-passe", methods=["GET", "POST"])
@login_required
def change_password() -> ResponseReturnValue:
    """Change the password; every other device is signed out. Who comes back here by its address finds the form."""
    form = PasswordForm(signed_in_customer().email)
    if not form.is_submitted():
        return see_other(url_for(".show"))
    if form.validate_on_submit():
        try:
            accounts.change_password(signed_in_customer(), form.current_password.data or "", form.password.data)
        except accounts.WrongPassword as refusal:
            form.current_password.errors = [str(refusal)]
        else:
            flash(_("Votre mot de passe est changé."), "success")
            return changed(
                "account/_security.html", url_for(".show"), form=PasswordForm(formdata=None), devices=_devices()
            )
    page = {"form": form, "devices": _devices(), **_address()}
    return render("account/show.html", "account/_security.html", 422, **page)


@bp.route("/adresse", methods=["GET", "POST"])
@login_required
def change_address() -> ResponseReturnValue:
    """Ask for another address; the answer is the same for one that has an account."""
    form = AddressForm(email=_awaited())
    if form.validate_on_submit():
        try:
            email_change.request(signed_in_customer(), form.email.data, form.own_password.data or "")
        except accounts.WrongPassword as refusal:
            form.own_password.errors = [str(refusal)]
        except DomainError as refusal:
            form.email.errors = [str(refusal)]
        else:
            session[KEY] = (form.email.data, int((clock.now() + tokens.CODE_LIVES).timestamp()))
            return changed("account/_address.html", url_for(".show"), **_address())
    return _address_page(422 if form.is_submitted() else 200, address_form=form)


@bp.route("/adresse/code", methods=["GET", "POST"])
@login_required
def confirm_address_code() -> ResponseReturnValue:
    """Give the account the address that the six digits were sent to; who signs in anew meanwhile is led back here."""
    form = CodeForm()
    if form.validate_on_submit():
        try:
            email_change.confirm_by_code(signed_in_customer(), form.code.data or "", visitor=request.remote_addr)
        except DomainError as refusal:
            if accounts.find(_awaited()) is signed_in_customer():  # The first press of a double click has done it.
                return _address_changed()
            form.code.errors = [str(refusal)]
        else:
            return _address_changed()
    return _address_page(422 if form.is_submitted() else 200, code_form=form)


@bp.get("/adresse/confirmer/<token>")
@login_required
def confirm_address(token: str) -> ResponseReturnValue:
    """Show the button that changes the address; opening the link changes nothing, since mail scanners open it too."""
    email = email_change.wanted(signed_in_customer(), token)
    if email is None:
        return render_template("auth/dead_link.html", purpose="address"), 410
    return render_template("account/confirm_address.html", form=PressForm(), token=token, email=email)


@bp.post("/adresse/confirmer/<token>")
@login_required
def press_confirm_address(token: str) -> ResponseReturnValue:
    """Give the account the address that the link was sent to."""
    try:
        email_change.confirm_by_link(signed_in_customer(), token)
    except accounts.InvalidLink:
        return render_template("auth/dead_link.html", purpose="address"), 410
    except DomainError as refusal:
        flash(str(refusal), "error")
        return see_other(url_for(".show"))
    return _address_changed()


@bp.post("/appareils/<int(max=2147483647):session_id>/deconnexion")
@login_required
def end_session(session_id: int) -> ResponseReturnValue:
    """Sign one device out; somebody else's does not exist."""
    if not sessions.close_one(signed_in_customer(), session_id):
        abort(404)
    flash(_("L'appareil est déconnecté."), "success")
    return changed("account/_security.html", url_for(".show"), form=PasswordForm(formdata=None), devices=_devices())


def _address(**forms: FlaskForm) -> dict[str, object]:
    """Return what the section « Adresse e-mail » shows."""
    awaited = _awaited()
    code_form = CodeForm(formdata=None) if awaited else None
    customer = signed_in_customer()
    refused = refusals.is_present_address(customer, refusals.of(customer))
    return {"address_form": None, "code_form": code_form, "awaited": awaited, "refused": refused} | forms


def _awaited() -> str:
    """Return the address that waits for its code, which this browser remembers as long as the code is good."""
    email, until = session.get(KEY) or ("", 0)
    return email if until > clock.now().timestamp() else ""


def _address_page(status: int, **forms: FlaskForm) -> ResponseReturnValue:
    return render("account/address.html", "account/_address.html", status, **_address(**forms))


def _address_changed() -> ResponseReturnValue:
    session.pop(KEY, None)
    flash(_("Votre adresse e-mail est maintenant %(email)s.", email=signed_in_customer().email), "success")
    flash(
        _("Indiquez-la aussi à la boutique pour vos prochaines commandes\u00a0: elles arrivent ici par elle."), "info"
    )
    return see_other(url_for(".show"))


def _devices() -> list[dict[str, object]]:
    customer = signed_in_customer()
    return [
        {
            "id": one.id,
            "name": _device_name(one.user_agent),
            "created_at": one.created_at,
            "last_seen_at": one.last_seen_at,
            "current": sessions.is_current(one, customer.session_token),
        }
        for one in sessions.of(customer)
    ]


def _device_name(user_agent: str) -> str:
    browser, system = sessions.browser_and_system(user_agent)
    both = _("%(browser)s sur %(system)s", browser=browser, system=system)
    return str(both if browser and system else browser or system or _("Appareil inconnu"))
