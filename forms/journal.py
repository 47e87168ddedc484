"""What an admin looks for in the audit."""

from datetime import date

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # Newer than its published types.
from wtforms.validators import Length, Optional

from services.history_words import GROUPS
from services.journal import Wanted

FIRST, LAST = date(2000, 1, 1), date(2999, 12, 31)
"""Years beyond these are slips, and some of them are no moments any more."""


class DayField(DateField):
    """A day; None when it is left empty."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read what browsers send, 2026-11-24."""
        try:
            super().process_formdata(valuelist)
            if self.data and not FIRST <= self.data <= LAST:
                raise ValueError
        except ValueError:
            self.data = None
            raise ValueError(_l("Écrivez un jour, par exemple 2026-11-24.")) from None


class JournalForm(FlaskForm):
    """The filter of « Journal », which stands in the address of the page: it changes nothing and needs no token."""

    class Meta:
        """Without a token."""

        csrf = False

    group = SelectField(
        _l("Quoi"),
        default="",
        choices=[SelectChoice("", _l("Tout")), *(SelectChoice(name, GROUPS[name][0]) for name in GROUPS)],
    )
    who = StringField(_l("Qui"), validators=[Length(max=320)])
    number = StringField(_l("Commande"), validators=[Length(max=64)])
    since = DayField(_l("Du"), validators=[Optional()])
    until = DayField(_l("Au"), validators=[Optional()])

    def wanted(self) -> Wanted:
        """Return what is looked for."""
        typed = {name: field.data for name, field in self._fields.items()}
        return Wanted(**{name: value for name, value in typed.items() if value})
