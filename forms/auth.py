"""The forms of signing in, opening an account, recovering it and confirming an address."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import EmailField, Field, PasswordField, StringField, ValidationError
from wtforms.validators import InputRequired, Length, Regexp

from services import accounts, passwords


def without_blanks(text: str | None) -> str:
    """Return what was typed or pasted, less every blank."""
    return "".join((text or "").split())


def is_address(_form: FlaskForm, field: Field) -> None:
    """Raise ValidationError unless the field holds a well-formed e-mail address."""
    if not accounts.is_address(field.data or ""):
        raise ValidationError(_("Cette adresse e-mail n'est pas complète. Exemple : nom@exemple.fr"))


def email_field(label: Any = None) -> Any:
    """Return the field of an e-mail address."""
    validators = [InputRequired(_l("Indiquez votre adresse e-mail.")), is_address]
    return EmailField(label or _l("Adresse e-mail"), filters=[without_blanks], validators=validators)


class ForAccount(FlaskForm):
    """A form in which an account's password is chosen; `address` is whose account it is, unless the form asks."""

    def __init__(self, address: str = "", **kwargs: Any) -> None:
        self.address = address
        super().__init__(**kwargs)


def is_not_common(form: ForAccount, field: Field) -> None:
    """Raise ValidationError for a password that whoever guesses would try among the first."""
    address = form["email"].data if "email" in form else form.address
    if accounts.is_guessable(field.data, address or ""):
        raise ValidationError(passwords.TOO_COMMON)


def new_password_field(label: Any = None) -> Any:
    """Return the field of a password that is being chosen, in a form `ForAccount`."""
    validators = [
        InputRequired(_l("Choisissez un mot de passe.")),
        Length(
            passwords.SHORTEST,
            passwords.LONGEST,
            _l("Choisissez un mot de passe de %(min)d à %(max)d caractères."),
        ),
        is_not_common,
    ]
    # A browser would cut what is pasted at `maxlength` without a word.
    return PasswordField(label or _l("Mot de passe"), validators=validators, render_kw={"maxlength": False})


class SignInForm(FlaskForm):
    """Who it is, and the proof."""

    email = email_field()
    password = PasswordField(_l("Mot de passe"), validators=[InputRequired(_l("Indiquez votre mot de passe."))])

    def refuse(self) -> None:
        """Afterwards the form says that address and password do not go together, and not which of them is wrong."""
        self.password.errors = [_("Adresse e-mail ou mot de passe incorrect.")]


class RegisterForm(ForAccount):
    """A new account."""

    email = email_field()
    password = new_password_field()


class ForgotForm(FlaskForm):
    """Where to send the link for a new password, or the code to sign in with."""

    email = email_field()


class ResetForm(ForAccount):
    """The new password."""

    password = new_password_field(_l("Nouveau mot de passe"))


class PressForm(FlaskForm):
    """A button and nothing else: something happens by a press, never by opening a link."""


class CodeForm(FlaskForm):
    """The six digits of the confirmation mail."""

    code = StringField(
        _l("Code à 6 chiffres"),
        filters=[without_blanks],
        validators=[Regexp(r"[0-9]{6}\Z", message=_l("Le code a 6 chiffres."))],
    )
