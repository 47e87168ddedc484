"""Buyers, addresses and words by chance, in many scripts; every number is made up and has its check digits."""

from __future__ import annotations

from random import Random

from documents.snapshot import DeliveryAddress
from parties.details import Details

PEOPLE = (
    ("Claire", "Œuvrard"),
    ("Łukasz", "Żółć"),
    ("Ἀθηνᾶ", "Παπαδοπούλου"),
    ("王", "小明"),
    ("عائشة", "الحسيني"),
    ("שרה", "כהן"),
    ("Лев", "Толстой"),
    ("สมชาย", "ใจดี"),
    ("अनिता", "शर्मा"),
    ("김", "민준"),
    ("さくら", "田中"),
    ("Nguyễn", "Thị Hương"),
    ("Zoë", "O'Neill-d'Été"),
    ("Ñandú", "Ğüler Șerban"),
    ("N" * 60, "W" * 60),
)
COMPANIES = (
    "Les Compagnons du Textile",
    "👩\u200d🍳 Crêpes & Co <b>",
    "Société générale d'exploitation des établissements Müller, Fils & Petits-Fils réunis " * 2,
    "有限公司 王小明",
    'ACME "Fils" <script>',
    "株式会社さくら",
)
THINGS = (
    "T-shirt personnalisé",
    "Sweat à capuche brodé, coton biologique, broderie poitrine et marquage du dos",
    "Mug « Bonne fête »",
    "Crêpière ⌀ 28 cm — fonte & bois",
    "WHITE HANGING HEART T-LIGHT HOLDER",
    "手工皂 (lavande)",
    "قميص قطن",
    "Ковёр ручной работы",
    "Emoji 🎉🎂 et 👩\u200d👩\u200d👧",
    "<b>Gras</b> & {{ 7 * 7 }} &amp;",
    "e\u0301te\u0301 : cafe\u0301 moulu",
    "Impression quadrichromie sur bâche, œillets tous les cinquante centimètres. " * 5,
    "W" * 400,
    "王" * 400,
)
STREETS = ("3 rue des Lilas", "128 boulevard de la Croix-Rousse", "1 place de l'Église", "Łąkowa 7/9", "中山路")


def description(chance: Random) -> str:
    return chance.choice(THINGS).strip()[:400]


def consumer(chance: Random, country: str = "FR", postal_code: str = "75011", city: str = "Paris") -> Details:
    first, last = chance.choice(PEOPLE)
    second_line = chance.choice(("", "", "Bâtiment B, 3e étage"))
    return Details(
        "individual", first, last, line1=chance.choice(STREETS), line2=second_line,
        postal_code=postal_code, city=city, country=country,
    )  # fmt: skip


def company(chance: Random, postal_code: str = "69001", city: str = "Lyon") -> Details:
    """A French company: with a SIRET or a SIREN, with or without a VAT number."""
    siren = _siren(chance)
    siret = chance.choice((siren, _with_luhn(siren + f"{chance.randrange(1, 99):04d}")))
    number = f"FR{(12 + 3 * (int(siren) % 97)) % 97:02d}{siren}"
    return Details(
        "company", company_name=_company_name(chance), siret=siret, vat_number=chance.choice(("", number)),
        line1=chance.choice(STREETS), postal_code=postal_code, city=city,
    )  # fmt: skip


def buyer(chance: Random) -> Details:
    return chance.choice((consumer, company))(chance)


def corsican(chance: Random) -> Details:
    return consumer(chance, "FR", "20000", "Ajaccio")


def overseas(chance: Random) -> Details:
    """Somebody in an overseas department, whose country is France or, as some write it, the department."""
    country, postal_code, city = chance.choice((
        ("FR", "97400", "Saint-Denis"),
        ("RE", "97410", "Saint-Pierre"),
        ("FR", "97110", "Pointe-à-Pitre"),
        ("FR", "97200", "Fort-de-France"),
    ))  # fmt: skip
    if country == "FR" and chance.random() < 0.5:
        return company(chance, postal_code, city)
    return consumer(chance, country, postal_code, city)


def monegasque(chance: Random) -> Details:
    if chance.random() < 0.5:
        return consumer(chance, "MC", "98000", "Monaco")
    return Details(
        "company", company_name=_company_name(chance), vat_number="FR53000004792", line1="1 avenue de l'Hermitage",
        postal_code="98000", city="Monaco", country="MC",
    )  # fmt: skip


def european_consumer(chance: Random) -> Details:
    return consumer(
        chance, *chance.choice((("BE", "1000", "Bruxelles"), ("PL", "00-001", "Warszawa"), ("GR", "10431", "Αθήνα")))
    )


def european_company(chance: Random) -> Details:
    country, number, postal_code, city = chance.choice((
        ("DE", "DE136695976", "10115", "Berlin"),
        ("ES", "ESB58378431", "08001", "Barcelona"),
        ("GR", "EL094259216", "10431", "Αθήνα"),
        ("BE", "BE0428759497", "1000", "Bruxelles"),
    ))  # fmt: skip
    return Details(
        "company", company_name=_company_name(chance), vat_number=number, line1=chance.choice(STREETS),
        postal_code=postal_code, city=city, country=country,
    )  # fmt: skip


def unnumbered_company(chance: Random) -> Details:
    """A small firm of another EU state that has no VAT number: it pays French VAT like a consumer."""
    return Details(
        "company", company_name=_company_name(chance), tax_id="12345/67890", line1=chance.choice(STREETS),
        postal_code="1010", city="Wien", country="AT",
    )  # fmt: skip


def northern_irish(chance: Random) -> Details:
    return Details(
        "company", company_name=_company_name(chance), vat_number="XI110305878", line1="1 Donegall Square",
        postal_code="BT1 5GS", city="Belfast", country="GB",
    )  # fmt: skip


def far_away(chance: Random) -> Details:
    country, postal_code, city = chance.choice((
        ("CH", "1204", "Genève"),
        ("US", "NY 10001", "New York"),
        ("JP", "100-0001", "東京"),
        ("HK", "", "香港"),
    ))  # fmt: skip
    if chance.random() < 0.5:
        return consumer(chance, country, postal_code, city)
    return Details(
        "company", company_name=_company_name(chance), tax_id="99-1234567", line1=chance.choice(STREETS),
        postal_code=postal_code, city=city, country=country,
    )  # fmt: skip


def email(chance: Random, who: Details) -> str:
    """A company is reached by its SIREN; every other French buyer left an address with the order (BR-FR-12)."""
    return "" if who.siren and chance.random() < 0.5 else "claire@example.org"


def delivery(chance: Random, who: Details) -> DeliveryAddress | None:
    """None, the buyer's own address, or another one in the same country."""
    if chance.random() < 0.5:
        return None
    if chance.random() < 0.5:
        return DeliveryAddress(who.display_name, who.line1, who.line2, who.postal_code, who.city, who.country)
    name = chance.choice(("", "Entrepôt Gerland", "Point relais 王小明"))
    return DeliveryAddress(name, "45 avenue Tony Garnier", "", who.postal_code, who.city, who.country)


def _company_name(chance: Random) -> str:
    return chance.choice(COMPANIES).strip()


def _siren(chance: Random) -> str:
    return _with_luhn(f"{chance.randrange(30_000_000, 90_000_000):08d}")


def _with_luhn(digits: str) -> str:
    """The digits and the one that makes their Luhn sum a multiple of ten."""
    doubled = (int(digit) * (2 if position % 2 == 0 else 1) for position, digit in enumerate(reversed(digits)))
    return digits + str(-sum(value // 10 + value % 10 for value in doubled) % 10)
