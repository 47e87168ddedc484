"""What nobody is given from outside: other methods, folders, source, debugging, other sites, forged cookies."""

import hashlib
import json
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer

from services import sessions
from tests.support.client import LintingClient
from tests.support.factories import a_customer, an_order

pytestmark = pytest.mark.databases("sqlite")  # Nothing here asks the database more than who somebody is.
PUBLIC = "https://client.boutique.example"
AREA = "/espace-client"


@pytest.fixture
def production(make_app: Callable[..., Flask]) -> Iterator[Flask]:
    """Give the application as it runs in production."""
    app = make_app(APP_ENV="production", PUBLIC_URL=PUBLIC, TRUSTED_PROXIES="1")
    with app.app_context():
        yield app


def test_production_debugs_nothing_whatever_the_environment_says(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASK_DEBUG", "1")
    app = make_app(APP_ENV="production", PUBLIC_URL=PUBLIC)
    assert not app.debug
    assert not app.config["PROPAGATE_EXCEPTIONS"]


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT", "PUT", "PATCH", "DELETE"])
def test_a_method_that_no_page_has_is_refused(production: Flask, method: str) -> None:
    for path in ("/", "/connexion", AREA, "/static/js/app.js"):
        answer = production.test_client().open(path, method=method, base_url=PUBLIC, data="X-Mirror: 1")
        assert answer.status_code == 405, path
        assert "X-Mirror" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/static/", "/static/js/", "/static/js", "/static/../config.py", "/static/%2e%2e/config.py",
        "/static/..%2fconfig.py",
        "/.git/config", "/static/.git/config", "/.env", "/var/env", "/app.py", "/config.py", "/requirements.txt",
        "/console", "/dev/mail", "/dev/composants",
    ],
)  # fmt: skip
def test_no_folder_is_listed_and_nothing_of_the_source_is_handed_out(production: Flask, path: str) -> None:
    answer = production.test_client().get(path, base_url=PUBLIC)
    assert answer.status_code == 404
    assert "Index of" not in answer.text


@pytest.mark.parametrize(
    "path", ["/", "/connexion", "/healthz", "/api/v1/openapi.json", "/static/js/app.js", "/nulle-part"]
)
def test_no_other_site_reads_an_answer(production: Flask, path: str) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for method in ("GET", "OPTIONS"):
        with production.test_client().open(path, method=method, base_url=PUBLIC, headers=headers) as answer:
            assert not [name for name in dict(answer.headers) if name.lower().startswith("access-control-")]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/nulle-part", "text/html; charset=utf-8"),
        ("/marque.css", "text/css; charset=utf-8"),
        ("/static/css/app.css", "text/css; charset=utf-8"),
        ("/static/js/app.js", "text/javascript; charset=utf-8"),
        ("/static/icon.svg", "image/svg+xml; charset=utf-8"),
        ("/healthz", "application/json"),
        ("/api/v1/orders/T-1", "application/problem+json"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
    ],
)
def test_every_answer_says_what_it_is_and_how_its_letters_are_written(
    client: LintingClient, path: str, kind: str
) -> None:
    with client.get(path) as answer:
        assert answer.headers["Content-Type"] == kind


def forged(app: Flask, content: dict[str, object], key: str, digest: object) -> str:
    """Return a cookie as Flask signs it, but with that key and digest."""
    signer = {"key_derivation": "hmac", "digest_method": digest}
    serializer = SecureCookieSessionInterface.serializer
    return str(URLSafeTimedSerializer(key, "cookie-session", serializer, signer_kwargs=signer).dumps(content))


def test_a_cookie_that_we_did_not_sign_opens_nothing(app: Flask, client: LintingClient) -> None:
    content: dict[str, object] = {"_user_id": sessions.open(a_customer(), "pytest"), "_fresh": True}
    ours, name = str(app.secret_key), app.config["SESSION_COOKIE_NAME"]

    def get(cookie: str) -> int:
        client.delete_cookie(name, domain="localhost")
        client.set_cookie(name, cookie, domain="localhost")
        return client.get(AREA).status_code

    whole = forged(app, content, ours, hashlib.sha256)
    payload, moment, signature = whole.rsplit(".", 2)
    assert get(whole) == 200
    assert get(forged(app, content, ours, hashlib.sha1)) == 303
    assert get(forged(app, content, "x" * 40, hashlib.sha256)) == 303
    assert get(f"{payload}.{moment}.") == 303
    assert get(f"{payload}.{moment}.{signature[::-1]}") == 303
    assert get(f"{payload}.{moment}") == 303


def test_a_guest_cannot_write_another_order_into_the_cookie(app: Flask, client: LintingClient) -> None:
    order = an_order()
    content: dict[str, object] = {"looked_up_by": [order.id, order.email_key, 2**40]}
    client.set_cookie(
        app.config["SESSION_COOKIE_NAME"], forged(app, content, "x" * 40, hashlib.sha256), domain="localhost"
    )
    answer = client.get("/suivi-commande/commande")
    assert (answer.status_code, answer.location) == (303, "/suivi-commande")
    assert order.number not in json.dumps(answer.text)
