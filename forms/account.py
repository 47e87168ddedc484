"""The forms of « Mon compte »."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import PasswordField
from wtforms.validators import InputRequired

from forms.auth import new_password_field


class PasswordForm(FlaskForm):
    """The password that was, and the one that will be."""

    current_password = PasswordField(
        _l("Mot de passe actuel"), validators=[InputRequired(_l("Indiquez votre mot de passe actuel."))]
    )
    password = new_password_field(_l("Nouveau mot de passe"))
