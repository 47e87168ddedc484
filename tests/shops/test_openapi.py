"""The OpenAPI document: all of it in words, and true to the models."""

import json

from services import sums
from shops import openapi, words
from shops.schema import OrderMessage

DOCUMENT = openapi.document("https://client.example.org", "Atelier")


def test_every_model_and_every_field_has_its_words_and_no_word_is_left_over() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert {name: set(schema["properties"]) for name, schema in schemas.items()} == {
        name: set(fields) for name, fields in words.FIELDS.items()
    }
    assert list(schemas) == list(words.MODELS)


def test_every_reference_leads_somewhere() -> None:
    written = json.dumps(DOCUMENT)
    named = {part.partition('"')[0] for part in written.split("#/components/schemas/")[1:]}
    assert named <= set(DOCUMENT["components"]["schemas"])
    assert named >= {"OrderMessage", "Problem", "OrderState"}


def test_what_may_be_missing_may_be_null_and_what_is_required_may_not() -> None:
    order = DOCUMENT["components"]["schemas"]["OrderMessage"]
    null = {"type": "null"}
    assert {name for name, field in order["properties"].items() if null in field.get("anyOf", ())} == set(
        order["properties"]
    ) - set(order["required"])
    assert set(order["required"]) == {
        "number", "version", "email", "placed_at", "currency", "prices_include_tax", "lines", "total",
    }  # fmt: skip


def test_the_example_is_an_order_that_adds_up() -> None:
    [sent] = DOCUMENT["paths"]["/orders/{number}"]["put"]["requestBody"]["content"].values()
    assert not sums.problems(OrderMessage.checked(sent["example"]))


def test_the_limits_are_said() -> None:
    order = DOCUMENT["components"]["schemas"]["OrderMessage"]["properties"]
    assert (order["lines"]["minItems"], order["lines"]["maxItems"]) == (1, 1000)
    assert (order["version"]["minimum"], order["version"]["maximum"]) == (0, 2**63 - 1)
