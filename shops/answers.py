"""What the API answers, as models: the OpenAPI document is made of them, and every answer is one of them."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class FieldError(_Answer):
    """One thing that is wrong: where, and what, in French."""

    field: str
    message: str


class Problem(_Answer):
    """An error (RFC 9457)."""

    type: str
    status: int
    title: str
    detail: str
    errors: list[FieldError] = []


class Taken(_Answer):
    """What became of what was sent."""

    number: str
    version: int
    applied: bool
    review: list[str] = []


class LineResult(_Answer):
    """What became of one line of a batch."""

    line: int
    number: str
    status: Literal[200, 201, 409, 422]
    applied: bool
    errors: list[FieldError] = []


class RequestState(_Answer):
    """Where the invoice stands."""

    state: Literal["requested", "waiting", "scheduled", "issued", "rendered", "sent", "cancelled", "needs_attention"]
    waiting_for: Literal["shipment", "confirmation", "details", "reconciliation"] | None
    reason: str | None
    requested_at: datetime
    earliest_at: datetime | None
    deadline_at: datetime | None
    sent_at: datetime | None


class DocumentState(_Answer):
    """An invoice or a credit note that is issued."""

    kind: Literal["invoice", "credit_note"]
    number: str
    issued_on: str
    currency: str
    net: str
    vat: str
    gross: str
    url: str


class OrderState(_Answer):
    """An order as it is known, with its invoice."""

    number: str
    version: int
    status: Literal["placed", "preparing", "shipped", "delivered", "cancelled", "refunded"]
    total: str
    currency: str
    shipped_at: datetime | None
    existing_invoice: str | None
    review: list[str]
    request: RequestState | None
    documents: list[DocumentState]
    url: str


class SignInLink(_Answer):
    """A way in for one customer, once, for 60 seconds."""

    url: str
    expires_at: datetime
