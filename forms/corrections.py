"""The form « Corriger »: what an issued invoice says of its buyer, to be said otherwise."""

from collections.abc import Iterator
from itertools import chain

from flask import request
from wtforms import Field

from forms.billing import BillingForm
from forms.orders import purchase_order_field
from parties import rules

CONFIRM = "confirm"
FIELDS = (*rules.FIELDS, "purchase_order")
"""What can be corrected, in the order in which a person meets it."""


class CorrectionForm(BillingForm):
    """The billing form over what the invoice says, with the customer's own reference.

    The first press shows what would change, the second (`confirm`) corrects.
    """

    purchase_order = purchase_order_field()

    def confirms(self) -> bool:
        """Whether this post was made by somebody who has seen what changes."""
        return self.is_submitted() and CONFIRM in request.form

    def sent(self) -> Iterator[Field]:
        """Give the fields that a preview carries on to the second press."""
        shown = (self[name] for name in FIELDS if name in self.shown or name not in rules.FIELDS)
        return chain([self.on_behalf] if self.with_contact else [], shown)
