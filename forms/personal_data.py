"""The form of « Supprimer mon compte »."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, PasswordField
from wtforms.validators import InputRequired


class DeletionForm(FlaskForm):
    """The proof that it is the account's holder, and that they mean it."""

    own_password = PasswordField(
        _l("Votre mot de passe"), validators=[InputRequired(_l("Indiquez votre mot de passe."))]
    )
    sure = BooleanField(
        _l("Je veux supprimer mon compte, définitivement"),
        validators=[InputRequired(_l("Cochez cette case pour supprimer votre compte."))],
    )
