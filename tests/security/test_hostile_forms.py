"""Every form of the application, filled with what strangers type: no error of ours, no markup, no header, no way out.

Forms and fields are found, not listed: by the routes, by what each view asks of a post, and by the pages themselves.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from itertools import product
from pathlib import Path
from shutil import copyfile
from typing import Any

import lxml.html
import pytest
from flask import Flask
from markupsafe import escape
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from extensions import db
from parties import texts
from services import intake
from shops.schema import OrderMessage
from tests.security.corpus import SMUGGLED, TEXTS
from tests.shops.messages import a_message
from tests.support import client as support
from tests.support.client import LintingClient, lint
from tests.support.customers import COMPANY
from tests.support.doors import ROLES, Doors, some_doors
from tests.support.factories import PASSWORD
from tests.test_access import address, routes
from web.errors import MACHINE_PATHS
from web.received import Received, VisibleTexts

pytestmark = pytest.mark.databases("sqlite")

PRESSES = {
    "auth.sign_out",
    "account.press_confirm_address", "account.end_session", "orders.resend", "admin.retry", "admin.accept",
    "shops.retry", "shops.ignore", "uploads.confirm", "uploads.discard", "team.remove", "team.withdraw",
    "second_factor.begin", "second_factor.renew_codes", "data_exports.request_one", "invoices.make_pack",
}  # fmt: skip
"""What is pressed and holds no field; a route with fields that this test no longer finds would have to stand here."""

GOOD = {"email": "nouvelle@example.org", "code": "000000", "reason": "Motif", "refusal": "Motif", "amount": "1,00"}
"""What else the form holds while one field is tried, where the page itself holds nothing."""

OF_A_COMPANY = {"company_name", "siret", "vat_number"}
KNOWN_ANSWERS = {200, 204, 303, 400, 401, 404, 409, 410, 413, 422, 429}
SHORT = {
    "markup": '"><img src=x onerror=alert(1)>{{7001*1009}}%s{0}',
    "lines": "x\r\nSet-Cookie: a=b\x1b[31m\u2028\u202e",
    "another place": "//evil.example/' OR '1'='1' -- ",
    "overlong": TEXTS["letters: overlong"],
}
"""What each field gets alone, with all others as they should be: short enough to be taken."""
TOGETHER = 10
"""How many texts stand in one field at once, where all fields are hostile: each is tried in each of them."""


TOKEN = re.compile(r"[\w-]{20,}\.[\w-]{5,8}\.[\w-]{20,}")


class Asked(VisibleTexts):
    """The fields of a post, which remember what the view has looked for."""

    names: set[str] = set()

    def __contains__(self, name: object) -> bool:
        self.names.add(str(name))
        return super().__contains__(name)

    def getlist(self, *args: Any, **kwargs: Any) -> list[Any]:
        self.names.add(str(args[0]))
        return super().getlist(*args, **kwargs)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        self.names.add(str(args[0]))
        return super().get(*args, **kwargs)


class Attentive(Received):
    parameter_storage_class = Asked


@dataclass
class Form:
    """What is sent to a route, and by whom; `values` are good ones, the files are told apart by their name."""

    endpoint: str
    url: str
    role: str
    values: dict[str, str]
    tried: set[str] = field(default_factory=set)

    def known(self) -> tuple[int, int]:
        """Return how many fields there are, and how many of them have a value."""
        return len(self.values), sum(map(bool, self.values.values()))


@dataclass
class Site:
    """The application with things behind its doors, put back as it was before each post."""

    app: Flask
    doors: Doors
    database: Path
    browsers: dict[str, LintingClient] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    forms: list[Form] = field(default_factory=list)
    shapes: set[str] = field(default_factory=set)

    def enter(self) -> None:
        """Let everybody in once, and remember the state."""
        for role in ROLES:
            self.browsers[role] = self.doors.browser(self.app, role)
            cookie = self.browsers[role].get_cookie(self.app.config["SESSION_COOKIE_NAME"])
            self.cookies[role] = cookie.value if cookie else ""
        db.session.remove()
        with db.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        db.engine.dispose()
        copyfile(self.database, f"{self.database}.kept")

    def put_back(self, role: str) -> LintingClient:
        """Return that person's browser, in the world as it was."""
        db.session.remove()
        db.engine.dispose()
        for left in ("-wal", "-shm"):
            Path(f"{self.database}{left}").unlink(missing_ok=True)
        copyfile(f"{self.database}.kept", self.database)
        browser = self.browsers[role]
        if self.cookies[role]:
            browser.set_cookie(self.app.config["SESSION_COOKIE_NAME"], self.cookies[role], domain="localhost")
        else:
            browser.delete_cookie(self.app.config["SESSION_COOKIE_NAME"], domain="localhost")
        return browser

    def address(self, rule: Rule, role: str) -> str:
        """Return where that person finds something of theirs behind a route."""
        return address(self.app, self.doors, rule, "unconfirmed" if role == "unconfirmed" else "owner")

    def shown(self) -> dict[tuple[str, str], dict[str, str]]:
        """Return what the forms on all pages hold, by person and address."""
        found: dict[tuple[str, str], dict[str, str]] = {}
        for role in ROLES:
            for rule in routes(self.app, "GET"):
                if rule.endpoint == "static" or rule.rule.startswith(MACHINE_PATHS):
                    continue
                url = self.address(rule, role)
                with self.browsers[role].get(url, buffered=True) as answer:
                    page = answer.get_data(as_text=True) if answer.mimetype == "text/html" else ""
                for form in forms_of(page):
                    held = {each.get("name"): "" for each in form.inputs} | dict(form.form_values())
                    found.setdefault((role, form.action or url), {}).update(held)
        return found

    def find_forms(self) -> None:
        """Find each form, and who may send it: the one of whom its view wants to know most."""
        shown = self.shown()
        for rule in routes(self.app, "POST"):
            if rule.rule.startswith(MACHINE_PATHS):
                continue
            best = Form(rule.endpoint, "", "", {})
            for role in ROLES:
                url = self.address(rule, role)
                Asked.names.clear()
                self.put_back(role).post(url, data={"x": "y"})
                page = shown.get((role, url), {}) if Asked.names else {}
                names = (Asked.names | page.keys()) - {"x", None, "csrf_token"}
                good = {name: PASSWORD for name in names if "password" in name} | GOOD
                values = {name: page.get(name) or good.get(name, "") for name in sorted(names)}
                best = max(best, Form(rule.endpoint, url, role, values, set(values)), key=Form.known)
            self.forms.append(best)
            if "kind" in best.values:
                best.tried -= OF_A_COMPANY
                self.forms.append(replace(best, values=best.values | COMPANY, tried=OF_A_COMPANY))

    def send(self, form: Form, sent: Mapping[str, str], query: Mapping[str, str] | None = None) -> None:
        """Send a form, beside such an address, and look at the answer and at the page that it leads to."""
        browser = self.put_back(form.role)
        data: dict[str, Any] = dict(sent)
        if "file" in data:
            data["file"] = (BytesIO(data["file"].encode()), data["file"])
        answer = browser.post(form.url, data=data, query_string=query)
        self.judge(answer, form, sent)
        if answer.status_code == 303:
            self.judge(browser.get(answer.headers["Location"], buffered=True), form, sent)

    def judge(self, answer: TestResponse, form: Form, sent: Mapping[str, str]) -> None:
        """Hold an answer against what none may be."""
        said = f"{form.endpoint}, {answer.request.path}: {answer.status_code} for {sent}"
        assert answer.status_code in KNOWN_ANSWERS, said
        assert all(value.isprintable() for _name, value in answer.headers), said
        assert re.match(r"/(?![/\\])", answer.headers.get("Location", "/")), said
        assert not [smuggled for smuggled in SMUGGLED if smuggled in answer.text], said
        shape = TOKEN.sub("", answer.text)
        for text in sorted(sent.values(), key=len, reverse=True):
            for written in (text, texts.visible(text), texts.tidy(text)):
                shape = shape.replace(str(escape(written)), "x") if len(written) > 3 else shape
        if shape not in self.shapes:  # A page that differs from a sound one by escaped texts alone is as sound.
            self.shapes.add(shape)
            lint(answer)


