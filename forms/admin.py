"""The forms of the admin's order page."""

from flask_wtf import FlaskForm
from wtforms import IntegerField
from wtforms.validators import InputRequired, NumberRange
from wtforms.widgets import HiddenInput

from forms.auth import email_field


class ResendForm(FlaskForm):
    """« Renvoyer »: `shown` is how many mails with the invoice the page showed, so that a double click is one press."""

    shown = IntegerField(widget=HiddenInput(), validators=[InputRequired(), NumberRange(0, 10_000)])


class CorrectEmailForm(FlaskForm):
    """« Corriger l'e-mail de la commande »."""

    email = email_field()
