"""« À vérifier »: the forms by which an admin corrects, accepts or leaves out an order whose figures do not stand."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import FieldList, Form, FormField, SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # Newer than its published types.
from wtforms.validators import InputRequired, Length, NumberRange, Optional
from wtforms.widgets import HiddenInput

from forms.admin import AmountField, reason_field
from forms.orders import printable, tidy
from services.amendments import Figures, LineFigures

PRICE = re.compile(r"-?[0-9]{1,10}(\.[0-9]{1,6})?")
LARGEST_RATE = Decimal("99.99")
ZERO = Decimal("0.00")


class FigureField(AmountField):
    """A figure that is shown as it is written in French, with the decimals that it has."""

    pattern = PRICE

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        if self.data is None:
            return ""
        shortest = self.data.normalize()
        return f"{shortest:.{max(2, -int(shortest.as_tuple().exponent))}f}".replace(".", ",")


def _wanted(label: str, *validators: Any) -> FigureField:
    return FigureField(label, validators=[InputRequired(_l("Indiquez ce chiffre.")), *validators])


def _exchange_rate(**where: Any) -> FigureField:
    positive = NumberRange(min=Decimal("0.000001"), message=_l("Un taux de change est positif."))
    return FigureField(_l("Taux de change en euros"), validators=[Optional(), positive], **where)


class LineForm(Form):
    """What of one line may be corrected; how many were bought and what they are stays the shop's."""

    unit_price = _wanted(_l("Prix unitaire"))
    discount = _wanted(_l("Remise de la ligne"))
    vat_rate = _wanted(_l("Taux de TVA (%)"), NumberRange(0, LARGEST_RATE, message=_l("Un taux va de 0 à 99,99 %%.")))
    tax = FigureField(_l("TVA de la ligne"), validators=[Optional()])
    vat_category = SelectField(
        _l("Motif d'un taux de 0"),
        choices=[
            SelectChoice("", _l("aucun, la ligne porte une TVA")),
            SelectChoice("E", _l("E, exonération")),
            SelectChoice("K", _l("K, livraison dans l'Union")),
            SelectChoice("AE", _l("AE, autoliquidation")),
            SelectChoice("G", _l("G, exportation")),
            SelectChoice("O", _l("O, carte cadeau")),
        ],
    )
    exemption = StringField(
        _l("Article ou code de l'exonération"),
        filters=[tidy],
        validators=[Length(max=200, message=_l("200 caractères au plus.")), printable],
    )

    def figures(self) -> LineFigures:
        """Return what was typed."""
        return LineFigures(
            unit_price=self.unit_price.data or ZERO,
            discount=self.discount.data or ZERO,
            vat_rate=self.vat_rate.data or ZERO,
            tax=self.tax.data,
            vat_category=self.vat_category.data or "",
            exemption=self.exemption.data or "",
        )


class SeenForm(FlaskForm):
    """`shown` names the figures that the page showed: what is decided is decided about them."""

    shown = StringField(widget=HiddenInput(), validators=[InputRequired(), Length(max=64)])


class CorrectForm(SeenForm):
    """« Corriger »: every line, the VAT in all, and the exchange rate of an order in another currency."""

    lines = FieldList(FormField(LineForm))
    total_tax = FigureField(_l("TVA totale"), validators=[Optional()])
    exchange_rate = _exchange_rate()

    def figures(self) -> Figures:
        """Return what was typed."""
        lines = tuple(entry.form.figures() for entry in self.lines)
        return Figures(lines, self.total_tax.data, self.exchange_rate.data)


class AcceptForm(SeenForm):
    """« Accepter »: `rate` is the place of the rate of the line that makes up the difference, one of `rates`.

    An order in another currency has its exchange rate beside it.
    """

    rate = SelectField(_l("Taux de l'ajustement"), coerce=int)
    exchange_rate = _exchange_rate(id="accept-exchange-rate")

    def __init__(self, *args: Any, rates: Sequence[str], differs: bool, foreign: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rate.choices = [SelectChoice(place, rate) for place, rate in enumerate(rates)]
        if not differs:
            del self.rate
        if not foreign:
            del self.exchange_rate


class IgnoreForm(SeenForm):
    """« Ne pas facturer », with the reason that the customer reads."""

    reason = reason_field(_l("Motif"))


class ReinvoiceForm(FlaskForm):
    """« Établir l'avoir et la nouvelle facture »: `shown` is the invoice that the page showed, replaced once."""

    shown = StringField(widget=HiddenInput(), validators=[InputRequired(), Length(max=10)])
