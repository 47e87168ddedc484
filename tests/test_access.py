"""Who may open which door: every route of the application, knocked at by everybody.

The table is compared with `app.url_map`: a route that nobody wrote down here fails the test.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from time_machine import Traveller
from werkzeug.routing import Rule

from tests.support.doors import ROLES, SECRETS, Doors, some_doors
from tests.support.queries import count_queries

# What each gets: visitor, guest with a looked-up order, unconfirmed, owner, stranger, the admins (who reads, and who
# manages), and a shop that signs what it sends. The unconfirmed customer knocks at their own orders and invoices,
# everybody else at the owner's. 303 of a visitor leads to the sign-in page.
ALL = "200 200 200 200 200 200 200 200"
SIGNED_IN = "303 303 200 200 200 200 200 303"
OWN = "303 303 200 200 404 404 404 303"
MERCHANT = "303 303 404 404 404 200 200 303"
NOT_SIGNED_IN = "200 200 303 303 303 303 303 200"
UNSIGNED = "401 401 401 401 401 401 401"  # Shops sign what they send; whoever is signed in here is nobody there.

GET = {
    "static": ALL,
    "home.index": ALL,
    "home.legal": ALL,
    "home.privacy": ALL,
    "home.accessibility": ALL,
    "home.brand": ALL,
    "home.logo": ALL,
    "health.healthz": ALL,
    "health.readyz": ALL,
    "health.metrics": "404 404 404 404 404 404 404 404",  # For this machine and for who holds the token.
    "auth.sign_in": NOT_SIGNED_IN,
    "auth.register": NOT_SIGNED_IN,
    "auth.forgot": ALL,
    "sign_in_code.ask": "303 303 303 303 303 303 303 303",  # To the page with the form, or to who is signed in already.
    "sign_in_code.enter": "303 303 303 303 303 303 303 303",  # Nobody has asked for a code here.
    "auth.reset": ALL,  # The link of the mail is the key.
    "auth.confirm": ALL,
    "auth.enter": ALL,  # The link that the shop got for its customer is the key.
    "auth.confirm_code": "303 303 303 303 303 303 303 303",
    "guest.status": ALL,
    "guest.order": "303 200 303 303 303 303 303 303",
    "guest.create_account": "303 200 303 303 303 303 303 303",
    "customer.home": SIGNED_IN,
    "billing.edit": SIGNED_IN,
    "account.show": SIGNED_IN,
    "claims.add": SIGNED_IN,
    "claims.confirm": SIGNED_IN,
    "account.change_address": SIGNED_IN,
    "account.change_password": "303 303 303 303 303 303 303 303",  # Back to the page with the form, as those below.
    "account.confirm_address_code": SIGNED_IN,
    "account.confirm_address": "303 303 410 200 410 410 410 303",
    "data_exports.show": SIGNED_IN,
    "data_exports.download": "303 303 404 200 404 404 404 303",
    "personal_data.delete_account": SIGNED_IN,
    "personal_data.deleted": ALL,
    "second_factor.challenge": "303 303 303 303 303 303 303 303",
    "second_factor.show": MERCHANT,
    "orders.index": SIGNED_IN,
    "orders.show": OWN,
    "orders.billing": OWN,
    "customer.back": SIGNED_IN,
    "customer.invoices_underway": "303 303 303 303 303 303 303 303",  # To who has no htmx, the home.
    "orders.progress": "303 303 303 303 404 404 404 303",  # To who has no htmx, the order's page.
    "invoices.index": SIGNED_IN,
    "invoices.pack": "303 303 404 303 404 404 404 303",  # To who has no htmx, the list.
    "invoices.download_pack": "303 303 404 200 404 404 404 303",
    "invoices.pdf": "303 303 404 200 404 404 404 303",
    "invoices.xml": "303 303 404 200 404 404 404 303",
    "invoices.twin": "303 303 404 200 404 404 404 303",
    "invoices.correct": "303 303 404 200 404 404 404 303",
    "admin.index": MERCHANT,
    "admin.order": MERCHANT,
    "admin.pdf": MERCHANT,
    "admin.xml": MERCHANT,
    "admin.correct_email": "303 303 404 404 404 303 303 303",
    "admin.credit": "303 303 404 404 404 303 303 303",
    "admin.decline": "303 303 404 404 404 303 303 303",
    "review.show": "303 303 404 404 404 303 303 303",  # Nothing is to be verified of this order: its page.
    "review.correct": "303 303 404 404 404 303 303 303",
    "review.accept": "303 303 404 404 404 303 303 303",
    "review.ignore": "303 303 404 404 404 303 303 303",
    "shops.index": MERCHANT,
    "uploads.index": MERCHANT,
    "uploads.show": MERCHANT,
    "uploads.report": MERCHANT,
    "installation.show": MERCHANT,
    "team.index": MERCHANT,
    "team.accept": ALL,  # The link of the mail is the key, and the mailbox it went to.
    "journal.index": MERCHANT,
    "journal.table": MERCHANT,
    "api.reference": ALL,
    "api.description": ALL,
    "api.show": f"{UNSIGNED} 404",
    "components.index": ALL,
    "devmail.inbox": ALL,
    "devmail.message": ALL,
    "devmail.message_html": ALL,
    "devmail.previews": ALL,
    "devmail.preview": ALL,
    "devmail.preview_html": ALL,
    "devmail.attachment": ALL,
}

# Empty posts: 422 and 303 say that the door was open (the owner's details are complete: sent empty, they stay).
POST = {
    "auth.sign_in": "422 422 303 303 303 303 303 422",
    "auth.sign_out": "303 303 303 303 303 303 303 303",
    "auth.register": "422 422 303 303 303 303 303 422",
    "auth.forgot": "422 422 422 422 422 422 422 422",
    "sign_in_code.ask": "422 422 303 303 303 303 303 422",
    "sign_in_code.enter": "303 303 303 303 303 303 303 303",
    "auth.reset": "422 422 422 422 422 422 422 422",
    "auth.press_confirm": "422 422 422 422 422 422 422 422",
    "auth.press_enter": "303 303 303 303 303 303 303 303",
    "auth.confirm_code": "303 303 422 422 422 422 422 303",
    "auth.resend_confirmation": "303 303 303 303 303 303 303 303",
    "guest.status": "422 422 422 422 422 422 422 422",
    "guest.create_account": "303 422 303 303 303 303 303 303",
    "billing.edit": "303 303 422 303 422 422 422 303",
    "billing.check": "303 303 303 303 303 303 303 303",  # To who has no htmx, the page.
    "claims.add": "303 303 422 422 422 422 422 303",
    "second_factor.challenge": "303 303 303 303 303 303 303 303",
    "data_exports.request_one": "303 303 422 303 303 303 303 303",
    "personal_data.delete_account": "303 303 422 422 422 422 422 303",
    "second_factor.begin": "303 303 404 404 404 303 303 303",
    "second_factor.confirm": "303 303 404 404 404 422 422 303",
    "second_factor.renew_codes": "303 303 404 404 404 303 303 303",
    "claims.confirm": "303 303 422 422 422 422 422 303",
    "account.change_password": "303 303 422 422 422 422 422 303",
    "account.change_address": "303 303 422 422 422 422 422 303",
    "account.confirm_address_code": "303 303 422 422 422 422 422 303",
    "account.press_confirm_address": "303 303 410 303 410 410 410 303",
    "account.end_session": "303 303 303 303 404 404 404 303",
    "orders.billing": "303 303 422 303 404 404 404 303",
    "orders.ask_for_several": "303 303 303 303 303 303 303 303",
    "orders.ask": "303 303 303 303 404 404 404 303",
    "orders.resend": "303 303 303 303 404 404 404 303",
    "invoices.correct": "303 303 404 422 404 404 404 303",
    "invoices.make_pack": "303 303 404 303 404 404 404 303",
    "admin.resend": "303 303 404 404 404 403 422 303",
    "admin.correct_email": "303 303 404 404 404 403 422 303",
    "admin.retry": "303 303 404 404 404 403 303 303",
    "admin.credit": "303 303 404 404 404 403 422 303",
    "admin.accept": "303 303 404 404 404 403 303 303",
    "admin.decline": "303 303 404 404 404 403 422 303",
    "review.correct": "303 303 404 404 404 403 303 303",  # Nothing is to be verified of this order.
    "review.accept": "303 303 404 404 404 403 303 303",
    "review.ignore": "303 303 404 404 404 403 303 303",
    "review.undo": "303 303 404 404 404 403 422 303",
    "review.reinvoice": "303 303 404 404 404 403 422 303",
    "shops.retry": "303 303 404 404 404 403 303 303",
    "shops.ignore": "303 303 404 404 404 403 303 303",
    "uploads.hand_in": "303 303 404 404 404 403 422 303",
    "uploads.confirm": "303 303 404 404 404 403 303 303",
    "uploads.discard": "303 303 404 404 404 403 303 303",
    "team.invite": "303 303 404 404 404 403 422 303",
    "team.change_role": "303 303 404 404 404 403 422 303",
    "team.remove": "303 303 404 404 404 403 303 303",
    "team.withdraw": "303 303 404 404 404 403 303 303",
    "team.press_accept": "422 422 422 422 422 422 422 422",
    "installation.try_mail": "303 303 404 404 404 403 422 303",
    "webhooks.receive": f"{UNSIGNED} 401",  # Another secret signs these.
    "api.refund": f"{UNSIGNED} 400",
    "api.batch": f"{UNSIGNED} 422",
    "api.sign_in_link": f"{UNSIGNED} 400",
}

TABLES = {"GET": GET, "POST": POST, "PUT": {"api.put": f"{UNSIGNED} 400"}, "PATCH": {"api.ship": f"{UNSIGNED} 400"}}

WITH_A_COOKIE = ROLES[:-1]
"""Those whom another site could make do something."""
SEEN = ("admin.order", "admin.pdf", "admin.xml", "review.show", "journal.table")
"""Where an admin sees a customer's data, or takes the audit away."""
OF_SOMEBODY = {"number", "session_id", "correction_id", "customer_id", "export_id", "message_id", "upload_id"}
"""What in an address leads to something that is somebody's."""
MAY_BE_KEPT = ("static", "home.", "health.")
SIGN_IN = ("/connexion", "/suivi-commande")


