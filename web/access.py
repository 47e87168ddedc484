"""Who may see what: loaders that find only the person's own objects, and the guard of the admin pages."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from flask import abort, redirect, request, url_for
from flask_login import current_user, login_required
from sqlalchemy import select
from sqlalchemy.orm import undefer
from sqlalchemy.sql.base import ExecutableOption

from extensions import db
from models import Customer, Document, Invoice, Order
from services import second_factor

P = ParamSpec("P")
R = TypeVar("R")


def signed_in_customer() -> Customer:
    """Return the account of this request; only for views behind `login_required`."""
    return cast("Customer", current_user._get_current_object())


def own_order_or_404(number: str, *options: ExecutableOption) -> Order:
    """Return the signed-in customer's order of that number; a stranger's does not exist for them."""
    found = Order.visible_to(signed_in_customer()).where(Order.number == number).options(*options)
    return db.session.scalar(found) or abort(404)


def own_document_or_404(number: str) -> Document:
    """Return the signed-in customer's invoice or credit note of that number; a stranger's does not exist for them."""
    found = Document.visible_to(signed_in_customer()).where(Document.number == number)
    return db.session.scalar(found) or abort(404)


def own_invoice_or_404(number: str) -> Invoice:
    """Return the signed-in customer's invoice of that number, with all that it says; a credit note is none."""
    found = Invoice.visible_to(signed_in_customer()).where(Invoice.number == number)
    return db.session.scalar(found.options(undefer(Invoice.snapshot))) or abort(404)


def document_or_404(number: str) -> Document:
    """Return the document of that number, whosever it is; only for views behind `admin_required`."""
    return db.session.scalar(select(Document).where(Document.number == number)) or abort(404)


def for_admins(view: Callable[P, R]) -> Callable[P, R]:
    """Let only admins in, whatever their role; to everybody else the page does not exist."""

    @login_required
    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs) if signed_in_customer().is_admin else abort(404)

    return cast("Callable[P, R]", guarded)


def admin_required(view: Callable[P, R]) -> Callable[P, R]:
    """Let only admins in who have their second factor, and only those who manage change anything."""

    @for_admins
    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        customer = signed_in_customer()
        if second_factor.is_missing(customer):
            return redirect(url_for("second_factor.show"), 303)
        if request.method != "GET" and not customer.is_manager:
            abort(403)
        return view(*args, **kwargs)

    return cast("Callable[P, R]", guarded)
