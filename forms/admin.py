"""The forms of the admin's pages."""

import re
from decimal import Decimal

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, DecimalField, IntegerField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional
from wtforms.widgets import HiddenInput, TextInput

from forms.auth import email_field
from forms.orders import printable, tidy
from services.crediting import LONGEST_REASON

AMOUNT = re.compile(r"-?[0-9]{1,10}(\.[0-9]{1,2})?")
TYPED = str.maketrans(",\N{MINUS SIGN}", ".-")


def _count(most: int = 10_000) -> IntegerField:
    return IntegerField(widget=HiddenInput(), validators=[InputRequired(), NumberRange(0, most)])


def reason_field(label: str) -> StringField:
    """Return the field for the reason that an act needs, as the customer or the history has it."""
    return StringField(
        label,
        filters=[tidy],
        validators=[
            DataRequired(_l("Indiquez le motif.")),
            Length(max=LONGEST_REASON, message=_l("Le motif peut contenir %(max)d caractères au plus.")),
            printable,
        ],
    )


class AmountField(DecimalField):
    """An amount as people type it, « 1 234,50 € »; None when it is left empty. `pattern` says what a figure is."""

    widget = TextInput()
    pattern = AMOUNT

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read a decimal comma or point, a hyphen or minus; blanks and a euro sign count for nothing."""
        typed = "".join(valuelist[0].replace("€", "").split()).translate(TYPED) if valuelist else ""
        self.data = Decimal(typed) if self.pattern.fullmatch(typed) else None
        if typed and self.data is None:
            raise ValueError(_l("Écrivez un montant, par exemple 12,50."))


class ResendForm(FlaskForm):
    """« Renvoyer »: `shown` is how many mails with the document the page showed: a double click is one press."""

    shown = _count()
    document = _count(2**31 - 1)


class CorrectEmailForm(FlaskForm):
    """« Corriger l'e-mail de la commande »."""

    email = email_field()


class CreditForm(FlaskForm):
    """« Établir un avoir »: `shown` is how many credit notes of the invoice the page showed."""

    amount = AmountField(
        _l("Montant TTC"),
        validators=[
            Optional(),
            NumberRange(min=Decimal("0.01"), message=_l("Le montant d'un avoir est positif.")),
        ],
    )
    reason = reason_field(_l("Motif"))
    refund = BooleanField(_l("Montant remboursé en dehors de la boutique"))
    shown = _count()


class DeclineForm(FlaskForm):
    """« Refuser » a correction, with the reason that the customer reads."""

    refusal = reason_field(_l("Motif du refus"))


class TryMailForm(FlaskForm):
    """« Envoyer un e-mail d'essai »: `press` is a name of its own for each page shown: a double click is one press."""

    press = StringField(widget=HiddenInput(), validators=[DataRequired(), Length(max=40)])
