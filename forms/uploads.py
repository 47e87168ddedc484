"""The form by which an admin hands in a file."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileAllowed, FileField, FileRequired
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # Newer than its published types.


class UploadForm(FlaskForm):
    """A file, what it holds, and what it cannot say by itself."""

    ENDINGS = ("csv", "txt", "json", "ndjson", "jsonl")
    file = FileField(
        _l("Fichier"),
        validators=[
            FileRequired(_l("Choisissez un fichier.")),
            FileAllowed(ENDINGS, _l("Choisissez un fichier .csv, .txt ou .json, enregistré sans mise en forme.")),
        ],
    )
    shape = SelectField(
        _l("Ce qu'il contient"),
        choices=[
            SelectChoice("issued-invoices", _l("Liste des factures déjà émises")),
            SelectChoice("contract-csv", _l("Commandes, CSV")),
            SelectChoice("contract-json", _l("Commandes, JSON")),
            SelectChoice("woocommerce-export", _l("Commandes, export de WooCommerce")),
            SelectChoice("shopify-export", _l("Commandes, export de Shopify")),
        ],
    )
    dates = SelectField(
        _l("Dates"),
        choices=[
            SelectChoice("dmy", _l("02/11/2026, le jour d'abord")),
            SelectChoice("iso", _l("2026-11-02")),
            SelectChoice("mdy", _l("11/02/2026, le mois d'abord")),
        ],
    )
    decimals = SelectField(
        _l("Décimales"), choices=[SelectChoice("point", _l("12.50")), SelectChoice("comma", _l("12,50"))]
    )
    encoding = SelectField(
        _l("Caractères"),
        choices=[SelectChoice("utf-8", _l("UTF-8")), SelectChoice("latin-1", _l("Latin-1 (Windows)"))],
    )
    shop = SelectField(_l("Boutique"))

    def offer(self, *shops: str) -> None:
        """Afterwards these shops may be chosen, or none."""
        none = SelectChoice("", _l("Aucune en particulier"))
        self.shop.choices = [none, *(SelectChoice(name, name) for name in shops)]
