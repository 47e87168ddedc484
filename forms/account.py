"""The forms of « Mon compte »."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import PasswordField
from wtforms.validators import InputRequired

from forms.auth import ForAccount, email_field, new_password_field


class AddressForm(FlaskForm):
    """The address that will be, and the proof that it is the account's holder who wants it."""

    email = email_field(_l("Nouvelle adresse e-mail"))
    own_password = PasswordField(
        _l("Votre mot de passe"), validators=[InputRequired(_l("Indiquez votre mot de passe."))]
    )


class PasswordForm(ForAccount):
    """The password that was, and the one that will be."""

    current_password = PasswordField(
        _l("Mot de passe actuel"), validators=[InputRequired(_l("Indiquez votre mot de passe actuel."))]
    )
    password = new_password_field(_l("Nouveau mot de passe"))
