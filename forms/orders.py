"""The form under an order: « Demander une facture »."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import Length


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


class AskForm(FlaskForm):
    """The wish for an invoice, with the reference that the customer's own accountants want on it (BT-13)."""

    purchase_order = StringField(
        _l("Votre référence / n° de bon de commande"),
        filters=[_one_line],
        validators=[Length(max=100, message=_l("Cette référence peut contenir 100 caractères au plus."))],
    )
