"""The billing details of one customer, as every other part of the program passes them around."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["individual", "company"]


@dataclass(frozen=True, slots=True)
class Details:
    """Données de facturation: who is invoiced, under which numbers, and where.

    Values are the ones `parties.rules.normalise` gives: trimmed text, numbers compact and in capitals,
    `country` an ISO 3166 alpha-2 code. An empty string means « not given ».
    """

    kind: Kind
    first_name: str = ""
    last_name: str = ""
    company_name: str = ""
    tax_id: str = ""
    siret: str = ""
    vat_number: str = ""
    line1: str = ""
    line2: str = ""
    postal_code: str = ""
    city: str = ""
    country: str = "FR"

    @property
    def display_name(self) -> str:
        """The name an invoice is made out to: the company's, else « first name last name »."""
        if self.kind == "company" and self.company_name:
            return self.company_name
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def siren(self) -> str:
        """The nine digits of a French company, read in its SIRET, else in its French VAT number, else empty."""
        if len(self.siret) == 14:
            return self.siret[:9]
        if len(self.vat_number) == 13 and self.vat_number.startswith("FR"):
            return self.vat_number[4:]
        return ""
