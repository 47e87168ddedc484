"""Which case of VAT law a sale is, and what must hold between seller, goods, buyer and place for it.

A sale that a case does not fit waits « à vérifier » (`problems`); what the buyer's own details lack for it keeps those
incomplete (`buyer_problems`). What the shop charged is never changed here: only reasons that go without saying are
filled in (`effective`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Literal

from documents import formatting, mentions
from documents.seller import Seller
from documents.totals import CATEGORIES_WITHOUT_VAT, FRENCH_RATES, Line, Sale
from parties import countries, rules
from parties.details import Details

Area = Literal[
    "", "mainland", "antilles", "reunion", "guyane", "mayotte", "collectivity", "eu", "northern_ireland", "world"
]

FRANCHISE = "VATEX-FR-FRANCHISE"
SOLD: frozenset[str] = frozenset({"goods", "service", "voucher"})
FOLLOWING: frozenset[str] = frozenset({"shipping", "fee"})
FOLLOWED = frozenset({"E", "K", "AE", "G"})  # A gift card's carriage is a service with VAT of its own.
MARGIN = frozenset({"VATEX-EU-F", "VATEX-EU-I", "VATEX-EU-J"})
OVERSEAS_RATES = frozenset(map(Decimal, ("8.5", "2.1", "1.75", "1.05")))
# At these alone does France tax what goes to other member states today; any other rate there is theirs.
RATES_ABROAD = {True: OVERSEAS_RATES, False: frozenset(map(Decimal, ("20", "10", "5.5", "2.1")))}

OVERSEAS: dict[str, Area] = {
    "971": "antilles", "972": "antilles", "973": "guyane", "974": "reunion", "976": "mayotte",
    "975": "collectivity", "977": "collectivity", "978": "collectivity", "984": "collectivity",
    "986": "collectivity", "987": "collectivity", "988": "collectivity",
}  # fmt: skip
OF_COUNTRY: dict[str, Area] = {
    "MC": "mainland", "GP": "antilles", "MQ": "antilles", "GF": "guyane", "RE": "reunion", "YT": "mayotte",
    "BL": "collectivity", "MF": "collectivity", "PM": "collectivity", "XI": "northern_ireland",
}  # fmt: skip
DEPARTMENTS: frozenset[Area] = frozenset({"antilles", "reunion", "guyane", "mayotte"})
WITH_VAT_OVERSEAS: frozenset[Area] = frozenset({"antilles", "reunion"})
MEMBER_STATES: frozenset[Area] = frozenset({"eu", "northern_ireland"})
# Parts of member states outside the territory of VAT, by the beginning of their postal codes.
OUTSIDE = {
    "ES": ("35", "38", "51", "52"),
    "DE": ("27498", "78266"),
    "IT": ("22061", "23041"),
    "GR": ("63086",),
}


def area(country: str, postal_code: str) -> Area:
    """Where a place lies for VAT; "" for no country (Directive 2006/112/EC art. 5-7; CGI art. 294; Windsor Framework).

    Monaco is France, Northern Ireland a member state (for goods alone), and the Canary Islands are neither.
    """
    code = "".join(postal_code.split()).upper()
    if country == "FR":
        # Saint-Barthélemy and Saint-Martin kept the postal codes of Guadeloupe; 980 is Monaco.
        return "collectivity" if code in ("97133", "97150") else OVERSEAS.get(code[:3], "mainland")
    if country == "GB" and code.startswith("BT"):
        return "northern_ireland"
    if country in countries.EU:
        return "world" if code.startswith(OUTSIDE.get(country, ())) else "eu"
    return OF_COUNTRY.get(country, "world") if country else ""


def start_of_postal_code(country: str, postal_code: str) -> str:
    """Return what of a postal code `area` asks for, and no more: nothing of most."""
    code = "".join(postal_code.split()).upper()
    return next(code[:size] for size in range(len(code) + 1) if area(country, code[:size]) == area(country, code))


def is_sent_overseas(seller: Seller, country: str, postal_code: str) -> bool:
    """Whether goods that leave are exempt as sent to or from an overseas department (CGI art. 294, 2)."""
    home, there = _home(seller), area(country, postal_code)
    if home in DEPARTMENTS:
        return there in DEPARTMENTS or there in ("mainland", "eu")
    return there in DEPARTMENTS


def effective(sale: Sale, seller: Seller) -> Sale:
    """The sale with the reasons that go without saying of its lines without VAT.

    A seller in franchise has one for all of them (CGI art. 293 B, 293 E); shipping and fees that bear no VAT either
    follow what they were charged for, where all of that has one reason (CGI art. 267, I-2°).
    """
    if seller.vat_regime.regime == "franchise":
        return _explained(sale, "E", FRANCHISE, SOLD | FOLLOWING)
    reasons = {line.rate_key for line in sale.lines if line.amount and line.kind in SOLD}
    rate, category, exemption = reasons.pop() if len(reasons) == 1 else (None, "", "")
    if rate or category not in FOLLOWED:
        return sale
    return _explained(sale, category, exemption or None, FOLLOWING)


def problems(
    sale: Sale,
    seller: Seller,
    *,
    country: str = "",
    postal_code: str = "",
    currency: str = "EUR",
    exchange_rate: Decimal | None = None,
) -> tuple[str, ...]:
    """Why the order waits « à vérifier », in French sentences with their sources; nothing where a document may issue.

    `seller` is under the regime of the order's day; `country` and `postal_code` are where the order goes: its shipping
    address, else the buyer's, "" where neither is known yet. Amounts are for totals.compute to check.
    """
    home, there = _home(seller), area(country, postal_code)
    found: dict[str, list[int]] = {}
    for number, line in enumerate(effective(sale, seller).lines, 1):
        if line.amount and (problem := _of_rate(line, seller, home, there) or _of_category(line, seller, home, there)):
            found.setdefault(problem, []).append(number)
    reasons = [f"{_lines(numbers)}\u00a0: {problem}" for problem, numbers in found.items()]
    if not seller.identity.vat_number and _wants_sellers_number(sale):
        reasons.append(
            "Le numéro de TVA du vendeur manque dans le fichier du vendeur "
            "(CGI ann. II art. 242 nonies A, I-2°\u00a0; BR-S-02, BR-IC-02, BR-AE-02, BR-G-02)."
        )
    if currency != "EUR" and not exchange_rate:
        reasons.append("Le taux de change en euros manque (exchange_rate\u00a0; directive 2006/112/CE, art. 230).")
    return tuple(reasons)


def buyer_problems(
    sale: Sale, seller: Seller, buyer: Details, *, country: str = "", postal_code: str = ""
) -> dict[str, str]:
    """What the buyer's details lack for this sale: a French sentence by field, in the shape of rules.problems.

    `country` and `postal_code` are the shipping address, "" where the order goes to the buyer's own.
    """
    reasons = {(line.vat_category, line.exemption) for line in sale.lines if line.amount and not line.vat_rate}
    categories = {category for category, _exemption in reasons}
    there = area(country, postal_code) if country else area(buyer.country, buyer.postal_code)
    if categories & {"K", "AE"}:
        if buyer.kind != "company":
            why = "Cette commande a été vendue sans TVA à une entreprise\u00a0:"
            return {"kind": f"{why} choisissez «\u00a0Entreprise\u00a0» et indiquez son numéro de TVA."}
        if not _number_fits(buyer.vat_number, reasons):
            return _number_wanted(buyer)
    if "K" in categories and there not in MEMBER_STATES:
        return {
            "country": "Cette commande a été vendue sans TVA vers un autre État de l'Union\u00a0: corrigez le pays."
        }
    if "G" in categories and not _leaves(_home(seller), there):
        return {"country": "Cette commande a été vendue sans TVA à l'exportation\u00a0: corrigez le pays."}
    return {}


def _explained(sale: Sale, category: str, exemption: str | None, kinds: frozenset[str]) -> Sale:
    """The sale with this reason on its lines of these kinds that bear no VAT and do not say why."""
    lines = (
        replace(line, vat_category=category, exemption=exemption)
        if line.kind in kinds and not line.vat_rate and not line.exemption and line.vat_category in (None, category)
        else line
        for line in sale.lines
    )
    return replace(sale, lines=tuple(lines))


def _of_rate(line: Line, seller: Seller, home: Area, there: Area) -> str:
    """What is wrong with a line that bears VAT."""
    if not line.vat_rate:
        return ""
    percent = formatting.rate(line.vat_rate)
    if seller.vat_regime.regime == "franchise":
        return f"une TVA de {percent}, mais le vendeur est en franchise en base (CGI art. 293 B et 293 E)."
    if there in MEMBER_STATES and line.vat_rate not in RATES_ABROAD[home in DEPARTMENTS]:
        return (
            f"le taux de {percent} est celui d'un autre État de l'Union\u00a0: vente OSS (guichet unique, "
            "CGI art. 298 sexdecies G), pas de facture ici (BR-FR-16)."
        )
    if line.vat_rate not in FRENCH_RATES:
        return f"le taux de {percent} n'est pas français (vente OSS\u00a0?), pas de facture ici (BR-FR-16)."
    return _of_rate_at_home(line.vat_rate, home) if home == there else ""


def _of_rate_at_home(rate: Decimal, home: Area) -> str:
    """What is wrong with a rate where goods stay on the seller's own side of the sea."""
    percent = formatting.rate(rate)
    if home in WITH_VAT_OVERSEAS and rate not in OVERSEAS_RATES:
        return f"le taux de {percent} n'est pas celui du département d'outre-mer du vendeur (CGI art. 296)."
    if home in ("guyane", "mayotte"):
        return f"une TVA de {percent}, mais elle n'est pas applicable en Guyane ni à Mayotte (CGI art. 294, 1)."
    if home == "mainland" and rate in (Decimal("8.5"), Decimal("1.75")):
        return f"le taux de {percent} est celui des départements d'outre-mer (CGI art. 296), le vendeur n'y est pas."
    return ""


