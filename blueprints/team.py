"""« Équipe »: who administers the shop, and the page on which somebody who is invited accepts."""

from collections.abc import Callable

from flask import Blueprint, abort, flash, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf import FlaskForm

from extensions import DomainError
from forms.auth import PressForm, ResetForm
from forms.team import InviteForm, RoleForm
from models import Customer
from services import accounts, history_words, team
from web import signed_in
from web.access import admin_required
from web.answers import see_other
from web.recent import recently_proven

bp = Blueprint("team", __name__)
PAGE = "/admin/equipe"
MEMBER = f"{PAGE}/<int(max=2147483647):customer_id>"


@bp.get(PAGE)
@admin_required
def index() -> ResponseReturnValue:
    """Show who administers the shop, and who is invited."""
    return _page(InviteForm(formdata=None))


@bp.post(f"{PAGE}/inviter")
@admin_required
@recently_proven
def invite() -> ResponseReturnValue:
    """Mail an invitation."""
    form = InviteForm()
    if not form.validate_on_submit():
        return _page(form, 422)
    try:
        team.invite(form.email.data, form.role.data)
    except DomainError as refusal:
        form.email.errors = [str(refusal)]
        return _page(form, 422)
    flash(_("L'invitation part vers %(email)s. Elle est valable 7 jours.", email=form.email.data), "success")
    return see_other(url_for(".index"))


@bp.post(f"{MEMBER}/role")
@admin_required
@recently_proven
def change_role(customer_id: int) -> ResponseReturnValue:
    """Give an admin the other role."""
    form = RoleForm()
    if not form.validate_on_submit():
        return _page(InviteForm(formdata=None), 422)
    return _done(lambda: team.change_role(customer_id, form.role.data), _("Le rôle est changé."))


@bp.post(f"{MEMBER}/retirer")
@admin_required
@recently_proven
def remove(customer_id: int) -> ResponseReturnValue:
    """Take the right to administer the shop away."""
    return _done(lambda: team.remove(customer_id), _("Cette personne n'administre plus la boutique."))


@bp.post(f"{MEMBER}/annuler")
@admin_required
@recently_proven
def withdraw(customer_id: int) -> ResponseReturnValue:
    """Withdraw an invitation."""
    return _done(lambda: team.withdraw(customer_id), _("L'invitation est annulée."))


@bp.get("/invitation/<token>")
def accept(token: str) -> ResponseReturnValue:
    """Show what is offered; opening the link accepts nothing, since mail scanners open it too."""
    customer = team.invited(token)
    if customer is None:
        return _dead_link()
    if customer.is_confirmed and not _is_here(customer):
        return render_template("team/sign_in_first.html", here=url_for(".accept", token=token), email=customer.email)
    return _acceptance(customer, _acceptance_form(customer), token)


@bp.post("/invitation/<token>")
def press_accept(token: str) -> ResponseReturnValue:
    """Accept: by a press, or by choosing the password of an account that nobody has proven yet."""
    customer = team.invited(token)
    if customer is None:
        return _dead_link()
    if customer.is_confirmed and not _is_here(customer):
        return see_other(url_for("auth.sign_in", next=url_for(".accept", token=token)))
    form = _acceptance_form(customer)
    if not form.validate_on_submit():
        return _acceptance(customer, form, token)
    try:
        team.accept(token, form.password.data if "password" in form else "")
    except accounts.InvalidLink:
        return _dead_link()
    flash(_("Vous faites maintenant partie de l'équipe."), "success")
    if "password" in form:
        return see_other(url_for("auth.sign_in", next=url_for("admin.index")))
    signed_in.prove()
    return see_other(url_for("admin.index"))


def _is_here(customer: Customer) -> bool:
    return current_user.is_authenticated and bool(current_user.id == customer.id)


def _acceptance_form(customer: Customer) -> FlaskForm:
    """Return a button for who is signed in, and a password to choose for who proves the mailbox by this link."""
    return PressForm() if customer.is_confirmed else ResetForm(customer.email)


def _acceptance(customer: Customer, form: FlaskForm, token: str) -> ResponseReturnValue:
    page = render_template("team/accept.html", form=form, token=token, manages=customer.invited_role == "managing")
    return page, 422 if form.is_submitted() else 200


def _dead_link() -> ResponseReturnValue:
    return render_template("auth/dead_link.html", purpose="invitation"), 410


def _done(act: Callable[[], None], said: str) -> ResponseReturnValue:
    if not PressForm().validate_on_submit():
        abort(422)
    try:
        act()
    except DomainError as refusal:
        flash(str(refusal), "error")
    else:
        flash(said, "success")
    return see_other(url_for(".index"))


def _page(form: InviteForm, status: int = 200) -> ResponseReturnValue:
    return render_template("team/index.html", form=form, members=team.members(), roles=history_words.ROLES), status
