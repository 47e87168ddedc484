"""Where a visitor comes from: what proxies say that we trust, never what the visitor says."""

from collections.abc import Callable

import pytest
from flask import Flask, request

from services import limits

pytestmark = pytest.mark.databases("sqlite")
PROXY, VISITOR, OTHER = "10.0.0.1", "203.0.113.77", "198.51.100.7"


@pytest.mark.parametrize(
    ("proxies", "chain", "counted"),
    [
        ("0", "198.51.100.1", "127.0.0.1"),
        ("1", "198.51.100.1", "198.51.100.1"),
        ("1", "203.0.113.66, 198.51.100.1", "198.51.100.1"),
        ("2", "203.0.113.66, 198.51.100.1, 192.0.2.9", "198.51.100.1"),
    ],
)
def test_who_says_where_they_come_from_is_believed_as_far_as_proxies_are_trusted(
    make_app: Callable[..., Flask], proxies: str, chain: str, counted: str
) -> None:
    app = make_app(TRUSTED_PROXIES=proxies)
    app.add_url_rule("/adresse", "tests.address", lambda: {"address": request.remote_addr})
    with app.app_context():
        assert app.test_client().get("/adresse", headers={"X-Forwarded-For": chain}).json == {"address": counted}


@pytest.mark.parametrize(
    ("proxies", "peer", "vouched"), [("0", "{}", ""), ("1", PROXY, "{}"), ("2", PROXY, "{}, 10.0.0.2")]
)
def test_a_forged_chain_neither_frees_its_visitor_of_the_limit_nor_burdens_another(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch, proxies: str, peer: str, vouched: str
) -> None:
    monkeypatch.setattr(limits, "LOOK_UP_BY_IP", limits.Limit("look_up.ip", 2, limits.DAY))
    app = make_app(TRUSTED_PROXIES=proxies)

    def look_up(visitor: str, forged: str) -> int:
        chain = ", ".join(part for part in (forged, vouched.format(visitor)) if part)
        tried = {"order_number": "T-1", "email": "claire@example.org"}
        headers = {"X-Forwarded-For": chain, "Forwarded": f"for={forged}", "X-Real-IP": forged}
        connection = {"REMOTE_ADDR": peer.format(visitor)}
        return (
            app.test_client().post("/suivi-commande", data=tried, headers=headers, environ_base=connection).status_code
        )

    with app.app_context():
        for forged, status in ((OTHER, 422), (f"{OTHER}, 192.0.2.1", 422), (f"{OTHER}, {OTHER}, 192.0.2.2", 429)):
            assert look_up(VISITOR, forged) == status
        assert look_up(OTHER, VISITOR) == 422
