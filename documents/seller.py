"""Who sells: the merchant's own file (`SELLER_FILE`, TOML), read once at the start and checked with one clear line.

One entry a line; `dev/seller.toml` is a complete example.

[shop]
name = "Atelier Fil & Encre"            # the name customers know
accent = "#0f5c5c"                      # dark enough for white text on it
logo = "logo.svg"                       # SVG, PNG or JPEG beside this file; optional
website = "https://…"                   # optional
[[shop.links]]                          # any number, shown at the foot of the pages
label = "La boutique"
url = "https://…"

[terms]                                 # towards companies; every entry optional
days = 0                                # days from issue to due date
late_penalty = "trois fois le taux d'intérêt légal"
early_discount = ""                     # empty: none

[[identity]]                            # another block with a later date for each change
valid_from = 2019-04-01                 # then name, siret, line1, postal_code, city (all mandatory)
legal_form = "SAS"                      # and legal_form, capital, rcs, vat_number, line2, country,
capital = "20000.00"                    # email, phone, iban, bic

[[vat_regime]]
valid_from = 2019-04-01
regime = "normal"                       # or "franchise" (CGI art. 293 B)
on_debits = false                       # « option pour le paiement de la taxe d'après les débits »
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from stdnum import iban as iban_number
from stdnum.eu import vat as eu_vat
from stdnum.fr import siret as siret_number

from documents.logo import Logo, LogoError, read_logo


class SellerFileError(ValueError):
    """The seller file cannot be used; the text is one French line that names the entry."""


@dataclass(frozen=True, slots=True)
class Link:
    """A page of the shop, named at the foot of ours."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Shop:
    """How the shop shows itself; `accent` is #rrggbb, `hosting` names the host (LCEN art. 1-1), "" the seller."""

    name: str
    accent: str
    logo: Logo | None
    website: str
    hosting: str
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the seller is in law, from `valid_from` on (Code de commerce R123-237, CGI ann. II art. 242 nonies A)."""

    valid_from: date
    name: str
    siret: str
    line1: str
    postal_code: str
    city: str
    legal_form: str = ""
    capital: Decimal | None = None
    rcs: str = ""
    vat_number: str = ""
    line2: str = ""
    country: str = "FR"
    email: str = ""
    phone: str = ""
    iban: str = ""
    bic: str = ""

    @property
    def siren(self) -> str:
        return self.siret[:9]


@dataclass(frozen=True, slots=True)
class VatRegime:
    """How the seller owes VAT, from `valid_from` on."""

    valid_from: date
    regime: Literal["normal", "franchise"]
    on_debits: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """What companies read about paying (Code de commerce L441-9, L441-10)."""

    days: int = 0
    late_penalty: str = "trois fois le taux d'intérêt légal"
    early_discount: str = ""


@dataclass(frozen=True, slots=True)
class Seller:
    """The seller as of one document."""

    shop_name: str
    accent: str
    logo: Logo | None
    website: str
    identity: Identity
    vat_regime: VatRegime
    terms: Terms


@dataclass(frozen=True, slots=True)
class Sellers:
    """Everything the seller file says, with its history."""

    shop: Shop
    terms: Terms
    identities: tuple[Identity, ...]
    vat_regimes: tuple[VatRegime, ...]

    def at(self, day: date, *, regime_on: date | None = None) -> Seller:
        """The seller whose identity was in force on `day` and whose VAT regime was on `regime_on` (the order's date).

        Before the first `valid_from` the first entry applies: an imported order may be older than the file.
        """
        return Seller(
            shop_name=self.shop.name,
            accent=self.shop.accent,
            logo=self.shop.logo,
            website=self.shop.website,
            identity=_in_force(self.identities, day),
            vat_regime=_in_force(self.vat_regimes, regime_on or day),
            terms=self.terms,
        )


def load(path: Path | str) -> Sellers:
    """Read and check a seller file. Raises SellerFileError with one French line that names the entry at fault."""
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SellerFileError(f"{path} : le fichier du vendeur est illisible ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SellerFileError(f"{path} : ce n'est pas du TOML valide ({error}).") from error
    try:
        root = _Entries(content, "")
        sellers = Sellers(
            shop=_shop(root.table("shop"), path.parent),
            terms=_terms(root.table("terms", required=False)),
            identities=_dated(root.tables("identity"), _identity),
            vat_regimes=_dated(root.tables("vat_regime"), _vat_regime),
        )
        root.nothing_else()
    except SellerFileError as error:
        raise SellerFileError(f"{path} : {error}") from error
    return sellers


class _Entries:
    """One table of the file; takes its entries out one by one, so that what is left over is a slip of the pen."""

    def __init__(self, values: dict[str, Any], place: str) -> None:
        self._values = dict(values)
        self._place = place

    def text(self, key: str, *, required: bool = False) -> str:
        value = self._values.pop(key, "")
        if not isinstance(value, str):
            raise self.error(key, "doit être un texte entre guillemets")
        if required and not value.strip():
            raise self.error(key, "est obligatoire")
        return value.strip()

    def day(self, key: str) -> date:
        value = self._values.pop(key, None)
        if type(value) is not date:
            raise self.error(key, "doit être une date, par exemple 2026-01-01")
        return value

    def whole(self, key: str, default: int) -> int:
        value = self._values.pop(key, default)
        if type(value) is not int or not 0 <= value <= 365:
            raise self.error(key, "doit être un nombre entier entre 0 et 365")
        return value

    def flag(self, key: str) -> bool:
        value = self._values.pop(key, False)
        if not isinstance(value, bool):
            raise self.error(key, "doit être true ou false")
        return value

    def table(self, key: str, *, required: bool = True) -> _Entries:
        value = self._values.pop(key, None if required else {})
        if not isinstance(value, dict):
            raise SellerFileError(f"la section [{key}] manque.")
        return _Entries(value, key)

    def tables(self, key: str, *, required: bool = True) -> list[_Entries]:
        value = self._values.pop(key, [])
        if not isinstance(value, list) or (required and not value) or not all(isinstance(item, dict) for item in value):
            raise SellerFileError(f"il faut au moins une section [[{key}]].")
        place = f"{self._place}.{key}" if self._place else key
        return [_Entries(item, f"{place} n° {position}") for position, item in enumerate(value, 1)]

    def nothing_else(self) -> None:
        for key in self._values:
            raise self.error(key, "n'est pas une entrée connue")

    def error(self, key: str, problem: str) -> SellerFileError:
        place = f"[{self._place}] " if self._place else ""
        return SellerFileError(f"{place}« {key} » {problem}.")


class _Dated(Protocol):
    @property
    def valid_from(self) -> date: ...


D = TypeVar("D", bound=_Dated)


def _dated(entries: list[_Entries], read: Callable[[_Entries], D]) -> tuple[D, ...]:
    """Every entry of a history, oldest first; two from the same day contradict each other."""
    history = sorted((read(entry) for entry in entries), key=lambda item: item.valid_from)
    days = [item.valid_from for item in history]
    if len(set(days)) < len(days):
        raise entries[0].error("valid_from", "est la même date dans deux sections")
    return tuple(history)


def _in_force(history: Sequence[D], day: date) -> D:
    return next((item for item in reversed(history) if item.valid_from <= day), history[0])


def _shop(entry: _Entries, folder: Path) -> Shop:
    accent = entry.text("accent") or "#1f4e5f"
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", accent):
        raise entry.error("accent", "doit être une couleur comme #1f4e5f")
    if _contrast_with_white(accent) < 4.5:
        raise entry.error("accent", f"({accent}) est trop claire : du texte blanc doit y rester lisible")
    name, logo_name = entry.text("name", required=True), entry.text("logo")
    try:
        logo = read_logo(folder / logo_name) if logo_name else None
    except LogoError as error:
        raise entry.error("logo", str(error)) from error
    links = tuple(_link(item) for item in _links(entry))
    shop = Shop(name, accent.lower(), logo, _url(entry, "website"), entry.text("hosting"), links)
    entry.nothing_else()
    return shop


def _links(entry: _Entries) -> list[_Entries]:
    return entry.tables("links", required=False)


def _link(entry: _Entries) -> Link:
    link = Link(entry.text("label", required=True), _url(entry, "url", required=True))
    entry.nothing_else()
    return link


def _url(entry: _Entries, key: str, *, required: bool = False) -> str:
    url = entry.text(key, required=required)
    if url and not re.fullmatch(r"https?://[^\s\"'<>]+", url):
        raise entry.error(key, "doit commencer par https://")
    return url


def _terms(entry: _Entries) -> Terms:
    days = entry.whole("days", 0)
    # Longer than 60 days from the invoice is unlawful between companies (Code de commerce L441-10 I).
    if days > 60:
        raise entry.error("days", "ne peut dépasser 60 jours (art. L441-10 du Code de commerce)")
    terms = Terms(days, entry.text("late_penalty") or Terms().late_penalty, entry.text("early_discount"))
    entry.nothing_else()
    return terms


def _identity(entry: _Entries) -> Identity:
    identity = Identity(
        valid_from=entry.day("valid_from"),
        name=entry.text("name", required=True),
        siret=_number(entry, "siret", siret_number.validate, "n'est pas un SIRET valide", required=True),
        line1=entry.text("line1", required=True),
        line2=entry.text("line2"),
        postal_code=entry.text("postal_code", required=True),
        city=entry.text("city", required=True),
        country=entry.text("country") or "FR",
        legal_form=entry.text("legal_form"),
        capital=_amount(entry, "capital"),
        rcs=entry.text("rcs"),
        vat_number=_number(entry, "vat_number", eu_vat.validate, "n'est pas un numéro de TVA valide"),
        email=entry.text("email"),
        phone=entry.text("phone"),
        iban=_number(entry, "iban", iban_number.validate, "n'est pas un IBAN valide"),
        bic=entry.text("bic"),
    )
    if not re.fullmatch(r"[A-Z]{2}", identity.country):
        raise entry.error("country", "doit être un code de pays de deux lettres, par exemple FR")
    entry.nothing_else()
    return identity


def _vat_regime(entry: _Entries) -> VatRegime:
    valid_from, on_debits = entry.day("valid_from"), entry.flag("on_debits")
    regime = entry.text("regime", required=True)
    entry.nothing_else()
    if regime == "normal":
        return VatRegime(valid_from, "normal", on_debits)
    if regime == "franchise":
        return VatRegime(valid_from, "franchise", on_debits)
    raise entry.error("regime", "doit être « normal » ou « franchise »")


def _number(entry: _Entries, key: str, check: Callable[[str], str], problem: str, *, required: bool = False) -> str:
    value = entry.text(key, required=required)
    if not value:
        return ""
    try:
        return check(value)
    except ValueError as error:
        raise entry.error(key, problem) from error


def _amount(entry: _Entries, key: str) -> Decimal | None:
    text = entry.text(key)
    if not text:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(0)
    if not amount.is_finite() or amount <= 0:
        raise entry.error(key, 'doit être un montant entre guillemets, par exemple "10000.00"')
    return amount


def _contrast_with_white(colour: str) -> float:
    """WCAG 2.2 contrast ratio of a colour with white."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    luminance = sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return 1.05 / (luminance + 0.05)
