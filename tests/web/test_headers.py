"""What every answer carries in production, behind a proxy, and under names that are not the site's."""

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask, url_for
from sqlalchemy import text
from werkzeug.wrappers import Response

from extensions import db
from services import guests, limits
from tests.support.client import LintingClient
from tests.support.factories import PASSWORD, a_customer

PUBLIC = "https://client.boutique.example"
BEHIND_PROXY = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.9"}
PROXIED = {"base_url": "http://client.boutique.example", "headers": BEHIND_PROXY}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
FIXED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
}


@pytest.fixture
def production(make_app: Callable[..., Flask]) -> Iterator[Flask]:
    """Give the application as it runs in production behind one proxy, form protection included."""
    app = make_app(APP_ENV="production", PUBLIC_URL=PUBLIC, TRUSTED_PROXIES="1")
    app.config["WTF_CSRF_ENABLED"] = True
    with app.app_context():
        yield app


@pytest.fixture
def browser(production: Flask) -> LintingClient:
    """Give a browser that lints what it gets."""
    client = production.test_client()
    assert isinstance(client, LintingClient)
    return client


def check(answer: Response) -> None:
    """Fail unless the answer carries every header that protects a browser."""
    headers = answer.headers
    assert headers["Content-Security-Policy"] == POLICY
    for name, value in FIXED.items():
        assert headers.getlist(name) == [value]
    features = headers["Permissions-Policy"].split(", ")
    assert {"camera=()", "geolocation=()", "microphone=()", "payment=()", "usb=()"} <= set(features)
    assert [feature for feature in features if not feature.endswith("=()")] == []
    assert {"HX-Request", "HX-Request-Type", "HX-History-Restore-Request"} <= set(headers["Vary"].split(", "))
    assert re.fullmatch("[0-9a-f]{16}", headers["X-Request-Id"])


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/connexion", 200), ("/healthz", 200), ("/static/js/app.js", 200), ("/nulle-part", 404),
     ("/espace-client", 303), ("/api/v1/orders/T-1", 401), ("/metrics", 404), ("/static/rien.js", 404)],
)  # fmt: skip
def test_every_answer_carries_the_security_headers(browser: LintingClient, path: str, status: int) -> None:
    with browser.get(path, **PROXIED) as answer:
        assert answer.status_code == status
        check(answer)
        assert "Clear-Site-Data" not in answer.headers


@pytest.mark.databases("sqlite")
def test_an_answer_without_content_carries_them_too(browser: LintingClient) -> None:
    with browser.get("/static/js/app.js", **PROXIED) as first:
        known = {"If-None-Match": first.headers["ETag"]}
    with browser.get("/static/js/app.js", base_url=PROXIED["base_url"], headers=BEHIND_PROXY | known) as again:
        assert again.status_code == 304
        check(again)


