"""Why a correcting document exists, in the words that it prints; what a person wrote as a reason is printed as written.

The reason stands on credit notes and on invoices that replace another (CGI art. 289, I-5), in the invoice's language:
fr, en or es.
"""

from __future__ import annotations

_REFUND = {
    "fr": "Remboursement",
    "en": "Refund",
    "es": "Reembolso",
}
_CORRECTION = {
    "fr": "Correction des données de facturation",
    "en": "Correction of the billing details",
    "es": "Corrección de los datos de facturación",
}
_RESTATED = {
    "fr": "Reprise de l'avoir {number}\u00a0: {reason}",
    "en": "Carried over from credit note {number}: {reason}",
    "es": "Traslado de la factura rectificativa {number}: {reason}",
}


def refund(language: str) -> str:
    """Money went back to the customer."""
    return _REFUND[language]


def correction(language: str) -> str:
    """The invoice named its buyer wrongly."""
    return _CORRECTION[language]


def restated(language: str, number: str, reason: str) -> str:
    """The invoice that this one replaces bore that credit note already, for that reason."""
    return _RESTATED[language].format(number=number, reason=reason)
