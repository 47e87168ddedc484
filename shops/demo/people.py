"""Who buys at the demo shop: sixty people and companies, none of whom exists."""

import csv
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, cast

from parties import rules
from parties.details import Details

Account = Literal["", "complete", "bare", "unconfirmed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One buyer. `account`: none (a guest), with billing details, without, or not confirmed yet."""

    email: str
    first_name: str
    last_name: str
    company_name: str = ""
    siret: str = ""
    vat_number: str = ""
    tax_id: str = ""
    line1: str
    line2: str = ""
    postal_code: str
    city: str
    country: str = "FR"
    account: Account = ""
    orders: int = 0

    @property
    def is_company(self) -> bool:
        """Whether a firm or an association buys."""
        return bool(self.company_name)

    @property
    def vat_category(self) -> str:
        """Why deliveries to it bear no VAT: « K » for a company of another EU state, « G » for the DOM; else empty."""
        if self.is_company and self.country != "FR":
            return "K"
        return "G" if self.country == "FR" and self.postal_code.startswith("97") else ""

    def details(self) -> Details:
        """Return what it would write under « Données de facturation »."""
        own = asdict(self)
        hidden = ("first_name", "last_name") if self.is_company else ()
        given: dict[str, Any] = {one.name: own[one.name] for one in fields(Details) if one.name in own}
        given |= dict.fromkeys(hidden, "")
        return rules.normalise(Details(kind="company" if self.is_company else "individual", **given))

    def billing(self) -> dict[str, str]:
        """Return what the shop knows for the invoice, as it sends it."""
        return {name: value for name, value in asdict(self.details()).items() if value}

    def address(self) -> dict[str, str]:
        """Return where its parcels go, as the shop sends it."""
        name = f"{self.first_name} {self.last_name}"
        return {
            "name": f"{self.company_name}, {name}" if self.is_company else name,
            **{part: getattr(self, part) for part in ("line1", "line2", "postal_code", "city", "country")},
        }


CLAIRE = Person(
    email="claire.martin@example.com",
    first_name="Claire",
    last_name="Martin",
    line1="18 montée de la Grande-Côte",
    line2="Appartement 6",
    postal_code="69001",
    city="Lyon",
    account="bare",
    orders=22,
)
PAUL = Person(
    email="paul.lefevre@example.com",
    first_name="Paul",
    last_name="Lefèvre",
    line1="7 rue Victor-Hugo",
    postal_code="49000",
    city="Angers",
    orders=2,
)


def everybody_else() -> tuple[Person, ...]:
    """Return the buyers of people.csv, beside Claire (the account to try) and Paul (the guest to try)."""
    with (Path(__file__).parent / "people.csv").open(encoding="utf-8", newline="") as file:
        return tuple(_person(row) for row in csv.DictReader(file))


def _person(row: dict[str, str]) -> Person:
    texts: dict[str, Any] = {name: value for name, value in row.items() if name not in ("account", "orders")}
    return Person(**texts, account=cast("Account", row["account"]), orders=int(row["orders"]))