@pytest.fixture
def site(app: Flask, settings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Give the site, with an order to be verified among its doors."""
    monkeypatch.setattr(support, "lint", lambda _response: None)  # Each shape of a page is linted once, below.
    doors = some_doors(tmp_path / "mail")
    message = OrderMessage.checked(a_message(number="T-1", total="35.00"))
    intake.receive(message, source="tests", strict=False)
    db.session.commit()
    monkeypatch.setattr(Doors, "values", _with_one_to_verify(Doors.values))
    app.request_class = Attentive
    site = Site(app, doors, Path(settings["DATABASE_URL"].removeprefix("sqlite:///")))
    site.enter()
    site.find_forms()
    yield site
    app.request_class = Received


def _with_one_to_verify(values: Any) -> Any:
    """Return the values that fill the routes, of an order to be verified where the route is about one."""

    def those(self: Doors, endpoint: str, whose: str) -> dict[str, Any]:
        found: dict[str, Any] = values(self, endpoint, whose)
        return found | ({"number": "T-1"} if endpoint.startswith("review.") else {})

    return those


def test_no_form_makes_anything_of_hostile_text(site: Site) -> None:
    assert {form.endpoint for form in site.forms if not form.values} == PRESSES
    crowded = list(crowds())
    for form in site.forms:
        names = sorted(form.values) if form.tried != OF_A_COMPANY else []
        for turn in range(len(crowded)) if names else ():
            site.send(form, {name: crowded[(turn + place) % len(crowded)] for place, name in enumerate(names)})
        for name, text in product(sorted(form.tried), SHORT.values()):
            good = {each: value for each, value in form.values.items() if value}
            site.send(form, good | {name: text}, {name: text})


def forms_of(page: str) -> Any:
    """Return the forms of a page, as lxml reads them."""
    return lxml.html.fromstring(page).forms if page else ()  # type: ignore[attr-defined]  # Newer than its types.


def crowds() -> Iterator[str]:
    """Give every text there is, a few at once, but alone what no form takes: a NUL, and what is too long."""
    alone = [text for text in TEXTS.values() if "\0" in text or len(text) > 1000]
    others = [text for text in TEXTS.values() if text not in alone]
    yield from alone
    yield from (" ".join(others[start : start + TOGETHER]) for start in range(0, len(others), TOGETHER))
