"""The merchant's pages: for admins only, the same cost whatever the rows, every act by a press that works once."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask, url_for
from sqlalchemy import func, select

import clock
import jobs
from extensions import db
from models import Customer, Delivery, Order
from services import incidents
from tests.support.client import LintingClient
from tests.support.customers import sign_in
from tests.support.factories import a_customer, a_line, a_request, an_order, billing_details, shipping
from tests.support.mailbox import Mailbox
from tests.support.queries import count_queries

RIGHT = "jean@example.org"


@pytest.fixture
def invoiced(app: Flask, smtp_server: Mailbox) -> Order:
    """An order whose invoice has been mailed."""
    now = clock.now()
    order = an_order(number="T-1", email="jaen@example.org", billing=billing_details(), shipped_at=now - timedelta(9))
    request = a_request(
        order, origin="checkout", state="scheduled", details_complete_at=now, reconciled_at=now, due_at=now
    )
    worked(app, request.id)
    return order


def worked(app: Flask, request_id: int) -> None:
    """Let a worker produce what is due, in a context of its own."""
    with app.app_context():
        jobs.produce(request_id)
    db.session.commit()


def typed_in(page: str, name: str) -> str:
    """Return the value of the first hidden field of that name."""
    found = re.search(rf'name="{name}"[^>]*value="(\d+)"', page)
    assert found, name
    return found[1]


@pytest.mark.parametrize(
    "page", ["", "commandes/T-1", "commandes/T-1/verification", "boutiques", "fichiers", "reglages"]
)
def test_the_menu_says_on_each_of_the_merchant_s_pages_where_they_are(merchant: LintingClient, page: str) -> None:
    an_order(number="T-1", review=["La TVA annoncée est fausse."])
    [link] = re.findall(
        r'<a href="/admin/"[^>]*><svg [^>]*>.*?</svg>Administration</a>', merchant.get(f"/admin/{page}").text
    )
    assert "aria-current" in link


def pages() -> list[tuple[str, str]]:
    return [
        ("GET", "/admin/"),
        ("GET", "/admin/commandes/T-1"),
        ("POST", "/admin/commandes/T-1/renvoyer"),
        ("POST", "/admin/commandes/T-1/adresse"),
        ("POST", "/admin/commandes/T-1/relancer"),
        ("POST", "/admin/factures/FA-2026-000001/avoir"),
        ("POST", "/admin/corrections/1/accepter"),
        ("POST", "/admin/corrections/1/refuser"),
        ("GET", "/admin/factures/FA-2026-000001.pdf"),
        ("GET", "/admin/factures/FA-2026-000001.xml"),
    ]


@pytest.mark.databases("sqlite")
def test_the_test_knows_every_admin_page(app: Flask) -> None:
    rules = {rule.rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("admin.")}
    assert len({path for _method, path in pages()}) == len(rules)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(("method", "path"), pages())
def test_for_a_customer_the_pages_do_not_exist(client: LintingClient, invoiced: Order, method: str, path: str) -> None:
    sign_in(client, a_customer())
    assert client.open(path, method=method).status_code == 404


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(("method", "path"), pages())
def test_a_visitor_is_led_to_sign_in(client: LintingClient, method: str, path: str) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == 303
    assert answer.location.startswith("/connexion")


def test_the_list_says_what_is_late_and_what_is_away(client: LintingClient, admin: Customer) -> None:
    now = clock.now()
    late = an_order(number="T-LATE")
    a_request(late, state="scheduled", earliest_at=now, deadline_at=now - timedelta(hours=1), due_at=now)
    page = client.get("/admin/")
    assert page.status_code == 200
    assert "En retard" in page.text
    assert "T-LATE" in page.text
    assert "Redis ne répond pas" in page.text
    assert "Mode réel" in page.text
    assert "T-LATE" in client.get("/admin/?etat=en-retard").text
    assert "T-LATE" not in client.get("/admin/?etat=envoyees").text
    assert "T-LATE" in client.get("/admin/?q=t-la").text
    assert "Aucune commande ne correspond" in client.get("/admin/?q=%3Cscript%3E").text
    assert client.get("/admin/?etat=inconnu&apres=nimporte-quoi").status_code == 200


def test_incidents_say_what_since_when_and_what_to_do(
    client: LintingClient, admin: Customer, redis_server: str
) -> None:
    now = clock.now()
    a_request(an_order(number="T-LATE"), state="scheduled", earliest_at=now, deadline_at=now - timedelta(hours=1))
    a_request(an_order(), state="scheduled", due_at=now - timedelta(minutes=12))
    incidents.watch()
    page = client.get("/admin/").text
    for said in ("ne sont pas parties dans le délai promis", "Depuis le", "Ouvrez chaque commande",
                 "Du travail attend depuis plus de dix minutes", "attend depuis 12 minutes"):  # fmt: skip
        assert said in page, said
    assert page.count('href="/admin/commandes/T-LATE"') == 2
    assert "Expédition attendue <strong" in page


def test_orders_to_check_are_listed_with_the_reason(client: LintingClient, admin: Customer) -> None:
    an_order(number="T-2", review=["Le total annoncé est 10,00 TTC, la somme des lignes donne 9,00 TTC."])
    page = client.get("/admin/?etat=a-verifier")
    assert "T-2" in page.text
    assert "la somme des lignes donne" in page.text
    assert "la somme des lignes donne" in client.get("/admin/commandes/T-2").text


def test_the_following_pages_are_links(client: LintingClient, admin: Customer) -> None:
    for _ in range(31):
        a_request(an_order(), state="waiting")
    first = client.get("/admin/?etat=en-attente")
    match = re.search(r'href="(/admin/\?[^"]*apres=[^"]*)"', first.text)
    assert match
    second = client.get(match[1].replace("&amp;", "&"))
    assert second.text.count("attend l&#39;expédition") + second.text.count("attend l'expédition") == 1


def test_pages_cost_at_most_eight_queries_whatever_the_rows(
    app: Flask, client: LintingClient, admin: Customer, smtp_server: Mailbox
) -> None:
    now = clock.now()
    counted = []
    for lines in (1, 12):
        order = an_order(
            number=f"T-{lines}", customer=a_customer(email=f"c{lines}@example.org", billing=billing_details()),
            lines=[*(a_line() for _ in range(lines)), shipping()], shipped_at=now - timedelta(9),
        )  # fmt: skip
        request = a_request(order, state="scheduled", details_complete_at=now, reconciled_at=now, due_at=now)
        worked(app, request.id)
        for _ in range(lines):
            a_request(an_order(customer=order.customer), state="waiting")
        for path in (
            "/admin/",
            "/admin/?etat=envois-en-echec",
            f"/admin/?q={order.email}",
            f"/admin/commandes/T-{lines}",
        ):
            with count_queries() as queries:
                assert client.get(path).status_code == 200
            recorded = 4 * path.startswith("/admin/commandes/")  # Who looks at a customer leaves a trace.
            assert queries.count <= 8 + recorded, f"{path}\n{queries}"
            counted.append(queries.count)
    assert counted[:4] == counted[4:]


@pytest.mark.databases("sqlite")
def test_the_order_page_tells_the_whole_story(client: LintingClient, admin: Customer, invoiced: Order) -> None:
    page = client.get("/admin/commandes/T-1")
    for said in ("FA-2026-" if clock.now().year == 2026 else "FA-", "T-shirt personnalisé", "Claire Martin", "Envois",
                 "jaen@example.org", "Facture émise", "E-mail envoyé", "Renvoyer", "Corriger l'e-mail"):  # fmt: skip
        assert said.replace("'", "&#39;") in page.text or said in page.text
    number = invoiced.documents[0].number
    pdf = client.get(f"/admin/factures/{number}.pdf")
    assert (pdf.status_code, pdf.mimetype) == (200, "application/pdf")
    assert pdf.data.startswith(b"%PDF-")
    assert client.get("/admin/factures/FA-1999-000001.pdf").status_code == 404
    assert client.get("/admin/commandes/T-404").status_code == 404


def test_a_double_click_on_resend_makes_one_mail(client: LintingClient, admin: Customer, invoiced: Order) -> None:
    page = client.get("/admin/commandes/T-1").text
    sent = {name: typed_in(page, name) for name in ("shown", "document")}
    for _ in range(2):
        answer = client.post("/admin/commandes/T-1/renvoyer", data=sent)
        assert (answer.status_code, answer.location) == (303, "/admin/commandes/T-1")
    assert db.session.scalar(select(func.count()).select_from(Delivery)) == 2
    assert "part de nouveau" in client.get("/admin/commandes/T-1").text
    assert client.post("/admin/commandes/T-1/renvoyer", data={"shown": "x"}).status_code == 422


def test_the_address_is_corrected_and_a_wrong_one_is_said_beside_the_field(
    client: LintingClient, admin: Customer, invoiced: Order
) -> None:
    refused = client.post("/admin/commandes/T-1/adresse", data={"email": "jean@"})
    assert refused.status_code == 422
    assert 'value="jean@"' in refused.text
    assert 'id="email-error"' in refused.text
    answer = client.post("/admin/commandes/T-1/adresse", data={"email": f" {RIGHT} "})
    assert answer.status_code == 303
    page = client.get("/admin/commandes/T-1").text
    assert RIGHT in page
    assert "Adresse e-mail corrigée" in page
    assert f"n°\u00a0{admin.id}" in page
    assert client.get("/admin/commandes/T-1/adresse").location == "/admin/commandes/T-1"


def test_a_stopped_request_is_let_go_on(client: LintingClient, admin: Customer) -> None:
    order = an_order(number="T-3", billing=billing_details(), shipped_at=clock.now() - timedelta(9))
    request = a_request(order, state="needs_attention", reason="La facture n'a pas pu être produite.", attempts=5)
    assert "Relancer" in client.get("/admin/commandes/T-3").text
    assert client.post("/admin/commandes/T-3/relancer").status_code == 303
    assert request.state == "scheduled"
    assert "Relancer" not in client.get("/admin/commandes/T-3").text
    client.post("/admin/commandes/T-3/relancer")
    assert "rien n" in client.get("/admin/commandes/T-3").text


@pytest.mark.databases("sqlite")
def test_acts_without_the_token_of_the_page_are_refused(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    app.config["WTF_CSRF_ENABLED"] = True
    with app.app_context():
        client = app.test_client()
        for path in ("renvoyer", "adresse", "relancer"):
            assert client.post(f"/admin/commandes/T-1/{path}", data={"shown": "1"}).status_code == 400


@pytest.mark.databases("sqlite")
def test_the_endpoints_are_where_others_link_to(app: Flask) -> None:
    with app.test_request_context():
        assert url_for("admin.index") == "/admin/"
        assert url_for("admin.order", number="T-1") == "/admin/commandes/T-1"
