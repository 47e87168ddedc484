"""What no view is shown."""

import pytest

from tests.shops.messages import a_message
from tests.support.client import LintingClient
from tests.support.customers import LIST, PERSON, page_of, sign_in
from tests.support.factories import a_customer, an_order
from tests.support.shops import Signer, a_key, a_shop


@pytest.mark.parametrize("tail", ["/%00", "/a%00b/facture", "?q=%00", "?avant=%00", "?%00=1"])
def test_a_nul_in_an_address_is_refused(client: LintingClient, tail: str) -> None:
    sign_in(client, a_customer(admin=True))
    assert client.get(LIST + tail).status_code == 400
    assert client.get("/admin/" + tail).status_code == 400
    assert client.get("/suivi-commande" + tail).status_code == 400


def test_a_nul_in_a_form_is_refused(client: LintingClient) -> None:
    order = an_order(customer=sign_in(client, a_customer()))
    assert client.post(f"{page_of(order)}/facture", data={"purchase_order": "a\0b"}).status_code == 400
    assert client.post(f"{page_of(order)}/facturation", data=PERSON | {"city": "Ly\0on"}).status_code == 400
    assert client.post("/connexion", data={"email": "a\0@example.org", "password": "x"}).status_code == 400
    assert order.request is None


@pytest.mark.databases("sqlite")
def test_a_signed_body_is_left_whole_whatever_its_sender_calls_it(client: LintingClient) -> None:
    signer = Signer(client, a_key(a_shop()))
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"):
        number = f"T-{len(kind)}"
        sent = a_message(number=number)
        answer = signer.call("PUT", f"/api/v1/orders/{number}", sent, headers={"Content-Type": kind})
        assert answer.status_code == 201, kind


@pytest.mark.databases("sqlite")
def test_a_name_that_is_not_ours_gets_no_page_and_no_trace(client: LintingClient) -> None:
    for host in ("evil.example", "localhost.evil.example", "localhost@evil.example", ""):
        answer = client.get("/espace-client", headers={"Host": host, "X-Forwarded-Host": "localhost"})
        assert (answer.status_code, answer.mimetype) == (400, "text/plain"), host
        assert answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Location" not in answer.headers


@pytest.mark.databases("sqlite")
def test_what_a_proxy_would_say_is_not_taken_from_a_visitor(client: LintingClient) -> None:
    headers = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/evil"}
    answer = client.get("/espace-client", headers=headers)
    assert answer.location == "/connexion?next=/espace-client"


@pytest.mark.databases("sqlite")
def test_a_body_too_large_is_refused_by_a_page(client: LintingClient) -> None:
    answer = client.post("/connexion", data={"email": "a" * 2_000_000, "password": "x"})
    assert answer.status_code == 413
    assert "Demande refusée" in answer.text
