"""« Données de facturation » of the account."""

from flask import Blueprint, flash, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from forms.billing import BillingForm
from services import billing
from web.access import signed_in_customer
from web.answers import changed, render

bp = Blueprint("billing", __name__, url_prefix="/espace-client/donnees-de-facturation")


@bp.route("", methods=["GET", "POST"])
@login_required
def edit() -> ResponseReturnValue:
    """Show and record who the account's invoices are made out to."""
    customer = signed_in_customer()
    form = BillingForm(obj=customer.billing)
    if form.only_shows():
        return render("billing/edit.html", "billing/_form.html", form=form)
    if form.validate_on_submit():
        billing.record_for_customer(customer, form.details())
        flash(_("Données de facturation enregistrées."), "success")
        saved = BillingForm(formdata=None, obj=customer.billing)
        return changed("billing/_form.html", url_for(".edit"), form=saved)
    status = 422 if form.is_submitted() else 200
    return render("billing/edit.html", "billing/_form.html", status, form=form)
