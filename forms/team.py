"""The forms by which managers say who administers the shop."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import RadioField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # Newer than its published types.
from wtforms.validators import InputRequired

from forms.auth import email_field
from services import history_words


class RoleForm(FlaskForm):
    """What somebody may do."""

    role = RadioField(
        _l("Rôle"),
        choices=[SelectChoice(role, words) for role, words in history_words.ROLES.items()],
        validators=[InputRequired(_l("Choisissez un rôle."))],
    )


class InviteForm(RoleForm):
    """Whom to invite, to do what."""

    email = email_field()
