"""« /dev/composants »: every component that pages are made of, in each of its states; in development only."""

from flask import Blueprint, render_template
from flask_wtf import FlaskForm
from wtforms import BooleanField, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # Newer than its published types.
from wtforms.validators import InputRequired

bp = Blueprint("components", __name__, url_prefix="/dev/composants")

KINDS = [SelectChoice("individual", "Particulier"), SelectChoice("company", "Entreprise")]
TONES = ("neutral", "info", "good", "warn", "error")


class SampleForm(FlaskForm):
    """One field of each kind."""

    last_name = StringField("Nom", validators=[InputRequired()])
    reference = StringField("Votre référence")
    city = StringField("Ville", validators=[InputRequired()])
    country = SelectField("Pays", choices=[SelectChoice("FR", "France"), SelectChoice("ES", "Espagne")])
    kind = RadioField("Vous êtes", choices=KINDS)
    remember = BooleanField("Enregistrer aussi dans mes données de facturation")


@bp.get("")
def index() -> str:
    """Show the components; the form as it looks once it was refused."""
    form = SampleForm(formdata=None)
    form.last_name.errors = ["Indiquez votre nom."]
    form.city.errors = ["Indiquez votre ville."]
    return render_template("components/index.html", form=form, tones=TONES)