@pytest.fixture
def doors(app: Flask, tmp_path: Path) -> Doors:
    """Give the doors, each with something behind it."""
    return some_doors(tmp_path / "mail")


def routes(app: Flask, method: str) -> Iterator[Rule]:
    """Give the routes that answer to a method."""
    return (rule for rule in app.url_map.iter_rules() if method in (rule.methods or ()))


def address(app: Flask, doors: Doors, rule: Rule, whose: str) -> str:
    """Return the address of a route that leads to something of that person's."""
    values = {name: value for name, value in doors.values(rule.endpoint, whose).items() if name in rule.arguments}
    with app.test_request_context():
        return app.url_for(rule.endpoint, **values)


@pytest.mark.parametrize(("method", "table"), TABLES.items())
@pytest.mark.databases("sqlite")
def test_every_route_is_in_the_table_and_every_row_is_a_route(app: Flask, method: str, table: dict[str, str]) -> None:
    assert {rule.endpoint for rule in routes(app, method)} == set(table)
    assert all(len(row.split()) == len(ROLES) for row in table.values())
    assert {m for rule in app.url_map.iter_rules() for m in rule.methods or ()} <= {*TABLES, "HEAD", "OPTIONS"}


@pytest.mark.databases("sqlite")  # Answers; what is whose is decided by the database below, on both.
@pytest.mark.parametrize("role", ROLES)
def test_everybody_gets_what_is_theirs_and_nothing_else(app: Flask, doors: Doors, role: str) -> None:
    whose = "unconfirmed" if role == "unconfirmed" else "owner"
    found, expected = {}, {}
    for method, table in TABLES.items():
        for rule in routes(app, method):
            door = f"{method} {rule.endpoint}"
            answer = doors.browser(app, role).open(address(app, doors, rule, whose), method=method, buffered=True)
            found[door], expected[door] = answer.status_code, int(table[rule.endpoint].split()[ROLES.index(role)])
            if role in ("visitor", "guest") and answer.status_code == 303 and rule.endpoint != "auth.sign_out":
                where = "/espace-client" if rule.endpoint == "auth.press_enter" else SIGN_IN
                assert answer.location.startswith(where), door
            if role not in ("owner", "reader", "manager"):
                assert not [secret for secret in SECRETS if secret in answer.text], door
            kept = rule.endpoint.startswith(MAY_BE_KEPT) and (
                role in ("visitor", "guest", "shop") or rule.endpoint == "static"
            )
            kept = kept or rule.endpoint in ("home.brand", "home.logo")  # The shop's colour and logo, the same for all.
            assert kept or answer.headers["Cache-Control"] == "no-store", door
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'"), door
            cookies = {line.partition("=")[0] for line in answer.headers.getlist("Set-Cookie")}
            assert cookies <= {app.config["SESSION_COOKIE_NAME"]}, door  # As `/confidentialite` says: the session's.
    assert found == expected


