"""The form under an order: « Demander une facture »."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import Field, StringField, ValidationError
from wtforms.validators import Length

from parties import rules, texts


def _tidy(text: str | None) -> str:
    return texts.tidy(text or "")


def _printable(_form: FlaskForm, field: Field) -> None:
    if not rules.is_printable(field.data or ""):
        raise ValidationError(_("Ce champ contient un caractère qui ne s'imprime pas\u00a0: effacez-le."))


class AskForm(FlaskForm):
    """The wish for an invoice, with the reference that the customer's own accountants want on it (BT-13)."""

    purchase_order = StringField(
        _l("Votre référence / n° de bon de commande"),
        filters=[_tidy],
        validators=[Length(max=100, message=_l("Cette référence peut contenir 100 caractères au plus.")), _printable],
    )
