"""The form « Données de facturation »: which fields it shows, what it takes, and the French word beside each field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from flask import request
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # Newer than its published types.
from wtforms.validators import AnyOf

import config
from parties import countries, rules
from parties.details import Details, Kind

SHOW = "show"
USE_PROPOSED = "use_proposed_vat_number"


def _trimmed(text: str | None) -> str:
    return (text or "").strip()


def _countries() -> list[SelectChoice]:
    return [SelectChoice(code, name) for code, name in countries.choices()]


class BillingForm(FlaskForm):
    """Who an invoice is made out to, for the account's page and for one order.

    Only the fields in `shown` are rendered; the others are neither required nor sent, and keep what is on record until
    the details are recorded. `also_account` exists on an order's form alone: give its first state, on or off.
    `sale_wants` says what the sale that is to be invoiced wants of such details besides: a sentence by field.
    """

    kind = RadioField(
        _l("Vous êtes"),
        choices=[SelectChoice("individual", _l("Particulier")), SelectChoice("company", _l("Entreprise"))],
        default="individual",
        validate_choice=False,
        validators=[
            AnyOf(("individual", "company"), _l("Choisissez «\u00a0Particulier\u00a0» ou «\u00a0Entreprise\u00a0»."))
        ],
    )
    first_name = StringField(_l("Prénom"), filters=[_trimmed])
    last_name = StringField(_l("Nom"), filters=[_trimmed])
    company_name = StringField(_l("Raison sociale"), filters=[_trimmed])
    tax_id = StringField(_l("Numéro d'identification fiscale"), filters=[_trimmed])
    siret = StringField(_l("SIRET"), filters=[_trimmed])
    vat_number = StringField(_l("Numéro de TVA intracommunautaire"), filters=[_trimmed])
    line1 = StringField(_l("Adresse"), filters=[_trimmed])
    line2 = StringField(_l("Complément d'adresse"), filters=[_trimmed])
    postal_code = StringField(_l("Code postal"), filters=[_trimmed])
    city = StringField(_l("Ville"), filters=[_trimmed])
    country = SelectField(_l("Pays"), choices=_countries, default="FR", validate_choice=False)
    also_account = BooleanField(_l("Enregistrer aussi dans mes données de facturation"))

    def __init__(
        self,
        *args: Any,
        also_account: bool | None = None,
        sale_wants: Callable[[Details], Mapping[str, str]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, also_account=also_account, **kwargs)
        if also_account is None:
            del self.also_account
        self.tax_id_required = config.current().tax_id_required
        self.sale_wants = sale_wants
        self.needs = rules.requirements(self.kind.data, self.country.data or "", self.tax_id_required)
        self.took_proposal = self.only_shows() and USE_PROPOSED in request.form
        if self.took_proposal:
            self.vat_number.data = rules.proposed_vat_number(self.siret.data or "")
        for name in rules.FIELDS:
            self[name].flags.required = name in self.needs.required

    @property
    def shown(self) -> frozenset[str]:
        """The names of the fields that this kind of buyer of this country sees."""
        return self.needs.shown

    @property
    def hints(self) -> Mapping[str, str]:
        """The French sentences that stand beside some of the fields."""
        return self.needs.hints

    @property
    def proposed_vat_number(self) -> str:
        """The VAT number that goes with the SIRET, while that field is empty; offered, never filled in unasked.

        Somebody who erased it, because of the franchise or for an association, finds it erased.
        """
        if "siret" not in self.shown or self.vat_number.data:
            return ""
        return rules.proposed_vat_number(self.siret.data or "")

    def only_shows(self) -> bool:
        """Whether this post asks for the right fields, or for the proposed number, and for nothing to be recorded."""
        return self.is_submitted() and (SHOW in request.form or USE_PROPOSED in request.form)

    def details(self) -> Details:
        """Return what was typed into the fields shown, normalised."""
        kind = cast("Kind", self.kind.data)
        texts = {name: self[name].data or "" for name in rules.FIELDS if name in self.shown and name != "kind"}
        return rules.normalise(Details(kind=kind, **texts))

    def validate(self, extra_validators: Mapping[str, Any] | None = None) -> bool:
        """Put what keeps an invoice from being made out to these details beside the fields; True when nothing does."""
        good = bool(super().validate(extra_validators))
        details = self.details()
        problems = rules.problems(details, self.tax_id_required)
        if self.sale_wants:
            problems = {**self.sale_wants(details), **problems}
        for name, message in problems.items():
            self[name].errors = (*self[name].errors, message)
            good = False
        return good
