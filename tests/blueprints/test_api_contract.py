"""The OpenAPI document against the API itself: nothing breaks, and neither contradicts the other."""

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from contextvars import Context
from datetime import datetime
from io import BytesIO
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings, strategies
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

import clock
from documents import totals
from services import sums
from services.shops import NewKey
from shops import openapi, signatures
from shops.schema import InvalidMessage, OrderMessage
from tests.shops.messages import a_message
from tests.support.shops import Signer, a_key, a_shop

pytestmark = pytest.mark.databases("sqlite")
EXAMPLES = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
TO_SIGN = "t=0,v1=" + "0" * 64
"""What a call says that is to be signed on its way; one that schemathesis strips of it goes in unsigned."""

KNOWN = a_message()["number"]
RULES = re.compile(
    r"ne peut pas être nul|figure deux fois|La remise|Les lignes remboursées dépassent|désigne une ligne|Indiquez"
    r"|la somme des lignes donne|les taux des lignes donnent|TTC à|HT à|Ce code explique"
    r"|adresse e-mail n'est pas valable|à la casse près|Le fichier (doit commencer par|est vide)"
)
"""What a message that fits the schema may be refused for, and no more: rules between fields, which it cannot say."""

YEARS = (datetime(1991, 1, 1), datetime(2098, 12, 31))  # noqa: DTZ001 - The generator adds the zones.

schemathesis.openapi.format(
    "date-time",
    strategies.datetimes(*YEARS, timezones=strategies.timezones()).map(datetime.isoformat),
)


@schemathesis.serializer("application/x-ndjson")
def _lines(_context: Any, value: Any) -> bytes:
    """Write a batch; its description has no words for what is in a line, so that a whole order goes before some."""
    text = value if isinstance(value, str) else json.dumps(value)
    return (text if len(text) % 2 else f"{json.dumps(a_message())}\n{text}").encode("utf-8", "surrogatepass")


class Signing:
    """Stands before the application and signs what is to be signed, over the bytes that are really sent."""

    def __init__(self, app: Flask, key: NewKey) -> None:
        self.app, self.key = app, key
        self.headers = {"Authorization": f"Bearer {key.key_id}", "X-Signature": TO_SIGN}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        if environ.get("HTTP_X_SIGNATURE") == TO_SIGN:
            said = {"method": environ["REQUEST_METHOD"], "target": environ["REQUEST_URI"], "body": body}
            now = int(clock.now().timestamp())
            environ["HTTP_X_SIGNATURE"] = signatures.sign_call(self.key.secret, at=now, **said)
        return Context().run(lambda: list(self.app(environ, start_response)))


@pytest.fixture
def signing(app: Flask) -> Signing:
    """Give the API as a shop calls it that has sent one order."""
    key = a_key(a_shop())
    assert Signer(app.test_client(), key).call("PUT", f"/api/v1/orders/{KNOWN}", a_message()).status_code == 201
    return Signing(app, key)


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize("operation", openapi.OPERATIONS, ids=lambda operation: operation.name)
def test_the_api_does_what_its_description_says(
    signing: Signing, operation: openapi.Operation, mode: GenerationMode
) -> None:
    description = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", signing)
    description.config.checks.negative_data_rejection.expected_statuses.append("413")
    described = description[operation.path][operation.method]
    statuses = set[int]()

    @EXAMPLES
    @given(case=described.as_strategy(generation_mode=mode))
    def holds(case: Any) -> None:
        if mode is GenerationMode.POSITIVE:
            _make_sound(case)
        answer = case.call(headers=signing.headers)
        statuses.add(answer.status_code)
        excused = _excused(operation, answer)
        case.validate_response(answer, headers=signing.headers, excluded_checks=excused)

    holds()
    assert mode is GenerationMode.NEGATIVE or operation.done.keys() & statuses, statuses


def _make_sound(case: Any) -> None:
    """Give what was drawn a chance: the number of an order that is known, the number of the address, a right sum."""
    case.body = _as_written(case.body)
    if case.method == "PUT":
        case.body["number"] = case.path_parameters["number"]
        with suppress(InvalidMessage):
            _make_it_add_up(case.body)
    elif case.path_parameters:
        case.path_parameters["number"] = KNOWN


def _make_it_add_up(body: dict[str, Any]) -> None:
    """Correct the total; where that is not what is wrong, sell something else."""
    for lines in (body["lines"], body["lines"], a_message()["lines"]):
        body["lines"] = lines
        message = OrderMessage.checked(body)
        try:
            totals.compute(sums._sale(message))
        except totals.DoesNotAddUp as error:
            body["total"] = format(max(message.total - error.difference, totals.ZERO), "f")
            body.pop("total_tax", None)
            body.pop("order_discount", None)
        else:
            return


def _as_written(value: Any) -> Any:
    """Write whole numbers as such: to the generator 2.0 is one, and we refuse every number with a point."""
    if isinstance(value, dict):
        return {name: _as_written(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_as_written(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _excused(operation: openapi.Operation, answer: Any) -> list[Any]:
    """Name the check that has no word for this: a rule that no schema can say, lines that are refused one by one."""
    errors = answer.json()["errors"] if answer.status_code == 422 else []
    ruled = bool(errors) and all(RULES.search(each["message"]) for each in errors)
    return [positive_data_acceptance] * ruled + [negative_data_rejection] * operation.by_line