def _of_category(line: Line, seller: Seller, home: Area, there: Area) -> str:
    """What is wrong with the reason of a line without VAT."""
    if line.vat_rate:
        return ""
    check = {"E": _exempt, "K": _intra_community, "AE": _reverse_charge, "G": _export, "O": _outside}
    if line.vat_category not in CATEGORIES_WITHOUT_VAT:
        return "un taux de 0 sans le code qui l'explique (vat_category\u00a0; CGI ann. II art. 242 nonies A, I-12°)."
    return check[line.vat_category](line, seller, home, there)


def _exempt(line: Line, seller: Seller, _home: Area, _there: Area) -> str:
    if not line.exemption:
        return (
            "une exonération (E) sans l'article qui l'accorde (exemption\u00a0; CGI ann. II art. 242 nonies A, I-12°)."
        )
    if line.exemption == FRANCHISE and seller.vat_regime.regime != "franchise":
        return "la franchise en base, mais le vendeur est au régime normal (CGI art. 293 B)."
    if line.exemption in MARGIN and line.kind in ("service", "voucher"):
        return "le régime de la marge, réservé aux biens (CGI art. 297 A)."
    if line.exemption.startswith("VATEX-") and not mentions.exemption_text(line.exemption):
        return f"le code {line.exemption} n'est pas connu\u00a0: envoyez l'article en toutes lettres (exemption)."
    return ""


