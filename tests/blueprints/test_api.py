"""The door for shops, knocked at as they do: signed, stale, replayed, with sums that do not add up."""

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

import clock
from extensions import db
from models import ApiCall, Order, Refund, Shop
from services import shops
from tests.shops.messages import a_message
from tests.support.client import LintingClient
from tests.support.shops import Signer, a_key, a_shop
from tests.support.taken_in import the_order

ORDER = "/api/v1/orders/T-100234"


@pytest.fixture
def shop(app: Flask) -> Shop:
    return a_shop(name="atelier")


@pytest.fixture
def signer(client: LintingClient, shop: Shop) -> Signer:
    return Signer(client, a_key(shop))


def said(answer: TestResponse) -> dict[str, Any]:
    assert isinstance(answer.json, dict)
    return answer.json


def orders() -> int:
    return db.session.scalar(select(func.count()).select_from(Order)) or 0


def test_an_order_goes_in_and_says_what_became_of_it(signer: Signer, shop: Shop) -> None:
    answer = signer.call("PUT", ORDER, a_message())

    assert answer.status_code == 201
    assert answer.json == {"number": "T-100234", "version": 3, "applied": True, "review": []}
    assert (the_order().shop_id, the_order().source) == (shop.id, "api")


def test_the_same_version_again_changes_nothing(signer: Signer) -> None:
    signer.call("PUT", ORDER, a_message())
    answer = signer.call("PUT", ORDER, json.dumps(a_message(), indent=1).encode())

    assert (answer.status_code, said(answer)["applied"]) == (200, False)


def test_an_older_version_changes_nothing(signer: Signer) -> None:
    signer.call("PUT", ORDER, a_message())
    answer = signer.call("PUT", ORDER, a_message(version=2, purchase_order="ancienne"))

    assert answer.json == {"number": "T-100234", "version": 3, "applied": False, "review": []}
    assert the_order().purchase_order is None


def test_the_same_version_with_other_content_is_a_conflict(signer: Signer) -> None:
    signer.call("PUT", ORDER, a_message())
    answer = signer.call("PUT", ORDER, a_message(purchase_order="autre"))

    assert (answer.status_code, answer.mimetype) == (409, "application/problem+json")
    assert said(answer)["errors"][0]["field"] == "version"


def test_a_sum_that_does_not_add_up_is_refused_with_its_lines(signer: Signer) -> None:
    answer = signer.call("PUT", ORDER, a_message(total="31.73"))

    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert said(answer)["errors"][0]["field"] == "total"
    assert orders() == 0


def test_every_bad_field_is_named(signer: Signer) -> None:
    answer = signer.call("PUT", ORDER, a_message(currency="euro", email="personne"))

    assert {each["field"] for each in said(answer)["errors"]} == {"currency", "email"}


def test_the_number_of_the_address_is_the_order_s(signer: Signer) -> None:
    answer = signer.call("PUT", "/api/v1/orders/T-2", a_message())

    assert (answer.status_code, said(answer)["errors"][0]["field"]) == (422, "number")


@pytest.mark.parametrize(
    ("body", "field"),
    [(b'{"number": ', ""), (b'{"number": "T-1", "number": "T-2"}', "number"), (b'{"total": NaN}', ""), (b"", "")],
)
def test_what_is_no_json_is_refused(signer: Signer, body: bytes, field: str) -> None:
    answer = signer.call("PUT", ORDER, body)

    assert answer.status_code == 400
    assert said(answer)["errors"][0]["field"] == field


def test_a_shipment_starts_the_clock(signer: Signer) -> None:
    signer.call("PUT", ORDER, a_message())
    answer = signer.call("PATCH", f"{ORDER}/shipment", {"shipped_at": "2026-11-03T08:00:00+01:00"})

    assert (answer.status_code, said(answer)["applied"]) == (200, True)
    assert the_order().shipped_at is not None


def test_a_refund_is_taken_once_and_contradicted_never(signer: Signer) -> None:
    signer.call("PUT", ORDER, a_message())
    refund = {"id": "R9", "at": "2026-11-12T09:00:00+01:00", "amount": "2.00"}
    answers = [
        signer.call("POST", f"{ORDER}/refunds", sent, headers={"X-Try": str(number)}, at=None)
        for number, sent in enumerate((refund, refund | {"lines": []}, refund | {"amount": "3.00"}))
    ]

    assert [answer.status_code for answer in answers] == [201, 200, 409]
    assert [one.amount for one in db.session.scalars(select(Refund).where(Refund.ref == "R9"))] == [2]


def test_where_the_invoice_stands_is_told(signer: Signer) -> None:
    signer.call("PUT", ORDER, a_message(invoice_requested=True, placed_at="2026-11-24T10:15:00+01:00"))
    answer = signer.call("GET", ORDER)

    assert answer.status_code == 200
    assert said(answer)["status"] == "preparing"
    assert said(answer)["documents"] == []
    assert said(answer)["url"].endswith("/espace-client/commandes/T-100234")


def test_a_call_without_a_body_is_read_as_gunicorn_gives_it(signer: Signer) -> None:
    """Its bodies end by themselves, so that one that is empty is read to its end, too."""
    signer.call("PUT", ORDER, a_message())

    assert signer.call("GET", ORDER, environ_overrides={"wsgi.input_terminated": True}).status_code == 200


def test_another_shop_s_order_does_not_exist(client: LintingClient, signer: Signer) -> None:
    signer.call("PUT", ORDER, a_message())
    other = Signer(client, a_key(a_shop(name="autre")))

    assert other.call("GET", ORDER).status_code == 404
    assert other.call("PATCH", f"{ORDER}/shipment", {"shipped_at": "2026-11-03T08:00:00Z"}).status_code == 404
    assert other.call("PUT", ORDER, a_message(version=9)).status_code == 409


