"""The forms of a guest: find one order, make an account from it."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import InputRequired

from forms.auth import ForAccount, email_field, new_password_field


class LookUpForm(FlaskForm):
    """The number of an order and the address it was placed with."""

    order_number = StringField(
        _l("Numéro de commande"),
        filters=[lambda text: (text or "").strip()],
        validators=[InputRequired(_l("Indiquez le numéro de votre commande."))],
    )
    email = email_field()

    def refuse(self) -> None:
        """Afterwards the form says that no order was found, in the same words whichever of the two was wrong."""
        self.order_number.errors = [_("Aucune commande ne correspond à ce numéro et à cette adresse e-mail.")]


class CreateAccountForm(ForAccount):
    """A password for the account of an order's address; the address itself is the order's and is not asked."""

    password = new_password_field()
