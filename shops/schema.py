"""One order as any shop sends it: one validated message (the README names the file formats).

A null is a field that was not sent. Texts lose the blanks around them, moments become UTC, decimals are exact and
lose trailing zeros, so that two ways of writing the same content are the same content.
"""

import hashlib
import json
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

from shops.kinds import (
    WHOLE,
    Code,
    Compact,
    Country,
    Currency,
    Description,
    Email,
    ExchangeRate,
    Flag,
    HttpsUrl,
    Id,
    Language,
    Moment,
    Money,
    Number,
    OwnPath,
    Plain,
    Price,
    Quantity,
    Rate,
    Reference,
    SignedQuantity,
    Text,
    items,
)
from shops.problems import FieldProblem, from_validation

MAX_LINES = 1_000
MAX_ORDER_BYTES = 1024 * 1024
_ZERO = Decimal(0)
_CENT = Decimal("0.01")

LineKind = Literal["goods", "service", "shipping", "fee", "voucher"]
VatCategory = Literal["E", "K", "AE", "G", "O"]


class InvalidMessage(Exception):
    """The message breaks the schema; `problems` says where and why."""

    def __init__(self, problems: tuple[FieldProblem, ...]) -> None:
        """Carry the problems."""
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_not_sent(cls, sent: Any) -> Any:
        if not isinstance(sent, dict):
            return sent
        fields = cls.model_fields
        return {
            name: value
            for name, value in sent.items()
            if value is not None or name not in fields or fields[name].is_required()
        }

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Say that a field which may be missing may be null."""
        schema = handler(core)
        described = handler.resolve_ref_schema(schema)
        for name in described["properties"].keys() - set(described.get("required", ())):
            field = described["properties"][name]
            if {"type": "null"} not in field.get("anyOf", ()):
                outside = {key: field.pop(key) for key in ("default", "title") if key in field}
                described["properties"][name] = {"anyOf": [field, {"type": "null"}], **outside}
        return schema

    @classmethod
    def checked(cls, sent: Any) -> Self:
        """Return the message; raises InvalidMessage with every problem found."""
        try:
            return cls.model_validate(sent)
        except ValidationError as error:
            raise InvalidMessage(from_validation(error)) from None


def _with_unique_ids(sent: tuple[Any, ...]) -> tuple[Any, ...]:
    if len({each.id for each in sent}) < len(sent):
        raise PydanticCustomError("shop_unique", "Le même id y figure deux fois.")
    return sent


class BillingMessage(_Message):
    """Who the shop says the invoice is made out to; any part of it may be missing, the customer completes it."""

    kind: Literal["individual", "company"] | None = None
    first_name: Text = ""
    last_name: Text = ""
    company_name: Text = ""
    tax_id: Annotated[Code, Field(max_length=40)] = ""
    siret: Annotated[Compact, Field(max_length=14)] = ""
    vat_number: Annotated[Compact, Field(max_length=20)] = ""
    line1: Text = ""
    line2: Text = ""
    postal_code: Annotated[Code, Field(max_length=20)] = ""
    city: Text = ""
    country: Country | None = None


class AddressMessage(_Message):
    """Where the order goes."""

    name: Text = ""
    line1: Text = ""
    line2: Text = ""
    postal_code: Annotated[Code, Field(max_length=20)] = ""
    city: Text = ""
    country: Country | None = None


class LineMessage(_Message):
    """One line as charged; `discount` is for the whole line, in the price's own tax basis.

    What a shop writes as a negative line has a negative quantity and no discount (BR-27 refuses a negative price).
    """

    sku: Reference = ""
    description: Description
    kind: LineKind
    quantity: SignedQuantity
    unit_price: Price
    discount: Money = _ZERO
    vat_rate: Rate
    vat_category: VatCategory | None = None
    exemption: Text | None = None
    tax: Money | None = None

    @field_validator("exemption")
    @classmethod
    def _empty_is_none(cls, text: str | None) -> str | None:
        return text or None

    @field_validator("quantity")
    @classmethod
    def _something_was_sold(cls, quantity: Decimal) -> Decimal:
        if not quantity:
            raise PydanticCustomError("shop_quantity", "La quantité ne peut pas être nulle.")
        return quantity

    @field_validator("discount")
    @classmethod
    def _within_the_price(cls, discount: Decimal, info: ValidationInfo) -> Decimal:
        price, quantity = info.data.get("unit_price"), info.data.get("quantity")
        if price is None or quantity is None or not discount:
            return discount
        if discount > (price * quantity).quantize(_CENT, ROUND_HALF_UP):
            raise PydanticCustomError("shop_discount", "La remise dépasse le prix de la ligne.")
        return discount

    @field_validator("vat_category")
    @classmethod
    def _only_where_nothing_is_charged(cls, category: str | None, info: ValidationInfo) -> str | None:
        if category and info.data.get("vat_rate"):
            raise PydanticCustomError(
                "shop_category", "Ce code explique un taux de 0\u00a0: le taux de cette ligne n'est pas nul."
            )
        return category


class ShipmentMessage(_Message):
    """A parcel on its way; `tracking_url` is shown to the customer."""

    id: Id
    shipped_at: Moment
    carrier: Reference = ""
    tracking_number: Reference = ""
    tracking_url: HttpsUrl = ""


class RefundLineMessage(_Message):
    """What of a refund belongs to one line of the order; `line` counts from 0."""

    line: Annotated[int, Field(ge=0, le=MAX_LINES - 1), WHOLE]
    quantity: Quantity = _ZERO
    amount: Money


class RefundMessage(_Message):
    """Money that went back; TTC. Lines may be missing, the amount is then spread over the rates."""

    id: Id
    at: Moment
    lines: Annotated[tuple[RefundLineMessage, ...], items(MAX_LINES)] = ()
    amount: Money

    @field_validator("amount")
    @classmethod
    def _covers_its_lines(cls, amount: Decimal, info: ValidationInfo) -> Decimal:
        if not amount:
            raise PydanticCustomError("shop_refund", "Le montant remboursé ne peut pas être nul.")
        if sum((line.amount for line in info.data.get("lines", ())), _ZERO) > amount:
            raise PydanticCustomError("shop_refund", "Les lignes remboursées dépassent le montant du remboursement.")
        return amount


class ShipmentReport(_Message):
    """That an order has left, said by itself (`PATCH …/shipment`): when, as a whole, and in which parcels."""

    shipped_at: Moment | None = None
    shipments: Annotated[tuple[ShipmentMessage, ...], items(100)] = ()

    @field_validator("shipments")
    @classmethod
    def _ids_are_unique(cls, sent: tuple[Any, ...]) -> tuple[Any, ...]:
        return _with_unique_ids(sent)

    @model_validator(mode="after")
    def _something_left(self) -> Self:
        if self.shipped_at is None and not self.shipments:
            raise PydanticCustomError("shop_shipment", "Indiquez shipped_at, shipments, ou les deux.")
        return self


class SignInMessage(_Message):
    """Whom the shop has signed in, and where in the customer area they want to go."""

    email: Email
    next: OwnPath = ""


class OrderMessage(_Message):
    """One order; `total` is the TTC charged. Whether its sums add up is for intake to say."""

    number: Number
    version: Annotated[int, Field(ge=0, le=2**63 - 1), WHOLE]
    email: Email
    locale: Language = "fr"
    placed_at: Moment
    paid_at: Moment | None = None
    payment_method: Annotated[Plain, Field(max_length=60)] = ""
    shipped_at: Moment | None = None
    delivered_at: Moment | None = None
    cancelled_at: Moment | None = None
    existing_invoice: Annotated[Plain, Field(max_length=64)] | None = None
    purchase_order: Reference | None = None
    currency: Currency
    exchange_rate: ExchangeRate | None = None
    prices_include_tax: Flag
    invoice_requested: Flag = False
    billing: BillingMessage | None = None
    shipping_address: AddressMessage | None = None
    lines: Annotated[tuple[LineMessage, ...], items(MAX_LINES, least=1)]
    order_discount: Money = _ZERO
    total_tax: Money | None = None
    total: Money
    paid_amount: Money | None = None
    shipments: Annotated[tuple[ShipmentMessage, ...], items(100)] = ()
    refunds: Annotated[tuple[RefundMessage, ...], items(100)] = ()

    @field_validator("existing_invoice", "purchase_order")
    @classmethod
    def _empty_is_none(cls, text: str | None) -> str | None:
        return text or None

    @field_validator("exchange_rate")
    @classmethod
    def _rate_is_positive(cls, rate: Decimal | None) -> Decimal | None:
        if rate is not None and not rate:
            raise PydanticCustomError("shop_rate", "Le taux de change ne peut pas être nul.")
        return rate

    @field_validator("shipments", "refunds")
    @classmethod
    def _ids_are_unique(cls, sent: tuple[Any, ...]) -> tuple[Any, ...]:
        return _with_unique_ids(sent)

    @field_validator("refunds")
    @classmethod
    def _refunded_lines_exist(
        cls, refunds: tuple[RefundMessage, ...], info: ValidationInfo
    ) -> tuple[RefundMessage, ...]:
        lines = info.data.get("lines")
        if lines is not None and any(line.line >= len(lines) for refund in refunds for line in refund.lines):
            raise PydanticCustomError(
                "shop_refund", "Un remboursement désigne une ligne qui n'existe pas (la première est 0)."
            )
        return refunds

    def content_hash(self) -> str:
        """Return the SHA-256 of the content in one canonical form; a field left at its default does not count."""
        content = self.model_dump(mode="json", exclude_defaults=True)
        canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()
