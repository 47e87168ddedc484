"""Nobody is led to another site: not by an address that asks to be gone back to, whoever reads it."""

import ast
from urllib.parse import quote, urljoin, urlsplit

import pytest
from flask import Flask

from dev.settings import ROOT
from tests.support.client import LintingClient
from tests.support.customers import sign_in
from tests.support.factories import a_customer
from web.signed_in import own_path

ELSEWHERE = (
    "//evil.example", "///evil.example", "////evil.example/", "/\\evil.example", "\\\\evil.example",
    "\\/evil.example", "/\t/evil.example", "\t//evil.example", " //evil.example", "/\n/evil.example",
    "\u00a0//evil.example", "/\r\n/evil.example", "https://evil.example", "https:evil.example",
    "https:/evil.example", "HTTPS://evil.example", "http:///evil.example", "https://boutique.example@evil.example/",
    "https://boutique.example.evil.example/", "//boutique.example@evil.example", "javascript:alert(1)",
    "JaVaScRiPt:alert(1)", "\x01javascript:alert(1)", "java\nscript:alert(1)", "data:text/html,x", "vbscript:x",
    "evil.example", "@evil.example", ".evil.example", ":443/x", "?next=//evil.example", "#//evil.example", "",
    "/x\r\nSet-Cookie: a=b", "/x\x00", "/x\u2028y", "/\u202egpj.exe", "/x\ud800",
)  # fmt: skip
OURS = (
    "/", "/espace-client", "/espace-client/commandes?q=é€&page=2", "/%2f%2fevil.example", "/@evil.example", "/x//y",
    "/.//evil.example", "/x?u=//evil.example", "/x#//evil.example", "/:443",
)  # fmt: skip


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_what_a_browser_might_take_for_another_site_is_no_path_of_ours(wanted: str) -> None:
    assert own_path(wanted) is None


@pytest.mark.parametrize("wanted", OURS)
def test_a_path_of_ours_stays_on_this_site(wanted: str) -> None:
    assert own_path(wanted) == wanted
    assert urlsplit(urljoin("https://boutique.example/connexion", wanted)).netloc == "boutique.example"


def test_no_view_reads_where_to_go_back_to_by_itself() -> None:
    """Each `request.….get("next")` of the product stands in `own_path(…)`."""
    found = 0
    for file in (*ROOT.glob("blueprints/*.py"), *ROOT.glob("web/*.py"), *ROOT.glob("services/*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        guarded = {
            id(argument)
            for call in ast.walk(tree)
            if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("own_path")
            for argument in call.args
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call | ast.Subscript):
                continue
            said = ast.unparse(node)
            if said.startswith("request.") and said.endswith(("'next')", "['next']", "'next', '')")):
                assert id(node) in guarded, f"{file.name}:{node.lineno}"
                found += 1
    assert found > 4


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("somebody", ["a visitor", "a customer", "an admin"])
def test_no_page_leads_where_an_address_says(app: Flask, client: LintingClient, somebody: str) -> None:
    """Every route that is opened without more than its address, by whoever may; what is sent says it as well."""
    if somebody != "a visitor":
        sign_in(client, a_customer(admin=somebody == "an admin"))
    opened = 0
    for rule in app.url_map.iter_rules():
        if rule.arguments or rule.endpoint in ("static", "auth.sign_out") or "GET" not in (rule.methods or ()):
            continue
        for wanted in ("//evil.example/x", "/\\evil.example", "https://evil.example/x", "javascript:alert(1)"):
            url = f"{rule.rule}?next={quote(wanted, safe='')}"
            answers = [client.get(url), client.get(url, headers={"Referer": wanted})]
            if "POST" in (rule.methods or ()):
                answers.append(client.post(url, data={"next": wanted}, headers={"HX-Current-URL": wanted}))
            for answer in answers:
                for header in ("Location", "HX-Location", "HX-Redirect", "HX-Push-Url", "Refresh", "Content-Location"):
                    target = urljoin("http://localhost/", answer.headers.get(header, ""))
                    assert target.startswith("http://localhost/"), (rule.rule, header, wanted)
                    assert "evil" not in urlsplit(target).path, (rule.rule, header, wanted)
                opened += 1
                answer.close()
    assert opened > 100
