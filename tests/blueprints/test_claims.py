"""« Ajouter une commande », as a browser sees it."""

import pytest

from models import Customer, Order
from services import tokens
from tests.support.client import LintingClient
from tests.support.factories import an_order

HERE = "/espace-client/mon-compte/ajouter-une-commande"
OTHER = "bureau@example.org"

pytestmark = pytest.mark.databases("sqlite")


def asked(number: str, email: str = OTHER) -> dict[str, str]:
    return {"order_number": number, "email": email}


def a_code(customer: Customer, order: Order) -> str:
    return tokens.fresh(customer, "order_claim", order=order)[1]


def test_the_account_leads_there_and_a_code_leads_to_the_order(client: LintingClient, claire: Customer) -> None:
    order = an_order(email=OTHER)
    assert f'href="{HERE}"' in client.get("/espace-client/mon-compte").text
    assert 'name="order_number"' in client.get(HERE).text
    answer = client.post(HERE, data=asked(order.number))
    assert (answer.status_code, answer.location) == (303, f"{HERE}/code")
    page = client.get(f"{HERE}/code").text
    assert OTHER in page
    assert order.number not in page
    answer = client.post(f"{HERE}/code", data={"code": a_code(claire, order)})
    assert (answer.status_code, answer.location) == (303, f"/espace-client/commandes/{order.number}")
    assert "est dans votre espace client." in client.get(answer.location).text


def test_a_second_press_leads_to_the_order_as_well(client: LintingClient, claire: Customer) -> None:
    order = an_order(email=OTHER)
    code = {"code": a_code(claire, order)}
    answers = [client.post(f"{HERE}/code", data=code) for _press in range(2)]
    assert [(answer.status_code, answer.location) for answer in answers] == [
        (303, f"/espace-client/commandes/{order.number}")
    ] * 2


def test_with_htmx_the_section_becomes_the_code_and_then_the_page_of_the_order(
    client: LintingClient, claire: Customer
) -> None:
    order = an_order(email=OTHER)
    section = client.htmx("POST", HERE, data=asked(order.number))
    assert section.text.lstrip().startswith('<section id="claim"')
    assert 'name="code"' in section.text
    answer = client.htmx("POST", f"{HERE}/code", data={"code": a_code(claire, order)})
    assert (answer.status_code, answer.headers["HX-Location"]) == (204, f"/espace-client/commandes/{order.number}")


def test_an_order_that_is_not_there_gets_the_same_answer(client: LintingClient, claire: Customer) -> None:
    order = an_order(email=OTHER)
    cases = [(order.number, OTHER), (order.number, "paul@example.org"), ("T-0", OTHER)]
    texts = {client.htmx("POST", HERE, data=asked(*case)).text.replace(case[1], "…") for case in cases}
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (asked("", OTHER), "Indiquez le numéro de votre commande."),
        (asked("T-1", "bureau"), 'id="email-error"'),
        (asked("T-OWN", "claire@example.org"), "déjà dans votre espace client"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    client: LintingClient, claire: Customer, fields: dict[str, str], said: str
) -> None:
    an_order(customer=claire, number="T-OWN")
    for answer in (client.post(HERE, data=fields), client.htmx("POST", HERE, data=fields)):
        assert answer.status_code == 422
        assert said in answer.text


def test_a_wrong_code_is_said_and_the_address_stays_on_the_page(client: LintingClient, claire: Customer) -> None:
    client.post(HERE, data=asked("T-0"))
    for code in ("12345", "000000"):
        answer = client.post(f"{HERE}/code", data={"code": code})
        assert answer.status_code == 422
        assert 'id="code-error"' in answer.text
        assert OTHER in answer.text


def test_who_is_not_confirmed_is_led_to_that_first(client: LintingClient, unproven: Customer) -> None:
    page = client.get(HERE).text
    assert "Confirmez d'abord" in page.replace("&#39;", "'")
    assert 'name="order_number"' not in page
