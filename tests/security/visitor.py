"""Somebody with a browser, for the scanners: signs in, walks through all pages and notes what they may send."""

import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPResponse, HTTPSConnection
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import lxml.html
from flask import Flask
from lxml.html import FormElement, HtmlElement
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter, RequestRedirect

LEFT_ALONE = {
    "auth.sign_out", "account.end_session",  # They would end the scan's own session,
    "personal_data.deleted",  # or have its browser forget it,
    "second_factor.begin", "second_factor.renew_codes",  # or take the second factor from its admin. None has a field.
    "devmail.inbox", "devmail.message", "devmail.attachment", "devmail.message_html", "static",
    "devmail.previews", "devmail.preview", "devmail.preview_html",
}  # fmt: skip
WALKED = 3
"""How many addresses of one route are opened: the next order's page asks for nothing that the first did not."""
FORM = "application/x-www-form-urlencoded"
TYPED = {"email": "personne@example.org", "number": "1", "date": "2026-01-01", "password": "pas-le-bon-2026"}
"""What stands in an empty field: a wrong password too, since a right one would delete the account."""


@dataclass(frozen=True)
class Target:
    """One way to send something: where, and which parameters, each with a value as a person would give it."""

    method: str
    address: str
    fields: tuple[tuple[str, str], ...] = ()
    kind: str = FORM
    referer: str = ""
    """The page that leads there; nothing where none does."""


@dataclass
class Page:
    """An answer."""

    address: str
    status: int
    headers: HTTPResponse
    body: bytes

    def tree(self) -> Any:
        """Return the page, when it is one."""
        if "text/html" not in (self.headers.getheader("Content-Type") or "") or not self.body.strip():
            return None
        tree: Any = lxml.html.fromstring(self.body, base_url=self.address)
        tree.make_links_absolute()
        return tree


@dataclass
class Visitor:
    """One person and the cookies they hold; `url` is where the product is served."""

    url: str
    cookies: dict[str, str] = field(default_factory=dict)
    pages: int = 0

    @property
    def cookie(self) -> str:
        """The header of this person's requests."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def open(self, address: str, fields: dict[str, str] | None = None, referer: str = "") -> Page:
        """Return one answer, redirects as they are; fields are posted."""
        address = urljoin(self.url, address)
        parts = urlsplit(address)
        headers = {"Cookie": self.cookie, "Referer": referer or address, "User-Agent": "scan"}
        if fields is not None:
            headers["Content-Type"] = FORM
        connection = HTTPSConnection(parts.netloc, timeout=60, context=ssl._create_unverified_context())  # noqa: S323
        try:
            path = parts.path + ("?" + parts.query if parts.query else "")
            connection.request(
                "GET" if fields is None else "POST", path, urlencode(fields) if fields else None, headers
            )
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        for line in answer.headers.get_all("Set-Cookie", []):
            self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        self.cookies = {name: value for name, value in self.cookies.items() if value}
        return Page(address, answer.status, answer, body)

    def send_form(self, address: str, **typed: str) -> Page:
        """Fill the first posted form of a page that has these fields, and return the answer to it."""
        page = self.open(address)
        tree = page.tree()
        assert tree is not None, f"{address}: {page.status}"
        form = next(form for form in tree.forms if form.method == "POST" and set(typed) <= set(form.fields.keys()))
        fields = {name: value or "" for name, value in form.form_values()} | typed
        return self.open(form.action or page.address, fields, referer=page.address)

    def walk(self, app: Flask) -> list[Target]:
        """Return everything that this person may send: addresses with parameters, forms, parts of paths."""
        routes = app.url_map.bind(urlsplit(self.url).netloc, url_scheme="https")
        plain = [rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ()) and not rule.arguments]
        waiting = [urljoin(self.url, rule) for rule in plain]
        seen: dict[object, int] = {}
        targets: dict[tuple[object, ...], Target] = {}
        while waiting:
            address = waiting.pop(0)
            endpoint = route_of(routes, address, "GET")
            names = tuple(sorted(name for name, _ in parse_qsl(urlsplit(address).query, keep_blank_values=True)))
            seen[endpoint, names] = seen.get((endpoint, names), 0) + 1
            if endpoint is None or endpoint in LEFT_ALONE or seen[endpoint, names] > WALKED:
                continue
            page = self.open(address)
            self.pages += 1
            if names or routes.match(urlsplit(address).path)[1]:
                targets.setdefault(("GET", endpoint, names), Target("GET", address))
            if place := page.headers.getheader("Location"):
                waiting.append(urljoin(address, place))
            tree = page.tree()
            if tree is None:
                continue
            for target in forms_of(tree, address):
                goes_to = route_of(routes, target.address, target.method)
                if goes_to and goes_to not in LEFT_ALONE:
                    fields = tuple(sorted({name for name, _ in target.fields}))
                    targets.setdefault((target.method, goes_to, fields), target)
            links = {link for element, name, link, _ in tree.iterlinks() if element.tag == "a" and name == "href"}
            waiting += sorted(link.partition("#")[0] for link in links if link.startswith(self.url))
        return list(targets.values())

    def elsewhere(self, app: Flask, walked: list[Target]) -> Iterator[Target]:
        """Give what no page leads this person to: links of mails, other people's pages, what only machines call."""
        fields = {name: value for target in walked for name, value in target.fields if name == "csrf_token"}
        for rule in app.url_map.iter_rules():
            if rule.endpoint in LEFT_ALONE or not rule.arguments:
                continue
            address = re.sub(r"<[^>]*>", "inconnu", re.sub(r"<int[^>]*>", "1", urljoin(self.url, rule.rule)))
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                if not any(target.method == method and target.address == address for target in walked):
                    yield Target(method, address, tuple(fields.items()) if method == "POST" else ())


def route_of(routes: MapAdapter, address: str, method: str) -> str | None:
    """Return the route that answers there, or nothing."""
    try:
        return str(routes.match(urlsplit(address).path, method)[0])
    except (RequestRedirect, HTTPException):
        return None


def forms_of(tree: HtmlElement, address: str) -> Iterator[Target]:
    """Return what the forms of a page would send, with something in each field."""
    for form in tree.forms:
        fields = tuple(filled(form))
        kind = form.get("enctype") or FORM
        action = form.action or address
        if form.method == "GET":
            query = urlencode([(name, value) for name, value in fields if name])
            yield Target("GET", f"{action.partition('?')[0]}?{query}", referer=address)
        else:
            yield Target("POST", action, fields, kind, referer=address)


def filled(form: FormElement) -> Iterator[tuple[str, str]]:
    """Return the fields of a form with what stands in them, else with what a person could type."""
    for box in form.inputs:
        if not box.name:
            continue
        kind = box.get("type", "text")
        value = box.value if isinstance(box.value, str) else next(iter(box.value or ()), "")
        if kind in ("checkbox", "radio"):
            value = box.get("value", "y")
        yield box.name, re.sub(r"[*\r\n]+", " ", value or TYPED.get(kind, "Martin"))