def test_a_prefix_stands_before_the_shop_s_own_numbers(client: LintingClient, signer: Signer) -> None:
    signer.call("PUT", ORDER, a_message())
    other = Signer(client, a_key(a_shop(name="autre", number_prefix="B-")))

    assert other.call("PUT", ORDER, a_message()).json == {
        "number": "B-T-100234", "version": 3, "applied": True, "review": [],
    }  # fmt: skip
    for number in ("T-100234", "B-T-100234"):
        assert said(other.call("GET", f"/api/v1/orders/{number}"))["number"] == "B-T-100234"


def test_a_batch_answers_line_by_line(signer: Signer, frozen_clock: time_machine.Traveller) -> None:
    sent = [a_message(number="A-1"), a_message(number="A-2", total="1.00"), {"number": "A-3"}, a_message(number="A-4")]
    body = "\n".join(map(json.dumps, sent)).encode()
    answer = signer.call("POST", "/api/v1/orders:batch", body)

    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.mimetype == "application/x-ndjson"
    assert [(line["line"], line["number"], line["status"]) for line in lines] == [
        (1, "A-1", 201), (2, "A-2", 422), (3, "A-3", 422), (4, "A-4", 201),
    ]  # fmt: skip
    assert signer.call("POST", "/api/v1/orders:batch", body).text == answer.text  # The equal call: the equal answer.


def test_a_sign_in_link_leads_in(signer: Signer) -> None:
    answer = signer.call("POST", "/api/v1/sign-in-links", {"email": "claire@example.org", "next": "/espace-client"})

    assert answer.status_code == 201
    assert "/entrer/" in said(answer)["url"]


def test_a_sign_in_link_leads_to_this_site_only(signer: Signer) -> None:
    sent = {"email": "claire@example.org", "next": "//elsewhere.example"}

    assert signer.call("POST", "/api/v1/sign-in-links", sent).status_code == 422


def knock(signer: Signer, *, method: str = "GET", target: str = ORDER, **changes: Any) -> int:
    return signer.call(method, target, **changes).status_code


def test_what_is_not_signed_is_refused(signer: Signer, client: LintingClient) -> None:
    signer.call("PUT", ORDER, a_message())
    good = signer.headers("GET", ORDER, b"")

    assert client.get(ORDER).status_code == 401
    for changes in (
        {"Authorization": ""},
        {"Authorization": "Basic abc"},
        {"Authorization": "Bearer ec_unknown"},
        {"X-Signature": ""},
        {"X-Signature": "t=1,v1=abc"},
        {"X-Signature": good["X-Signature"][:-1] + ("0" if good["X-Signature"][-1] != "0" else "1")},
    ):
        answer = client.get(ORDER, headers=good | changes)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), changes
    assert client.get(f"{ORDER}?a=1", headers=good).status_code == 401
    assert client.put(ORDER, data=b"{}", headers=good).status_code == 401


def test_a_signature_is_good_for_five_minutes(signer: Signer, frozen_clock: time_machine.Traveller) -> None:
    now = int(clock.now().timestamp())
    signer.call("PUT", ORDER, a_message())

    assert [knock(signer, at=now + drift) for drift in (-301, -300, 300, 301)] == [401, 200, 200, 401]


def test_the_equal_call_gets_the_equal_answer_and_does_nothing(
    signer: Signer, frozen_clock: time_machine.Traveller
) -> None:
    sent = json.dumps(a_message()).encode()
    headers = signer.headers("PUT", ORDER, sent)
    first = signer.client.put(ORDER, data=sent, headers=headers)
    again = signer.client.put(ORDER, data=sent, headers=headers)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.data == first.data
    frozen_clock.shift(timedelta(seconds=301))
    assert signer.client.put(ORDER, data=sent, headers=headers).status_code == 401


def test_a_refused_call_is_not_kept(signer: Signer) -> None:
    signer.call("PUT", ORDER, a_message(total="1.00"))

    assert db.session.scalar(select(func.count()).select_from(ApiCall)) == 0


def test_a_key_opens_what_its_scopes_say(client: LintingClient, shop: Shop) -> None:
    reader = Signer(client, a_key(shop, "orders:read"))

    assert knock(reader) == 404
    assert reader.call("PUT", ORDER, a_message()).status_code == 403
    assert reader.call("POST", "/api/v1/sign-in-links", {"email": "claire@example.org"}).status_code == 403


def test_a_revoked_key_and_a_closed_shop_open_nothing(client: LintingClient, shop: Shop) -> None:
    first, second = Signer(client, a_key(shop)), Signer(client, a_key(shop))
    shops.revoke(first.key.key_id)

    assert (knock(first), knock(second)) == (401, 404)
    shops.close(shop)
    assert knock(second) == 401


def test_what_is_too_long_is_not_read(signer: Signer) -> None:
    answer = signer.call("PUT", ORDER, b" " * (1024 * 1024 + 1))

    assert (answer.status_code, answer.mimetype) == (413, "application/problem+json")


def test_the_reference_page_names_every_field(client: LintingClient, app: Flask) -> None:
    page = client.get("/api/v1/").text
    document = said(client.get("/api/v1/openapi.json"))

    assert document["openapi"] == "3.1.0"
    for schema in document["components"]["schemas"].values():
        for name in schema["properties"]:
            assert f"<code>{name}</code>" in page
