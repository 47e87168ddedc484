"""« Données de facturation » of the account."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from forms.billing import BillingForm
from services import billing
from web.access import signed_in_customer
from web.answers import changed, render, wants_fragment

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
        return changed("billing/_form.html", url_for(".edit"), form=saved, saved=True)
    status = 422 if form.is_submitted() else 200
    return render("billing/edit.html", "billing/_form.html", status, form=form)


@bp.post("/verification")
@login_required
def check() -> ResponseReturnValue:
    """Say of one field of such a form what there is to say while it is typed; nothing is recorded.

    The field comes out of band, so that the focus stays where it is and the page's messages as they are.
    """
    form = BillingForm()
    name = form.checks()
    if not wants_fragment():
        return redirect(url_for(".edit"), 303)
    return render_template("billing/_check.html", form=form, name=name), 200, {"HX-Reswap": "none"}