def _intra_community(line: Line, seller: Seller, home: Area, there: Area) -> str:
    if line.kind in ("service", "voucher"):
        return "la catégorie K, réservée aux livraisons de biens (CGI art. 262 ter, I)."
    if seller.vat_regime.regime == "franchise":
        return "la catégorie K, fermée au vendeur en franchise en base (CGI art. 262 ter, I-1°, al. 2)."
    if home != "mainland" or (there and there not in MEMBER_STATES):
        return "la catégorie K, mais le bien ne va pas de France à un autre État de l'Union (CGI art. 262 ter, I)."
    return ""


def _reverse_charge(line: Line, _seller: Seller, _home: Area, _there: Area) -> str:
    if line.kind in ("goods", "voucher"):
        return "la catégorie AE, réservée aux prestations de services (CGI art. 283, 2)."
    return ""


def _export(line: Line, _seller: Seller, home: Area, there: Area) -> str:
    if line.kind in ("service", "voucher"):
        return "la catégorie G, réservée aux biens exportés\u00a0: envoyez E et l'article (CGI art. 259, 1° ou 259 B)."
    if there and not _leaves(home, there):
        return "la catégorie G, mais le bien n'est ni exporté ni envoyé outre-mer (CGI art. 262, I et 294, 2)."
    return ""


def _outside(line: Line, _seller: Seller, _home: Area, _there: Area) -> str:
    if line.kind != "voucher":
        return "la catégorie O, réservée aux cartes cadeaux (CGI art. 256 ter)\u00a0: envoyez E et le motif."
    if line.amount < 0:
        return "une carte cadeau déduite du prix\u00a0: utilisée, elle est un paiement (CGI art. 256 ter)."
    return ""


def _leaves(home: Area, there: Area) -> bool:
    """Whether goods are exported: out of the Union's VAT territory, or from one French market to another."""
    if home == "mainland":
        return there not in ("", "mainland", *MEMBER_STATES)
    return there not in ("", home)


def _wants_sellers_number(sale: Sale) -> bool:
    categories = {line.vat_category for line in sale.lines if line.amount and not line.vat_rate}
    return bool(categories & {"K", "AE", "G"}) or any(line.vat_rate and line.amount for line in sale.lines)


def _number_fits(number: str, reasons: Iterable[tuple[str | None, str | None]]) -> bool:
    """Whether the buyer's VAT number is of a member state that the categories K and AE are for.

    Inside France the buyer owes the VAT of some services only, which the shop then names (CGI art. 283, 2 nonies).
    """
    prefix = number[:2]
    abroad = {countries.VAT_PREFIXES[code] for code in countries.EU} - {"FR"}
    for category, exemption in reasons:
        if category == "K" and prefix not in abroad | {"XI"}:
            return False
        if category == "AE" and prefix not in (abroad | {"FR"} if exemption else abroad):
            return False
    return True


def _number_wanted(buyer: Details) -> dict[str, str]:
    why = "Cette commande a été vendue sans TVA à une entreprise d'un autre État de l'Union\u00a0:"
    if "vat_number" in rules.requirements(buyer.kind, buyer.country, "law").shown:
        return {"vat_number": f"{why} indiquez son numéro de TVA intracommunautaire."}
    return {"country": f"{why} choisissez le pays de son numéro de TVA."}


def _home(seller: Seller) -> Area:
    return area(seller.identity.country, seller.identity.postal_code)


def _lines(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"Ligne {numbers[0]}"
    return f"Lignes {', '.join(map(str, numbers[:-1]))} et {numbers[-1]}"
