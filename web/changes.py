"""What a correction changes on an invoice, field by field, for who confirms it and for who decides it."""

from collections.abc import Iterator
from dataclasses import dataclass

from wtforms import Field

from documents.snapshot import Snapshot
from forms.corrections import FIELDS, CorrectionForm
from parties import rules
from parties.details import Details


@dataclass(frozen=True, slots=True)
class Change:
    """One field of the invoice: its name, what it says and what it would say, empty where nothing stands."""

    label: str
    before: str
    after: str


def changes(said: Snapshot, details: Details, purchase_order: str) -> list[Change]:
    """Return what the corrected invoice would say otherwise, under the labels of the form."""
    return list(_changes(said, details, purchase_order))


def field_names(names: str) -> str:
    """Return what a form calls the fields of an audit row, « line1, city »: « Adresse, Ville »."""
    form = CorrectionForm(formdata=None)
    return ", ".join(str(form[name].label.text) if name in FIELDS else name for name in names.split(", "))


def _changes(said: Snapshot, details: Details, purchase_order: str) -> Iterator[Change]:
    form = CorrectionForm(formdata=None)
    for name in FIELDS:
        of_buyer = name in rules.FIELDS
        before = getattr(said.buyer, name) if of_buyer else said.order.purchase_order
        after = getattr(details, name) if of_buyer else purchase_order
        if before != after:
            yield Change(str(form[name].label.text), _words(form[name], before), _words(form[name], after))


def _words(field: Field, value: str) -> str:
    """A choice by its label, anything else as it is typed."""
    return next((str(choice.label) for choice in getattr(field, "choices", None) or () if choice.value == value), value)
