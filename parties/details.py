"""The billing details of one customer, as every other part of the program passes them around."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["individual", "company"]


@dataclass(frozen=True, slots=True)
class Details:
    """Données de facturation: who is invoiced, under which numbers, and where.

    Values are the ones `parties.rules.normalise` gives: trimmed text, numbers compact and in capitals,
    `country` an ISO 3166 alpha-2 code. An empty string means « not given ». The names of a company's are of the person
    who bought for it.
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
    def contact(self) -> str:
        """Who bought for a company that the invoice is made out to: a name under the company's, else empty."""
        bought_for = self.kind == "company" and self.company_name and self.last_name
        return f"{self.first_name} {self.last_name}".strip() if bought_for else ""

    @property
    def siren(self) -> str:
        """The nine digits of a French company, from its SIRET (or SIREN), else its French VAT number, else empty."""
        if len(self.siret) in (9, 14):
            return self.siret[:9]
        digits = self.vat_number[4:] if self.vat_number.startswith("FR") else ""
        # Numbers given out by Monaco begin with 000 where French ones carry the SIREN.
        return digits if len(digits) == 9 and not digits.startswith("000") else ""

    @property
    def fiscal_number(self) -> str:
        """What serves as « numéro d'identification fiscale »: the one given, else the SIREN, else the VAT number.

        A company has given its number already, so that nobody types the same one twice.
        """
        if self.tax_id or self.kind != "company":
            return self.tax_id
        return self.siren or self.vat_number
