"""Billing details: recorded for an account or for one order, until its invoice is issued."""

from flask_babel import gettext as _

from extensions import DomainError, db, transaction
from models import BillingDetails, Customer, Order
from parties.details import Details
from services import history, invoicing


def record_for_customer(customer: Customer, details: Details) -> None:
    """Afterwards the account is invoiced to these details, and what waited for them goes on.

    Orders with details of their own keep them; issued invoices never change.
    """
    customer_id = customer.id
    with transaction():
        _write_for_account(invoicing.lock_account(customer_id), details)
    invoicing.ring_what_is_due(customer_id)


def record_for_order(order: Order, details: Details, *, also_account: bool) -> None:
    """Afterwards this order is invoiced to these details, whatever the shop sends later, and its request goes on.

    With `also_account` the account of the order's customer has them too. Raises DomainError once an invoice is issued,
    and while an unconfirmed account meets a request that the shop opened; NotTheirs when the order has left its account
    meanwhile.
    """
    order_id, customer_id = order.id, order.customer_id
    with transaction():
        order = invoicing.lock_order_of(customer_id, order_id)
        require_changeable(order)
        account = invoicing.lock_account(customer_id) if also_account and customer_id else None
        same = _is_typed_already(order.billing, details)
        order.billing = (order.billing or BillingDetails()).take(details)
        order.billing.edited_by_customer = True
        if not same:
            history.record("billing.changed", order=order, customer=order.customer, detail=_summary(details))
        db.session.flush()
        invoicing.reconsider(order)
        if account:
            _write_for_account(account, details)
    invoicing.ring_if_due(order.request)
    if account:
        invoicing.ring_what_is_due(account.id)


def require_changeable(order: Order) -> None:
    """Raise DomainError, with the reason in French, when the billing details of this order are not to be changed."""
    if order.issued_invoice or order.existing_invoice:
        raise DomainError(
            _("La facture de cette commande est émise\u00a0: ses données de facturation ne changent plus.")
        )
    request = order.request
    unconfirmed = order.customer is not None and not order.customer.is_confirmed
    if unconfirmed and request and request.origin != "customer" and request.state in invoicing.OPEN:
        # That request does not wait for this account: whoever knows the order's number would change somebody's invoice.
        raise DomainError(_("Confirmez d'abord votre adresse e-mail pour modifier les données de cette commande."))


def is_changeable(order: Order) -> bool:
    """Whether « Modifier » has a meaning for this order."""
    try:
        require_changeable(order)
    except DomainError:
        return False
    return True


def shown_details(order: Order, customer: Customer) -> Details | None:
    """Return the details of this order that its customer may read, or None.

    Before the mailbox is proven these are only the ones the customer typed, never the shop's: an order's number and
    e-mail address are no proof of who asks.
    """
    if order.personal_data_visible_to(customer):
        return order.effective_details()
    row = order.billing if order.billing and order.billing.edited_by_customer else customer.billing
    return row.details() if row else None


def proposed_details(order: Order, customer: Customer) -> Details | None:
    """Return what « Modifier » begins with: the details on record, else the delivery address, else nothing."""
    details, delivery = shown_details(order, customer), delivery_address(order, customer)
    if details or delivery is None:
        return details
    return Details(kind="individual", **delivery)


def delivery_address(order: Order, customer: Customer) -> dict[str, str] | None:
    """Return where the order went, as the fields of billing details, if its customer may read that; else None."""
    address = order.shipping_address
    if not address or not order.personal_data_visible_to(customer):
        return None
    parts = {name: address.get(name) or "" for name in ("line1", "line2", "postal_code", "city")}
    return {**parts, "country": address.get("country") or "FR"}


def _write_for_account(customer: Customer, details: Details) -> None:
    """Write the account's details and reconsider what depends on them; inside the caller's transaction."""
    same = _is_typed_already(customer.billing, details)
    customer.billing = (customer.billing or BillingDetails()).take(details)
    customer.billing.edited_by_customer = True
    if not same:
        history.record("billing.changed", customer=customer, detail=_summary(details))
    db.session.flush()
    invoicing.reconsider_customer(customer)


def _is_typed_already(row: BillingDetails | None, details: Details) -> bool:
    """Whether the customer has said just this before: a second press, or one that changes nothing, is no change."""
    return row is not None and row.edited_by_customer and row.details() == BillingDetails().take(details).details()


def _summary(details: Details) -> str:
    return f"{details.kind} {details.country}"
