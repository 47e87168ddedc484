"""The forms that ask an admin for the second factor, or to show once more who they are."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import DataRequired, InputRequired, Length

from forms.auth import without_blanks

LONGEST = 40
"""A recovery code with its hyphens, and a few blanks more."""


def code_field(label: str) -> StringField:
    """Return the field of a code of the application, or of a recovery code."""
    validators = [DataRequired(_l("Indiquez le code.")), Length(max=LONGEST, message=_l("Ce code est trop long."))]
    return StringField(label, filters=[without_blanks], validators=validators)


class SecondStepForm(FlaskForm):
    """The code that is asked after the password."""

    code = code_field(_l("Code de l'application, ou code de secours"))


class FirstCodeForm(FlaskForm):
    """The first code of an application that was just set up."""

    code = code_field(_l("Code affiché par l'application"))


class ProofForm(FlaskForm):
    """Password, and code where one is asked, once more before a dangerous act; its names are those of no other form."""

    proof_password = PasswordField(
        _l("Votre mot de passe"), validators=[InputRequired(_l("Indiquez votre mot de passe."))]
    )
    proof_code = code_field(_l("Code de l'application, ou code de secours"))