@pytest.mark.databases("sqlite")
def test_refusals_and_faults_carry_them_too(
    production: Flask, browser: LintingClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = browser.post("/connexion", **PROXIED, data={"email": "claire@example.org"})
    production.config["WTF_CSRF_ENABLED"] = False
    monkeypatch.setattr(limits, "LOOK_UP_BY_IP", limits.Limit("look_up.ip", 0, limits.QUARTER))
    sought = {"order_number": "T-1", "email": "claire@example.org"}
    too_often = browser.post("/suivi-commande", **PROXIED, data=sought)
    monkeypatch.setattr(guests, "look_up", lambda *_arguments, **_keywords: 1 / 0)
    faulty = browser.post("/suivi-commande", **PROXIED, data=sought)
    assert [answer.status_code for answer in (refused, too_often, faulty)] == [400, 429, 500]
    for answer in (refused, too_often, faulty):
        check(answer)
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.databases("sqlite")
def test_development_binds_nobody_to_https(client: LintingClient) -> None:
    headers = client.get("/").headers
    assert "Strict-Transport-Security" not in headers
    assert headers["Content-Security-Policy"] == POLICY


@pytest.mark.databases("sqlite")
def test_signing_out_clears_what_the_browser_has_kept_and_ends_every_copy(browser: LintingClient) -> None:
    a_customer()
    name = "__Host-espace-client"
    browser.get("/connexion", base_url=PUBLIC, headers=BEHIND_PROXY)
    before = browser.get_cookie(name, domain="client.boutique.example")
    assert sign_in(browser, f"{PUBLIC}/connexion") == 303
    copied = browser.get_cookie(name, domain="client.boutique.example")
    assert before
    assert copied
    assert before.value != copied.value
    area = browser.get("/espace-client", base_url=PUBLIC, headers=BEHIND_PROXY)
    assert (area.status_code, area.headers["Cache-Control"]) == (200, "no-store")
    assert "Clear-Site-Data" not in area.headers
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', area.text)
    assert token
    headers = BEHIND_PROXY | {"Referer": f"{PUBLIC}/espace-client"}
    out = browser.post("/deconnexion", base_url=PUBLIC, headers=headers, data={"csrf_token": token[1]})
    assert (out.status_code, out.headers["Clear-Site-Data"]) == (303, '"cache", "storage"')
    for cookie in (before, copied):
        browser.set_cookie(name, cookie.value, domain="client.boutique.example", secure=True)
        assert browser.get("/espace-client", base_url=PUBLIC, headers=BEHIND_PROXY).status_code == 303


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(("path", "caching"), [("/", "no-cache"), ("/connexion", "no-store"), ("/admin/", "no-store")])
def test_no_cache_keeps_a_private_page(browser: LintingClient, path: str, caching: str) -> None:
    assert browser.get(path, **PROXIED).headers["Cache-Control"] == caching


@pytest.mark.databases("sqlite")
def test_the_cookie_is_bound_to_the_host_and_to_https(browser: LintingClient) -> None:
    cookie = browser.get("/connexion", **PROXIED).headers["Set-Cookie"]
    assert cookie.startswith("__Host-espace-client=")
    assert cookie.split("; ")[1:] == ["Secure", "HttpOnly", "Path=/", "SameSite=Lax"]


def sign_in(browser: LintingClient, referrer: str) -> int:
    """Sign in as a browser does behind the proxy; return the status."""
    page = browser.get("/connexion", base_url=PUBLIC, headers=BEHIND_PROXY)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert token
    data = {"email": "claire@example.org", "password": PASSWORD, "csrf_token": token[1]}
    headers = BEHIND_PROXY | {"Referer": referrer}
    return browser.post("/connexion", base_url=PUBLIC, headers=headers, data=data).status_code


@pytest.mark.databases("sqlite")
def test_signing_in_works_behind_the_proxy_and_from_this_site_only(browser: LintingClient) -> None:
    a_customer()
    assert sign_in(browser, "https://evil.example/connexion") == 400
    assert sign_in(browser, f"{PUBLIC}/connexion") == 303


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000"])
def test_probes_may_call_this_machine_by_its_own_name(browser: LintingClient, host: str) -> None:
    assert browser.get("/healthz", base_url=f"http://{host}").status_code == 200


@pytest.mark.databases("sqlite")
def test_a_name_that_is_not_the_sites_gets_one_sentence(browser: LintingClient) -> None:
    answer = browser.get("/connexion", base_url="https://evil.example")
    assert (answer.status_code, answer.mimetype) == (400, "text/plain")
    assert answer.text == "Cette adresse n'est pas celle de ce site."


@pytest.mark.databases("sqlite")
def test_links_never_follow_the_host_header(production: Flask) -> None:
    production.add_url_rule(
        "/lien", "tests.link", lambda: (url_for("auth.sign_in", _external=True), {"Content-Type": "text/plain"})
    )
    answer = production.test_client().get(
        "/lien", base_url="http://127.0.0.1:8000", headers={"X-Forwarded-Host": "evil.example"} | BEHIND_PROXY
    )
    assert answer.text == f"{PUBLIC}/connexion"
    assert url_for("auth.sign_in", _external=True) == f"{PUBLIC}/connexion"


@pytest.mark.databases("postgresql")
def test_a_connection_that_the_server_closed_is_replaced(browser: LintingClient) -> None:
    assert browser.get("/readyz", **PROXIED).status_code == 200
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    others += " WHERE datname = current_database() AND pid != pg_backend_pid()"
    db.session.execute(text(others))
    db.session.commit()
    assert browser.get("/readyz", **PROXIED).status_code == 200