@pytest.mark.parametrize("role", ["unconfirmed", "stranger"])
def test_what_belongs_to_somebody_else_does_not_exist(app: Flask, doors: Doors, role: str) -> None:
    for method, table in TABLES.items():
        for rule in routes(app, method):
            if OF_SOMEBODY & rule.arguments:
                answer = doors.browser(app, role).open(address(app, doors, rule, "owner"), method=method, buffered=True)
                expected = 401 if table[rule.endpoint].startswith(UNSIGNED) else 404
                assert answer.status_code == expected, f"{method} {rule.endpoint}"


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("role", WITH_A_COOKIE)
def test_no_get_writes_anything(frozen_clock: Traveller, app: Flask, doors: Doors, role: str) -> None:
    whose, denials = "unconfirmed" if role == "unconfirmed" else "owner", 0
    for rule in routes(app, "GET"):
        browser, url = doors.browser(app, role), address(app, doors, rule, whose)
        with count_queries() as queries:
            answer = browser.get(url, buffered=True)
        written = [sql for sql in queries.statements if not sql.lstrip().startswith("SELECT")]
        denied = role in ("unconfirmed", "owner", "stranger") and answer.status_code == 404
        denials += denied
        seen = role in ("reader", "manager") and rule.endpoint in SEEN  # Who looks at a customer leaves a trace,
        seen = seen or (denied and denials == 1)  # and who is denied something does, the first time in an hour.
        traces = ["rate_counters"] * denied + ["audit_entries"] * seen
        assert [sql.split(maxsplit=3)[:3] for sql in written] == [["INSERT", "INTO", each] for each in traces], (
            rule.endpoint
        )


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("role", WITH_A_COOKIE)
def test_no_post_is_taken_from_another_site(app: Flask, doors: Doors, role: str) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    whose = "unconfirmed" if role == "unconfirmed" else "owner"
    for method in TABLES.keys() - {"GET"}:
        for rule in routes(app, method):
            browser, url = doors.browser(app, role), address(app, doors, rule, whose)
            with count_queries() as queries:
                answer = browser.open(url, method=method)
            expected = 401 if TABLES[method][rule.endpoint].startswith(UNSIGNED) else 400
            assert answer.status_code == expected, rule.endpoint
            assert not [sql for sql in queries.statements if not sql.lstrip().startswith("SELECT")], rule.endpoint
