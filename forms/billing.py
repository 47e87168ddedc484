"""The form « Données de facturation »: which fields it shows, what it takes, and the French word beside each field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, cast

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf import FlaskForm
from wtforms import BooleanField, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # Newer than its published types.
from wtforms.validators import AnyOf

import config
from parties import countries, numbers, rules
from parties.details import Details, Kind

SHOW = "show"
USE_PROPOSED = "use_proposed_vat_number"
SAME_AS_DELIVERY = "same_as_delivery"
CHECK, LEFT = "check", "left"
CHECKED = ("siret", "vat_number", "tax_id", "postal_code")
"""What the server reads while it is typed."""


class Said(NamedTuple):
    """What stands under a field while it is typed; the tone is "good" or none."""

    tone: str
    text: str


def _trimmed(text: str | None) -> str:
    return (text or "").strip()


def _countries() -> list[SelectChoice]:
    return [SelectChoice(code, name) for code, name in countries.choices()]


class BillingForm(FlaskForm):
    """Who an invoice is made out to, for the account's page and for one order.

    Only the fields in `shown` are rendered; the others are neither required nor sent, and keep what is on record until
    the details are recorded. `also_account` exists on an order's form alone: give its first state, on or off.
    `on_behalf` shows the names of the person who buys for a company; without it a company has none.
    `delivery` is the order's address of delivery, field by field, where this customer may see it.
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
    country = SelectField(_l("Pays"), choices=_countries, default="FR", validate_choice=False)
    siret = StringField(_l("SIRET"), filters=[_trimmed])
    vat_number = StringField(_l("Numéro de TVA intracommunautaire"), filters=[_trimmed])
    company_name = StringField(_l("Raison sociale"), filters=[_trimmed])
    first_name = StringField(_l("Prénom"), filters=[_trimmed])
    last_name = StringField(_l("Nom"), filters=[_trimmed])
    tax_id = StringField(_l("Numéro d'identification fiscale"), filters=[_trimmed])
    line1 = StringField(_l("Adresse"), filters=[_trimmed])
    line2 = StringField(_l("Complément d'adresse"), filters=[_trimmed])
    postal_code = StringField(_l("Code postal"), filters=[_trimmed])
    city = StringField(_l("Ville"), filters=[_trimmed])
    on_behalf = BooleanField(_l("J'achète pour le compte de cette entreprise"))
    also_account = BooleanField(_l("Enregistrer aussi dans mes données de facturation"))

    def __init__(
        self,
        *args: Any,
        also_account: bool | None = None,
        delivery: Mapping[str, str] | None = None,
        sale_wants: Callable[[Details], Mapping[str, str]] | None = None,
        **kwargs: Any,
    ) -> None:
        on_record = kwargs.get("obj")
        bought_for = on_record is not None and on_record.kind == "company" and bool(on_record.last_name)
        super().__init__(*args, also_account=also_account, on_behalf=bought_for, **kwargs)
        if also_account is None:
            del self.also_account
        self.tax_id_required = config.current().tax_id_required
        self.sale_wants = sale_wants
        self.delivery = delivery
        self.was_sent = self.is_submitted() and "formdata" not in kwargs
        self.filled_in = self._fill_in()
        self.with_contact = self.kind.data == "company" and bool(self.on_behalf.data)
        kind, country = self.kind.data, self.country.data or ""
        self.needs = rules.requirements(kind, country, self.tax_id_required, with_contact=self.with_contact)
        if not self.needs.vat_number_is_of_the_union:
            self.vat_number.label.text = _("Numéro de TVA")
        for name in rules.FIELDS:
            self[name].flags.required = name in self.needs.required

    def _fill_in(self) -> str:
        """Fill in what a button offered; give the name of the first field that it filled."""
        if not self.only_shows():
            return ""
        if USE_PROPOSED in request.form:
            self.vat_number.data = rules.proposed_vat_number(self.siret.data or "")
            return "vat_number"
        if SAME_AS_DELIVERY in request.form and self.delivery:
            for name, text in self.delivery.items():
                self[name].data = text
            return "line1"
        return ""

    @property
    def shown(self) -> frozenset[str]:
        """The names of the fields that this kind of buyer of this country sees."""
        return self.needs.shown

    @property
    def hints(self) -> Mapping[str, str]:
        """The French sentences that stand beside some of the fields."""
        country = self.country.data or ""
        example = countries.postal_code_example(country) if country != "FR" else ""
        return {**self.needs.hints, "postal_code": _("Par exemple %(example)s.", example=example) if example else ""}

    @property
    def keyboards(self) -> Mapping[str, str]:
        """The `inputmode` of the fields whose text is of digits alone in this country."""
        country, kind = self.country.data or "", self.kind.data
        number = numbers.form_of(kind, country)
        digits = {
            "siret": True,
            "tax_id": kind != "company" and number is not None and number.is_digits,
            "postal_code": countries.postal_code_is_digits(country),
        }
        return {name: "numeric" for name, alone in digits.items() if alone}

    @property
    def offers_delivery(self) -> bool:
        """Whether the address of the delivery is another one than this form's, and may be taken over by a press."""
        if not self.delivery:
            return False
        details = self.details()
        return rules.normalise(replace(details, kind=details.kind, **self.delivery)) != details

    def checks(self) -> str:
        """Give the name of the field that this post wants read while it is typed, or once it is left; none otherwise.

        What is wrong with it stands beside it then. While one types, it is wrong only once it has its whole length.
        """
        name = request.form.get(CHECK) or request.form.get(LEFT) or ""
        if name not in CHECKED or name not in self.shown:
            return ""
        details = self.details()
        value = getattr(details, name)
        problem = rules.problems(details, self.tax_id_required).get(name) if value else None
        if problem and (LEFT in request.form or rules.has_its_length(name, details)):
            self[name].errors = (problem,)
        return name

    def said(self, name: str) -> Said | None:
        """Return what stands under a field that was sent and is not wrong: that it is valid, or not whole yet."""
        details = self.details()
        value = getattr(details, name)
        if not self.was_sent or self[name].errors or not value:
            return None
        if name not in rules.problems(details, self.tax_id_required):
            good = {"siret": _("SIRET valide"), "vat_number": _("Numéro de TVA valide"), "tax_id": _("Numéro valide")}
            known = name != "tax_id" or numbers.form_of(details.kind, details.country)
            return Said("good", good[name]) if known and name in good else None
        missing = 14 - len(value)
        if name != "siret" or not value.isdecimal() or missing <= 0:
            return None
        if numbers.is_siren(value[:9]):
            words = ngettext("SIREN valide, encore %(num)d chiffre", "SIREN valide, encore %(num)d chiffres", missing)
        else:
            words = ngettext("Encore %(num)d chiffre", "Encore %(num)d chiffres", missing)
        return Said("", words)

    @property
    def proposed_vat_number(self) -> str:
        """The VAT number that goes with the SIRET, while that field is empty; offered, never filled in unasked.

        Somebody who erased it, because of the franchise or for an association, finds it erased.
        """
        if "siret" not in self.shown or self.vat_number.data:
            return ""
        return rules.proposed_vat_number(self.siret.data or "")

    def only_shows(self) -> bool:
        """Whether this post asks for the right fields, or for what a button offers, and for nothing to be recorded."""
        return self.is_submitted() and any(name in request.form for name in (SHOW, USE_PROPOSED, SAME_AS_DELIVERY))

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
        if self.with_contact:
            of_person = {name: rules.name_problem(name, self[name].data or "") for name in rules.CONTACT}
            problems |= {name: problem for name, problem in of_person.items() if problem}
        if self.sale_wants:
            problems = {**self.sale_wants(details), **problems}
        for name, message in problems.items():
            self[name].errors = (*self[name].errors, message)
            good = False
        return good
