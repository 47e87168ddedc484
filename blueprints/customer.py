"""The customer's home: the latest orders, and what to do next."""

from flask import Blueprint, render_template
from flask_login import login_required

import config
from parties import rules
from services import orders, refusals
from web.access import signed_in_customer

bp = Blueprint("customer", __name__, url_prefix="/espace-client")

LATEST = 3
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
        latest=orders.latest(customer, LATEST),
        refused=refused,
        most_refused=MOST_REFUSED,
        address_refused=refusals.is_present_address(customer, refused),
        details=details,
        missing=rules.problems(details, config.current().tax_id_required) if details else {},
    )
