"""The forms by which managers say who administers the shop."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import RadioField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # Newer than its published types.
from wtforms.validators import InputRequired

from forms.auth import email_field

ROLES = [SelectChoice("reading", _l("Lecture")), SelectChoice("managing", _l("Gestion"))]


class RoleForm(FlaskForm):
    """What somebody may do."""

    role = RadioField(_l("Rôle"), choices=ROLES, validators=[InputRequired(_l("Choisissez un rôle."))])


class InviteForm(RoleForm):
    """Whom to invite, to do what."""

    email = email_field()
