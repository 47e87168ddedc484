"""The form: what it shows, what it takes, and what it never does unasked."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from forms.billing import BillingForm
from parties.details import Details
from tests.support.customers import COMPANY
from tests.support.factories import billing_details, company_details

SIRET, VAT_NUMBER = "73282932000074", "FR44732829320"
PERSON = {
    "kind": "individual", "first_name": " Claire ", "last_name": "Martin", "tax_id": "",
    "line1": "12 rue Mercière", "line2": "", "postal_code": "69 002", "city": "Lyon", "country": "FR",
}  # fmt: skip

pytestmark = pytest.mark.databases("sqlite")
FormMaker = Callable[..., BillingForm]


@pytest.fixture
def post(app: Flask) -> FormMaker:
    def make(data: dict[str, str], on_record: Details | None = None, **options: Any) -> BillingForm:
        with app.test_request_context("/espace-client/donnees-de-facturation", method="POST", data=data):
            form = BillingForm(obj=on_record, **options)
            form.outcome = form.validate()
            form.showed = form.only_shows()
            return form

    return make


def test_a_person_is_read_and_normalised(post: FormMaker) -> None:
    form = post(PERSON)
    assert form.outcome
    assert form.details() == billing_details()


def test_a_company_is_read_and_normalised(post: FormMaker) -> None:
    form = post(COMPANY | {"vat_number": "fr 44 732 829 320"})
    assert form.outcome
    assert form.details() == company_details()


def test_fields_that_are_not_shown_are_neither_required_nor_taken(post: FormMaker) -> None:
    form = post(PERSON | {"company_name": "Autre", "siret": "1", "vat_number": "DE1"})
    assert form.outcome
    assert form.details() == billing_details()
    assert not {"company_name", "siret", "vat_number"} & form.shown


def test_each_problem_stands_beside_its_field_and_what_was_typed_stays(post: FormMaker) -> None:
    form = post(COMPANY | {"siret": "732 829 320 00079", "postal_code": "6900"})
    assert not form.outcome
    assert set(form.errors) == {"siret", "postal_code"}
    assert "vérifiez les 14 chiffres" in form.siret.errors[0]
    assert (form.siret.data, form.postal_code.data) == ("732 829 320 00079", "6900")


def test_an_unknown_kind_or_country_is_refused(post: FormMaker) -> None:
    assert "kind" in post(PERSON | {"kind": "robot"}).errors
    assert "country" in post(PERSON | {"country": "XX"}).errors
    assert "country" in post(PERSON | {"country": ""}).errors


def test_an_empty_post_says_everything_that_is_missing(post: FormMaker) -> None:
    assert set(post({"kind": "individual"}).errors) == {"first_name", "last_name", "line1", "postal_code", "city"}


@pytest.mark.parametrize(
    ("data", "required", "optional"),
    [
        (PERSON, {"first_name", "last_name", "line1", "postal_code", "city", "country"}, {"tax_id", "line2"}),
        (PERSON | {"country": "ES"}, {"tax_id"}, {"line2"}),
        (COMPANY, {"company_name", "siret"}, {"vat_number", "tax_id"}),
        (COMPANY | {"country": "DE"}, {"vat_number"}, {"tax_id"}),
        (COMPANY | {"country": "US"}, {"tax_id"}, {"line2"}),
        (COMPANY | {"country": "CI"}, {"tax_id"}, {"postal_code"}),
    ],
)
def test_the_marks_follow_kind_and_country(
    post: FormMaker, data: dict[str, str], required: set[str], optional: set[str]
) -> None:
    form = post(data)
    assert required | optional <= form.shown
    assert all(form[name].flags.required for name in required)
    assert not any(form[name].flags.required for name in optional)


def test_always_marks_the_fiscal_number_of_persons_as_required(make_app: Callable[..., Flask]) -> None:
    app = make_app(TAX_ID_REQUIRED="always")
    with app.test_request_context("/", method="POST", data=PERSON):
        form = BillingForm()
        assert not form.validate()
        assert form.tax_id.flags.required
        assert "Indiquez votre numéro d'identification fiscale" in form.tax_id.errors[0]
    with app.test_request_context("/", method="POST", data=COMPANY):
        form = BillingForm()
        assert form.validate()
        assert form.details().fiscal_number == "732829320"


def test_the_vat_number_is_offered_and_never_filled_in_unasked(post: FormMaker) -> None:
    form = post(COMPANY)
    assert form.outcome
    assert form.proposed_vat_number == VAT_NUMBER
    assert form.details().vat_number == ""


def test_an_erased_vat_number_stays_erased(post: FormMaker) -> None:
    form = post(COMPANY, on_record=company_details(vat_number=VAT_NUMBER))
    assert form.details().vat_number == ""


@pytest.mark.parametrize(
    "data",
    [
        PERSON,
        COMPANY | {"siret": "73282932000079"},
        COMPANY | {"vat_number": VAT_NUMBER},
        COMPANY | {"country": "DE"},
    ],
)
def test_nothing_is_offered_without_a_valid_siret_or_beside_a_number(post: FormMaker, data: dict[str, str]) -> None:
    assert post(data).proposed_vat_number == ""


def test_pressing_the_offer_fills_the_field_in_and_records_nothing(post: FormMaker) -> None:
    form = post(COMPANY | {"use_proposed_vat_number": "1"})
    assert form.showed
    assert form.filled_in == "vat_number"
    assert form.vat_number.data == VAT_NUMBER
    assert form.proposed_vat_number == ""
    assert form.siret.data == COMPANY["siret"]


def test_showing_keeps_what_was_typed_and_brings_back_what_is_on_record(post: FormMaker) -> None:
    sent = {"kind": "company", "country": "FR", "tax_id": "", "line1": "nouvelle adresse", "show": "1"}
    form = post(sent, on_record=company_details())
    assert form.showed
    assert form.line1.data == "nouvelle adresse"
    assert form.company_name.data == "Imprimerie Martin SARL"


def test_the_account_tick_exists_on_an_order_only(post: FormMaker) -> None:
    assert "also_account" not in post(PERSON)
    assert post(PERSON, also_account=True).also_account.data is False  # It was shown, and left off.
    assert post(PERSON | {"also_account": "y"}, also_account=False).also_account.data is True


@pytest.mark.parametrize("first", [True, False])
def test_the_account_tick_begins_as_it_is_told(app: Flask, first: bool) -> None:
    with app.test_request_context("/"):
        assert BillingForm(also_account=first).also_account.data is first


def test_a_new_form_begins_with_a_person_in_france(app: Flask) -> None:
    with app.test_request_context("/"):
        form = BillingForm()
        assert (form.kind.data, form.country.data) == ("individual", "FR")
        assert next(iter(form.country)).label.text == "France"


def test_what_the_sale_wants_stands_beside_its_field_and_what_is_plainly_wrong_comes_first(post: FormMaker) -> None:
    def wants(details: Details) -> dict[str, str]:
        return {"vat_number": "Vendue sans TVA."} if not details.vat_number.startswith("DE") else {}

    assert post(COMPANY, sale_wants=wants).errors == {"vat_number": ("Vendue sans TVA.",)}
    assert "n'est pas valide" in post(COMPANY | {"vat_number": "FR1"}, sale_wants=wants).errors["vat_number"][0]
    assert post(COMPANY, sale_wants=lambda _details: {}).outcome


@pytest.mark.parametrize(
    "siret",
    ["732 829 320 00074", "732\u00a0829\u00a0320\u00a000074", "732\u202f829\u202f320\u202f00074", "732.829.320.00074",
     "732-829-320-00074", "７３２８２９３２００００７４", " 73282932000074\n"],
)  # fmt: skip
def test_a_siret_is_taken_however_it_is_written(post: FormMaker, siret: str) -> None:
    form = post(COMPANY | {"siret": siret})
    assert form.outcome
    assert form.details().siret == SIRET


@pytest.mark.parametrize("blank", ["\u00a0", "\u202f", ".", "-", "\u2011"])
def test_vat_and_fiscal_numbers_are_taken_however_they_are_written(post: FormMaker, blank: str) -> None:
    form = post(COMPANY | {"vat_number": blank.join(["ＦＲ", "44", "732", "829", "320"])})
    assert form.details().vat_number == VAT_NUMBER
    form = post(PERSON | {"tax_id": blank.join(["30", "23", "217", "600", "053"])})
    assert form.outcome
    assert form.details().tax_id == "3023217600053"


DELIVERY = {"line1": "8 quai Perrache", "line2": "", "postal_code": "1000", "city": "Bruxelles", "country": "BE"}


def test_the_address_of_the_delivery_is_taken_over_by_a_press_and_nothing_is_recorded(post: FormMaker) -> None:
    form = post(PERSON | {"same_as_delivery": "1"}, delivery=DELIVERY)
    assert form.showed
    assert form.filled_in == "line1"
    assert {name: form[name].data for name in DELIVERY} == DELIVERY
    assert (form.first_name.data, form.last_name.data) == ("Claire", "Martin")
    assert not form.offers_delivery
    assert form.hints["postal_code"]  # Those of its country.


def test_the_address_of_the_delivery_is_offered_where_it_is_another(post: FormMaker) -> None:
    assert post(PERSON, delivery=DELIVERY).offers_delivery
    assert not post(PERSON | DELIVERY | {"city": " Bruxelles "}, delivery=DELIVERY).offers_delivery
    assert not post(PERSON).offers_delivery
    assert post(PERSON | {"same_as_delivery": "1"}).filled_in == ""  # Nobody may press what is not offered.


def test_what_is_sent_with_valid_numbers_says_so(post: FormMaker) -> None:
    form = post(COMPANY | {"vat_number": VAT_NUMBER})
    assert form.said("siret") == ("good", "SIRET valide")
    assert form.said("vat_number") == ("good", "Numéro de TVA valide")
    assert form.said("tax_id") is None
    assert post(PERSON | {"country": "CI", "tax_id": "CI-12 3"}).said("tax_id") is None  # Nobody knows their form.


@pytest.mark.parametrize(
    ("country", "keyboard"), [("DE", "numeric"), ("FR", "numeric"), ("ES", None), ("GB", None), ("CI", None)]
)
def test_the_country_chooses_the_keyboard_of_a_person_s_number(
    post: FormMaker, country: str, keyboard: str | None
) -> None:
    assert post(PERSON | {"country": country}).keyboards.get("tax_id") == keyboard
    assert post(COMPANY | {"country": country}).keyboards.get("tax_id") is None


CLAIRE = {"on_behalf": "y", "first_name": " Claire ", "last_name": "Martin"}


def test_who_buys_for_a_company_says_their_name(post: FormMaker) -> None:
    form = post(COMPANY | CLAIRE)
    assert form.outcome
    assert form.details() == company_details(vat_number="", first_name="Claire", last_name="Martin")
    assert form.first_name.flags.required
    assert form.last_name.flags.required


def test_without_the_tick_a_company_has_no_name_of_a_person(post: FormMaker) -> None:
    form = post(COMPANY | CLAIRE | {"on_behalf": ""}, on_record=company_details(last_name="Durand"))
    assert form.outcome
    assert not {"first_name", "last_name"} & form.shown
    assert form.details() == company_details(vat_number="")


def test_the_tick_wants_both_names(post: FormMaker) -> None:
    assert post(COMPANY | {"on_behalf": "y"}).errors == {
        "first_name": ("Indiquez votre prénom.",),
        "last_name": ("Indiquez votre nom.",),
    }
    assert set(post(COMPANY | CLAIRE | {"last_name": "--"}).errors) == {"last_name"}


def test_a_person_buys_for_nobody_else(post: FormMaker) -> None:
    assert post(PERSON | {"on_behalf": "y"}).details() == billing_details()


@pytest.mark.parametrize(
    ("on_record", "ticked"),
    [
        (company_details(first_name="Claire", last_name="Martin"), True),
        (company_details(), False),
        (billing_details(), False),
    ],
)
def test_the_tick_begins_as_it_is_on_record(app: Flask, on_record: Details, ticked: bool) -> None:
    with app.test_request_context("/"):
        form = BillingForm(obj=on_record)
        assert form.on_behalf.data is ticked
        assert ("last_name" in form.shown) == (ticked or on_record.kind == "individual")
