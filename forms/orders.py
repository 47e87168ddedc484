"""The form under an order: « Demander une facture »."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import Field, StringField, ValidationError
from wtforms.validators import Length

from parties import rules, texts


def tidy(text: str | None) -> str:
    """Return the text on one line, without blanks around it."""
    return texts.tidy(text or "")


def printable(_form: FlaskForm, field: Field) -> None:
    """Refuse what no document can show."""
    if not rules.is_printable(field.data or ""):
        raise ValidationError(_("Ce champ contient un caractère qui ne s'imprime pas\u00a0: effacez-le."))


def purchase_order_field() -> StringField:
    """Return the field for the reference that the customer's own accountants want on the invoice (BT-13)."""
    return StringField(
        _l("Votre référence / n° de bon de commande"),
        filters=[tidy],
        validators=[Length(max=100, message=_l("Cette référence peut contenir 100 caractères au plus.")), printable],
    )


class AskForm(FlaskForm):
    """The wish for an invoice."""

    purchase_order = purchase_order_field()
