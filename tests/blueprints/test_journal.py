"""« Journal »: what the audit holds is found, read and taken away, by admins alone and at the same cost."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from time_machine import Traveller

import clock
from extensions import db
from models import AuditEntry, Customer
from services import export, journal
from tests.support.client import LintingClient
from tests.support.customers import sign_in
from tests.support.factories import a_customer, an_order
from tests.support.queries import count_queries

JOURNAL = "/admin/journal"
NOON = datetime(2026, 11, 24, 11, tzinfo=UTC)


def an_entry(action: str = "shop.added", **facts: object) -> AuditEntry:
    entry = AuditEntry(**{"actor": "system", "action": action, "at": NOON} | facts)
    db.session.add(entry)
    db.session.commit()
    return entry


def details(client: LintingClient, query: str = "") -> list[str]:
    """The details of the entries that a query finds, as the page has them and as the table has them."""
    page = client.get(f"{JOURNAL}?{query}").text
    shown = re.findall(r'<span class="muted line-note">(d\d)</span>', page)
    assert [row["détail"] for row in table(client, query) if re.fullmatch(r"d\d", row["détail"])] == shown
    return shown


def table(client: LintingClient, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"{JOURNAL}.csv?{query}")
    assert answer.mimetype == "text/csv"
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))


def test_it_says_who_did_what_when_from_where_and_in_which_request(client: LintingClient, admin: Customer) -> None:
    order = an_order(number="T-1", customer=a_customer())
    facts = {"order_id": order.id, "customer_id": order.customer_id, "detail": "FA-2026-000001"}
    an_entry("invoice.resent", actor=f"admin:{admin.id}", network="203.0.113.0/24", http_request_id="f00", **facts)
    page = client.get(JOURNAL).text
    for said in (
        "Facture renvoyée",
        ">24 nov. 2026, 12\u00a0h<",
        f"administration n°\u00a0{admin.id}",
        "203.0.113.0/24",
        "f00",
    ):
        assert said in page, said
    assert f"compte n°\u00a0{order.customer_id}" in page
    assert 'href="/admin/commandes/T-1"' in page
    row = next(row for row in table(client) if row["action"] == "invoice.resent")
    assert row == {
        "moment": "2026-11-24 12:00:00+01:00", "qui": f"admin:{admin.id}", "action": "invoice.resent",
        "quoi": "Facture renvoyée", "commande": "T-1", "compte": str(order.customer_id), "détail": "FA-2026-000001",
        "réseau": "203.0.113.0/24", "requête": "f00",
    }  # fmt: skip


def test_a_role_is_said_in_words_and_a_name_as_it_is(client: LintingClient, admin: Customer) -> None:
    an_entry("admin.role_changed", detail="managing")
    an_entry(detail="managing")
    page = client.get(JOURNAL).text
    assert re.findall(r'line-note">(\w+)</span>', page) == ["managing", "Gestion"]


@pytest.mark.parametrize("role", ["reading", "managing"])
@pytest.mark.databases("sqlite")
def test_who_reads_may_read_it_too(client: LintingClient, role: str) -> None:
    sign_in(client, a_customer(email="lecture@example.org", admin_role=role))
    assert client.get(JOURNAL).status_code == client.get(f"{JOURNAL}.csv").status_code == 200


def test_runs_follow_each_other_without_gap_or_double_while_more_is_written(
    client: LintingClient, admin: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "PAGE_SIZE", 3)
    monkeypatch.setattr(journal, "BATCH", 2)
    for number in range(7):
        an_entry(detail=f"d{number}")
    shown, url = [], f"{JOURNAL}?group=boutiques"
    while url:
        page = client.get(url).text
        shown += re.findall(r">(d\d)<", page)
        following = re.search(r'href="([^"]+)">Afficher la suite', page)
        url = following[1].replace("&amp;", "&") if following else ""
        an_entry(detail="d9")
    assert shown == ["d6", "d5", "d4", "d3", "d2", "d1", "d0"]
    written = [row["détail"] for row in table(client, "group=boutiques") if row["détail"] != "d9"]
    assert written == shown


@pytest.mark.parametrize("cursor", ["x", "-1", "²", "9" * 30, "", "1;2"])
@pytest.mark.databases("sqlite")
def test_a_cursor_that_is_none_begins_with_the_newest(client: LintingClient, admin: Customer, cursor: str) -> None:
    an_entry(detail="d0")
    answer = client.get(JOURNAL, query_string={"before": cursor})
    assert (answer.status_code, ">d0<" in answer.text) == (200, True)


def test_each_filter_leaves_out_what_is_not_meant(client: LintingClient, admin: Customer) -> None:
    claire, order = a_customer(), an_order(number="W-100", own_key="100")
    hers = f"customer:{claire.id}"
    an_entry("session.opened", detail="d1", actor="visitor", customer_id=claire.id)
    an_entry("session_x.opened", detail="d2", actor=f"{hers}0", customer_id=admin.id)
    an_entry("key.used", detail="d3", actor="shop:laine", at=NOON - timedelta(days=1))
    an_entry("order.updated", detail="d4", actor="shop:laine_", order_id=order.id, at=NOON + timedelta(hours=12))
    an_entry("billing.changed", detail="d5", actor=hers, at=NOON + timedelta(hours=11, minutes=59))
    found = {
        "": "d5 d4 d3 d2 d1",
        "group=connexions": "d1",
        "group=boutiques": "d3",
        "group=comptes": "d5",
        "who=Claire@Example.org": "d5 d1",
        f"who={claire.id}": "d5 d1",
        f"who=+{claire.id}+": "d5 d1",
        f"who={admin.id}": "d2",
        "who=nobody@example.org": "",
        "who=99999999999999": "",
        "who=0": "",
        "who=laine": "d3",
        "who=Boutique": "d4 d3",
        "who=client": "d5 d2",
        "who=visiteur": "d1",
        "who=%25": "",
        "number=w-100": "d4",
        "number=%23100": "d4",
        "number=10": "",
        "since=2026-11-24": "d5 d4 d2 d1",
        "since=2026-11-25": "d4",
        "until=2026-11-24": "d5 d3 d2 d1",
        "until=2026-11-23": "d3",
        "group=boutiques&who=laine&until=2026-11-23": "d3",
        "group=boutiques&since=2026-11-24": "",
    }
    assert {query: " ".join(details(client, query)) for query in found} == found


@pytest.mark.parametrize(
    "query",
    ["since=hier", "until=2026-02-30", "since=0001-01-01", "until=9999-12-31", "group=tout", "number=" + "9" * 65],
)
@pytest.mark.databases("sqlite")
def test_a_filter_that_means_nothing_is_said_beside_its_field(
    client: LintingClient, admin: Customer, query: str
) -> None:
    an_entry(detail="d0")
    answer = client.get(f"{JOURNAL}?{query}")
    assert (answer.status_code, ">d0<" in answer.text) == (422, False)
    assert f'id="{query.partition("=")[0]}-error"' in answer.text
    assert client.get(f"{JOURNAL}.csv?{query}").status_code == 422
    assert not db.session.scalars(select(AuditEntry).where(AuditEntry.action == "audit.exported")).all()


def test_the_filter_stays_in_the_form_and_in_the_links(
    client: LintingClient, admin: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "PAGE_SIZE", 1)
    for _each in range(2):
        an_entry()
    page = client.get(f"{JOURNAL}?group=boutiques&since=2026-11-24&who=&x=1").text
    assert '<option selected value="boutiques">' in page
    assert 'value="2026-11-24"' in page
    assert 'href="/admin/journal.csv?group=boutiques&amp;since=2026-11-24"' in page
    assert re.search(r'href="/admin/journal\?before=\d+&amp;group=boutiques&amp;since=2026-11-24"', page)


def test_taking_it_away_is_in_it_without_the_address_that_was_looked_for(
    client: LintingClient, admin: Customer, frozen_clock: Traveller
) -> None:
    claire = a_customer()
    table(client, "group=comptes&who=claire@example.org&number=t-1&since=2026-11-24")
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "audit.exported")).one()
    assert (entry.actor, entry.at) == (f"admin:{admin.id}", clock.now())
    assert entry.detail == f"comptes, account:{claire.id}, T-1, 2026-11-24"


@pytest.mark.parametrize(
    "text", ["=cmd|' /C calc'!A0", "+33 1", "@SUM(1)", "-1", '<img src="x">', 'a;b,"c"', "{{7*7}}"]
)
@pytest.mark.databases("sqlite")
def test_what_strangers_wrote_is_text_on_the_page_and_no_formula_in_the_table(
    client: LintingClient, admin: Customer, text: str
) -> None:
    an_entry("look_up.refused", detail=text)
    page = client.get(JOURNAL).text
    assert "<img src=" not in page.partition("<main")[2]
    row = next(row for row in table(client) if row["action"] == "look_up.refused")
    assert row["détail"][0] not in "=+-@"
    assert export.original(row["détail"]) == text


def test_it_costs_the_same_whatever_it_holds(client: LintingClient, admin: Customer) -> None:
    def cost() -> int:
        with count_queries() as queries:
            client.get(f"{JOURNAL}?who=claire@example.org&number=T-1")
        return queries.count

    claire = a_customer()
    order = an_order(number="T-1", customer=claire)
    client.get(JOURNAL)
    before = cost()
    for _each in range(5):
        an_entry(order_id=order.id, customer_id=claire.id)
    assert cost() == before <= 8
