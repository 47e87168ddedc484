"""« Données personnelles » of « Mon compte »: the account is deleted, with what the law does not want kept."""

from flask import Blueprint, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from extensions import DomainError
from forms.personal_data import DeletionForm
from services import accounts, erasure
from web import signed_in
from web.access import signed_in_customer
from web.answers import see_other

bp = Blueprint("personal_data", __name__, url_prefix="/espace-client/mon-compte/donnees-personnelles")


@bp.route("/supprimer-mon-compte", methods=["GET", "POST"])
@login_required
def delete_account() -> ResponseReturnValue:
    """Say what goes and what stays, and delete the account by its password and a tick."""
    form = DeletionForm()
    if form.validate_on_submit():
        try:
            erasure.erase(signed_in_customer(), form.own_password.data or "")
        except accounts.WrongPassword as refusal:
            form.own_password.errors = [str(refusal)]
        except DomainError as refusal:
            form.sure.errors = [str(refusal)]
        else:
            signed_in.sign_out()
            return see_other(url_for(".deleted"))
    return render_template("personal_data/delete.html", form=form), 422 if form.is_submitted() else 200


@bp.get("/compte-supprime")
def deleted() -> ResponseReturnValue:
    """Say that the account is deleted; whoever comes here keeps nothing of it in their browser."""
    return render_template("personal_data/deleted.html")
