"""« Mon compte »: the address, the password, the devices."""

from flask import Blueprint, abort, flash, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from forms.account import PasswordForm
from services import accounts, sessions
from web.access import signed_in_customer
from web.answers import changed, render

bp = Blueprint("account", __name__, url_prefix="/espace-client/mon-compte")


@bp.get("")
@login_required
def show() -> ResponseReturnValue:
    """Show the account and the devices that are signed in."""
    return render_template("account/show.html", form=PasswordForm(formdata=None), devices=_devices())


@bp.post("/mot-de-passe")
@login_required
def change_password() -> ResponseReturnValue:
    """Change the password; every other device is signed out."""
    form = PasswordForm()
    if form.validate_on_submit():
        try:
            accounts.change_password(signed_in_customer(), form.current_password.data or "", form.password.data)
        except accounts.WrongPassword as refusal:
            form.current_password.errors = [str(refusal)]
        else:
            flash(_("Votre mot de passe est changé. Vos autres appareils sont déconnectés."), "success")
            return changed(
                "account/_security.html", url_for(".show"), form=PasswordForm(formdata=None), devices=_devices()
            )
    return render("account/show.html", "account/_security.html", 422, form=form, devices=_devices())


@bp.post("/appareils/<int(max=2147483647):session_id>/deconnexion")
@login_required
def end_session(session_id: int) -> ResponseReturnValue:
    """Sign one device out; somebody else's does not exist."""
    if not sessions.close_one(signed_in_customer(), session_id):
        abort(404)
    flash(_("L'appareil est déconnecté."), "success")
    return changed("account/_security.html", url_for(".show"), form=PasswordForm(formdata=None), devices=_devices())


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
