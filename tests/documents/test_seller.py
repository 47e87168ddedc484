"""The seller file: read whole, or refused with one clear line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from PIL import Image

from documents.seller import SellerFileError, load

from .factories import SELLER_FILE

SHORT = """
[shop]
name = "Fil"
[[identity]]
valid_from = 2020-01-01
name = "Fil SARL"
siret = "12345678200010"
line1 = "1 rue A"
postal_code = "69001"
city = "Lyon"
[[identity]]
valid_from = 2026-06-01
name = "Fil SAS"
siret = "12345678200010"
line1 = "2 rue B"
postal_code = "69002"
city = "Lyon"
[[vat_regime]]
valid_from = 2020-01-01
regime = "franchise"
[[vat_regime]]
valid_from = 2026-01-01
regime = "normal"
on_debits = true
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "seller.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_demo_merchant_is_complete() -> None:
    sellers = load(SELLER_FILE)
    seller = sellers.at(date(2026, 11, 22))
    assert sellers.shop.name == seller.shop_name == "Atelier Fil & Encre"
    assert seller.identity.siren == "123456782"
    assert seller.logo is not None
    assert seller.logo.mimetype == "image/svg+xml"


def test_identity_and_regime_are_those_of_their_days(tmp_path: Path) -> None:
    sellers = load(write(tmp_path, SHORT))
    seller = sellers.at(date(2026, 7, 1), regime_on=date(2025, 12, 31))
    assert (seller.identity.name, seller.vat_regime.regime) == ("Fil SAS", "franchise")
    assert sellers.at(date(2026, 5, 31)).identity.name == "Fil SARL"
    assert sellers.at(date(2026, 5, 31)).vat_regime.on_debits
    assert sellers.at(date(2010, 1, 1)).identity.name == "Fil SARL"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'siret = "12345678200010"',
            'siret = "12345678200011"',
            "[identity n° 1] « siret » n'est pas un SIRET valide.",
        ),
        ('name = "Fil SARL"\n', "", "[identity n° 1] « name » est obligatoire."),
        ("valid_from = 2020-01-01\nname", 'valid_from = "2020"\nname', "« valid_from » doit être une date"),
        ('regime = "normal"', 'regime = "réel"', "« regime » doit être « normal » ou « franchise »."),
        ('name = "Fil"', 'name = "Fil"\naccent = "#ffee00"', "trop claire"),
        ('name = "Fil"', 'name = "Fil"\naccent = "red; } *"', "« accent » doit être une couleur"),
        ('name = "Fil"', 'name = "Fil"\nlogo = "absent.svg"', "(absent.svg) est illisible"),
        ('name = "Fil"', 'name = "Fil"\nlgoo = "logo.svg"', "« lgoo » n'est pas une entrée connue."),
        ('name = "Fil"', 'name = "Fil"\nwebsite = "javascript:alert(1)"', "« website » doit commencer par https://."),
        ("2026-06-01", "2020-01-01", "est la même date dans deux sections"),
        ('line1 = "1 rue A"', 'line1 = "1 rue A"\ncapital = "beaucoup"', "« capital » doit être un montant"),
        ("[shop]", "[terms]\ndays = 90\n[shop]", "60 jours"),
        ("[shop]", "[shop", "ce n'est pas du TOML valide"),
        ("[[vat_regime]]", "[[regime]]", "il faut au moins une section [[vat_regime]]"),
    ],
)
def test_a_mistake_is_named_in_one_french_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(SellerFileError) as refusal:
        load(write(tmp_path, SHORT.replace(old, new)))
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SellerFileError, match=r"nowhere\.toml : le fichier du vendeur est illisible"):
        load(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    "content",
    [
        '<svg viewBox="0 0 10 10"><text>Fil</text></svg>',
        '<svg viewBox="0 0 10 10"><image href="file:///etc/passwd"/></svg>',
        '<svg viewBox="0 0 10 10"><script>1</script></svg>',
        '<!DOCTYPE svg [<!ENTITY a "b">]><svg viewBox="0 0 10 10"/>',
        "<svg/>",
    ],
)
def test_a_logo_that_reaches_outside_or_brings_a_font_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "logo.svg").write_text(content)
    with pytest.raises(SellerFileError, match="logo"):
        load(write(tmp_path, SHORT.replace('name = "Fil"', 'name = "Fil"\nlogo = "logo.svg"')))


def test_a_png_logo_keeps_its_proportions(tmp_path: Path) -> None:
    Image.new("RGB", (300, 100), "#0f5c5c").save(tmp_path / "logo.png")
    logo = load(write(tmp_path, SHORT.replace('name = "Fil"', 'name = "Fil"\nlogo = "logo.png"'))).shop.logo
    assert logo is not None
    assert logo.mimetype == "image/png"
    assert logo.data == (tmp_path / "logo.png").read_bytes()
    assert logo.fitted(46, 18) == pytest.approx((46, 46 / 3))
