"""The tables, their constraints and the transitions of each state: the one door to `tables/`, which holds them by noun.

Every invariant stands twice: as a readable method, and as a constraint that the database enforces.
Amounts are `Decimal` with two places, moments are aware UTC (see `columns.py`).
"""

from tables import guards
from tables.accounts import (
    BillingDetails,
    Customer,
    DataExport,
    Erasure,
    ExportPart,
    RateCounter,
    RecoveryCode,
    SecondFactor,
    SignInCode,
    SignInSession,
    Token,
)
from tables.documents import FIRST_LINK, CreditNote, Document, Invoice, NumberSeries, StoredFile
from tables.operations import AuditEntry, Delivery, Incident, Milestone
from tables.orders import Order, OrderLine, Refund, Shipment
from tables.requests import Correction, InvoiceRequest
from tables.shops import ApiCall, ApiKey, EarlierInvoice, Shop, ShopMessage, Upload

__all__ = [
    "FIRST_LINK",
    "ApiCall",
    "ApiKey",
    "AuditEntry",
    "BillingDetails",
    "Correction",
    "CreditNote",
    "Customer",
    "DataExport",
    "Delivery",
    "Document",
    "EarlierInvoice",
    "Erasure",
    "ExportPart",
    "Incident",
    "Invoice",
    "InvoiceRequest",
    "Milestone",
    "NumberSeries",
    "Order",
    "OrderLine",
    "RateCounter",
    "RecoveryCode",
    "Refund",
    "SecondFactor",
    "Shipment",
    "Shop",
    "ShopMessage",
    "SignInCode",
    "SignInSession",
    "StoredFile",
    "Token",
    "Upload",
    "guards",
]
