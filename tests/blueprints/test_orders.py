"""« Mes commandes » and the page of one order."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from extensions import db
from models import Customer, InvoiceRequest, Shipment
from services import orders
from tests.support.client import LintingClient
from tests.support.customers import LIST, PERSON, an_issued_invoice, listed, page_of
from tests.support.factories import (
    PLACED,
    a_customer,
    a_line,
    a_refund,
    an_order,
    company_details,
    shipping,
)
from tests.support.queries import count_queries


def following(page: str) -> str | None:
    found = re.search(r'hx-get="([^"]+avant=[^"]+)"', page)
    return found[1].replace("&amp;", "&") if found else None


def test_the_list_begins_with_the_newest_order(client: LintingClient, claire: Customer) -> None:
    an_order(customer=claire, number="OLD", placed_at=PLACED - timedelta(days=9))
    an_order(customer=claire, number="NEW", placed_at=PLACED)
    an_order(customer=claire, number="MIDDLE", placed_at=PLACED - timedelta(days=2))
    page = client.get(LIST).text
    assert listed(page) == ["NEW", "MIDDLE", "OLD"]
    assert page.count("Voir les détails") == 3
    assert 'Voir les détails<span class="unseen"> de la commande NEW</span>' in page
    assert "En préparation" in page
    assert "31,72\N{NO-BREAK SPACE}€" in page
    assert "2 novembre 2026" in page


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"paid_at": None}, "Enregistrée"),
        ({}, "En préparation"),
        ({"shipped_at": PLACED}, "Expédiée"),
        ({"shipped_at": PLACED, "delivered_at": PLACED}, "Livrée"),
        ({"cancelled_at": PLACED}, "Annulée"),
        ({"refunds": ["31.72"]}, "Remboursée"),
        ({"existing_invoice": "F-12"}, "Déjà facturée"),
        ({"review": ["écart"]}, "Montants à vérifier"),
    ],
)
def test_the_list_says_states_in_words(
    client: LintingClient, claire: Customer, facts: dict[str, Any], words: str
) -> None:
    refunds = [a_refund(amount) for amount in facts.get("refunds", ())]
    an_order(customer=claire, **(facts | {"refunds": refunds}))
    assert words in client.get(LIST).text


def test_other_peoples_orders_are_not_listed(client: LintingClient, claire: Customer) -> None:
    an_order(customer=a_customer(email="voisin@example.org"), number="VOISIN")
    an_order(email=claire.email, number="INVITE")
    page = client.get(LIST).text
    assert "Aucune commande pour le moment" in page
    assert "VOISIN" not in page


def test_the_whole_list_is_reached_run_by_run_without_gap_or_double(client: LintingClient, claire: Customer) -> None:
    made = [
        an_order(customer=claire, number=f"L-{index:03}", placed_at=PLACED - timedelta(minutes=index // 3)).number
        for index in range(2 * orders.PAGE_SIZE + 5)
    ]
    seen: list[str] = []
    url: str | None = LIST
    while url:
        page = client.get(url).text
        seen += listed(page)
        url = following(page)
    assert len(seen) == len(made)
    assert set(seen) == set(made)
    assert "Vous avez vu toutes vos commandes." in page


@pytest.mark.databases("sqlite")
def test_a_run_that_ends_the_list_leads_nowhere(client: LintingClient, claire: Customer) -> None:
    for index in range(orders.PAGE_SIZE):
        an_order(customer=claire, placed_at=PLACED - timedelta(minutes=index))
    page = client.get(LIST).text
    assert len(listed(page)) == orders.PAGE_SIZE
    assert "Afficher plus" not in page


@pytest.mark.databases("sqlite")
def test_htmx_gets_the_next_run_as_a_table_body_alone(client: LintingClient, claire: Customer) -> None:
    for index in range(orders.PAGE_SIZE + 3):
        an_order(customer=claire, placed_at=PLACED - timedelta(minutes=index))
    url = following(client.get(LIST).text)
    assert url is not None
    fragment = client.htmx("GET", url).text
    assert fragment.lstrip().startswith("<tbody id=")
    assert len(listed(fragment)) == 3
    assert fragment.count("data-focus") == 1
    restored = client.get(url, headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})
    assert "<!doctype html>" in restored.text


def test_an_order_that_arrives_meanwhile_neither_doubles_nor_hides_one(client: LintingClient, claire: Customer) -> None:
    for index in range(orders.PAGE_SIZE + 1):
        an_order(customer=claire, number=f"L-{index:03}", placed_at=PLACED - timedelta(minutes=index))
    url = following(client.get(LIST).text)
    assert url is not None
    an_order(customer=claire, number="LATE", placed_at=PLACED + timedelta(days=1))
    assert listed(client.get(url).text) == [f"L-{orders.PAGE_SIZE:03}"]


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "-",
        "abc",
        "12",
        "1-",
        "-1",
        "1-x",
        "9" * 40 + "-1",
        "9" * 17 + "-1",
        "9" * 17 + "-" + "9" * 18,
        "²-²",
        "1-1-1",
    ],
)
def test_a_cursor_that_is_none_begins_at_the_start(client: LintingClient, claire: Customer, cursor: str) -> None:
    order = an_order(customer=claire)
    assert listed(client.get(LIST, query_string={"avant": cursor}).text) == [order.number]


@pytest.mark.databases("sqlite")
def test_a_cursor_beyond_the_end_is_explained(client: LintingClient, claire: Customer) -> None:
    an_order(customer=claire)
    page = client.get(LIST, query_string={"avant": "1-1"}).text
    assert "Vous avez vu toutes vos commandes." in page
    assert "Revenir aux plus récentes" in page


@pytest.mark.parametrize("typed", ["T-777", "t-777", " #t-777 ", "777", "T - 777"])
def test_an_order_is_found_by_its_number_however_it_is_typed(
    client: LintingClient, claire: Customer, typed: str
) -> None:
    an_order(customer=claire, number="T-777")
    an_order(customer=claire, number="T-888")
    assert listed(client.get(LIST, query_string={"q": typed}).text) == ["T-777"]


def test_signs_of_a_pattern_are_searched_as_they_are(client: LintingClient, claire: Customer) -> None:
    an_order(customer=claire, number="T-777")
    an_order(customer=claire, number="T_888")
    assert listed(client.get(LIST, query_string={"q": "_"}).text) == ["T_888"]
    assert "Aucune de vos commandes" in client.get(LIST, query_string={"q": "%"}).text


@pytest.mark.databases("sqlite")
def test_a_search_that_finds_nothing_says_so_and_keeps_what_was_typed(client: LintingClient, claire: Customer) -> None:
    an_order(customer=claire)
    page = client.get(LIST, query_string={"q": '"><script>'}).text
    assert "Aucune de vos commandes" in page
    assert "<script>" not in page
    assert 'value="&#34;&gt;&lt;script&gt;"' in page


def test_the_list_asks_as_little_for_many_orders_as_for_one(client: LintingClient, claire: Customer) -> None:
    an_issued_invoice(an_order(customer=claire))
    with count_queries() as for_one:
        client.get(LIST)
    for index in range(orders.PAGE_SIZE + 5):
        order = an_order(customer=claire, placed_at=PLACED + timedelta(minutes=index), refunds=[a_refund("1.00")])
        an_issued_invoice(order)
    with count_queries() as for_many:
        client.get(LIST)
    assert for_many.count == for_one.count <= 8, str(for_many)
    assert "count(" not in str(for_many).lower(), str(for_many)


def test_the_page_of_an_order_asks_as_little_for_many_lines_as_for_one(client: LintingClient, claire: Customer) -> None:
    long = an_order(
        customer=claire,
        lines=[a_line() for _ in range(300)],
        shipments=[Shipment(ref=str(n), shipped_at=PLACED) for n in range(3)],
        refunds=[a_refund("1.00", ref=str(n)) for n in range(3)],
    )
    an_issued_invoice(long)
    with count_queries() as queries:
        page = client.get(page_of(long))
    assert page.status_code == 200
    assert queries.count <= 8, str(queries)


@pytest.mark.databases("sqlite")
def test_an_order_shows_lines_discounts_rates_and_totals(client: LintingClient, claire: Customer) -> None:
    book = a_line(
        description="Livre",
        quantity=Decimal(1),
        unit_price=Decimal("10.55"),
        discount=Decimal(0),
        vat_rate=Decimal("5.5"),
    )
    order = an_order(customer=claire, lines=[a_line(), book, shipping()], order_discount=Decimal("2.00"))
    page = client.get(page_of(order)).text.replace("\N{NO-BREAK SPACE}", " ")
    for text in ("T-shirt personnalisé", "remise de 2,98 €", "26,82 €", "Livre", "Livraison standard", "−2,00 €"):
        assert text in page
    for text in ("Total HT", "TVA 20 %", "TVA 5,5 %", "Total TTC", "40,27 €"):
        assert text in page


@pytest.mark.databases("sqlite")
def test_an_order_without_tax_in_its_prices_says_so(client: LintingClient, claire: Customer) -> None:
    order = an_order(
        customer=claire,
        prices_include_tax=False,
        lines=[a_line(unit_price=Decimal("10.00"), discount=Decimal(0))],
        total=Decimal("24.00"),
    )
    page = client.get(page_of(order)).text
    assert "Prix unitaire HT" in page
    assert "Montant HT" in page


@pytest.mark.databases("sqlite")
def test_a_parcel_is_shown_with_its_tracking(client: LintingClient, claire: Customer) -> None:
    parcel = Shipment(
        ref="1", shipped_at=PLACED, carrier="Colissimo", tracking_number="6A1", tracking_url="https://suivi.example/6A1"
    )
    order = an_order(customer=claire, shipments=[parcel], shipped_at=PLACED, delivered_at=PLACED + timedelta(days=2))
    page = client.get(page_of(order)).text
    for text in ("Colissimo", 'href="https://suivi.example/6A1"', "6A1", "4 novembre 2026", "12 rue Mercière"):
        assert text in page


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "/facturation"), ("POST", "/facturation"), ("GET", "/facture"), ("POST", "/facture")],
)
def test_a_strangers_order_does_not_exist(client: LintingClient, claire: Customer, method: str, path: str) -> None:
    order = an_order(customer=a_customer(email="voisin@example.org", billing=company_details()))
    answer = client.open(page_of(order) + path, method=method, data=PERSON if method == "POST" else None)
    assert answer.status_code == 404
    assert "Imprimerie Martin" not in answer.text
    assert db.session.query(InvoiceRequest).count() == 0


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("path", ["", "/T-1", "/T-1/facturation", "/T-1/facture"])
def test_who_is_not_signed_in_is_led_to_sign_in(client: LintingClient, path: str) -> None:
    answer = client.get(LIST + path)
    assert answer.status_code == 303
    assert "/connexion" in answer.location
    partial = client.htmx("GET", LIST + path)
    assert (partial.status_code, partial.headers["HX-Redirect"]) == (401, "/connexion")


@pytest.mark.databases("sqlite")
def test_private_pages_are_kept_by_no_cache(client: LintingClient, claire: Customer) -> None:
    order = an_order(customer=claire)
    for url in (LIST, page_of(order)):
        assert client.get(url).headers["Cache-Control"] == "no-store"


def test_who_buys_for_a_company_is_named_under_it(client: LintingClient, claire: Customer) -> None:
    details = company_details(first_name="Claire", last_name="Martin")
    page = client.get(page_of(an_order(customer=claire, billing=details))).text
    assert "Imprimerie Martin SARL<br>À l'attention de Claire Martin<br>" in page
