"""The customer's home: the latest orders, and what to do next."""

from typing import Any

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

import config
from parties import rules
from services import orders, refusals
from web.access import signed_in_customer
from web.answers import wants_fragment

bp = Blueprint("customer", __name__, url_prefix="/espace-client")

LATEST = 3
MOST_UNDERWAY = 3
MOST_REFUSED = 10


@bp.get("")
@login_required
def home() -> str:
    """Show the newest orders, whether billing details are complete, and the address to confirm or to correct."""
    customer = signed_in_customer()
    details = customer.billing.details() if customer.billing else None
    refused = refusals.of(customer)
    return render_template(
        "customer/home.html",
        **_underway(),
        latest=orders.latest(customer, LATEST),
        refused=refused,
        most_refused=MOST_REFUSED,
        address_refused=refusals.is_present_address(customer, refused),
        details=details,
        missing=rules.problems(details, config.current().tax_id_required) if details else {},
    )


@bp.get("/factures-en-cours")
@login_required
def invoices_underway() -> ResponseReturnValue:
    """Show how far the invoices have come: the fragment that asks for itself again, or the home to a browser."""
    if not wants_fragment():
        return redirect(url_for(".home"), 303)
    return render_template("customer/_underway.html", **_underway())


@bp.get("/de-retour")
@login_required
def back() -> str:
    """Say to whom the open page sent here that they are signed in again and may go back to it."""
    return render_template("customer/back.html")


def _underway() -> dict[str, Any]:
    settings = config.current()
    return {
        "underway": orders.underway(signed_in_customer(), MOST_UNDERWAY),
        "hours": (settings.invoice_delay_hours, settings.invoice_deadline_hours),
    }
