"""What a stranger asks costs the same work whether the address has an account, or the number an order, or not.

Equal work is what equal time comes from, and can be held to exactly; `tests.security.timing` measures the time.
"""

from typing import Any
from unittest.mock import Mock

import pytest
from flask import Flask

import task_queue
from services import limits, passwords
from tests.support.client import LintingClient
from tests.support.factories import PASSWORD, a_customer, an_order
from tests.support.queries import count_queries

KNOWN, UNKNOWN = "claire@example.org", "paul@example.org"


@pytest.fixture(autouse=True)
def known(app: Flask) -> None:
    """Let one of the two addresses have an account and an order."""
    an_order(number="T-100234", customer=a_customer(email=KNOWN))


@pytest.fixture
def work(client: LintingClient, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give what posts a form and returns all that the answer took: statements, hashes, bells; and its status."""
    hasher, ring = Mock(wraps=passwords._hasher), Mock(wraps=task_queue.ring)
    monkeypatch.setattr(passwords, "_hasher", hasher)
    monkeypatch.setattr(task_queue, "ring", ring)
    passwords.matches("", None)  # The decoy is made once a process.

    def post(path: str, **fields: str) -> tuple[object, ...]:
        hasher.reset_mock()
        ring.reset_mock()
        with count_queries() as asked:
            answer = client.post(path, data=fields)
        hashes = [name for name, _arguments, _keywords in hasher.method_calls]
        return answer.status_code, asked.statements, hashes, [call.args[0] for call in ring.call_args_list]

    return post


def test_signing_in(work: Any) -> None:
    known = work("/connexion", email=KNOWN, password="une autre phrase")
    assert known == work("/connexion", email=UNKNOWN, password="une autre phrase")
    assert (known[0], known[2], known[3]) == (422, ["verify"], [])


@pytest.mark.parametrize("confirmed", [True, False])
def test_registering(work: Any, confirmed: bool) -> None:
    a_customer(email="zoe@example.org", confirmed=confirmed)
    known = work("/inscription", email="zoe@example.org", password=PASSWORD)
    assert known == work("/inscription", email=UNKNOWN, password=PASSWORD)
    assert (known[0], known[2], known[3]) == (200, ["hash"], ["deliver"])


def test_registering_what_was_registered_too_often_today(work: Any) -> None:
    for _try in range(5):
        limits.hit(limits.ACCOUNT_NOTICES_BY_DAY, KNOWN)
    known = work("/inscription", email=KNOWN, password=PASSWORD)
    assert known == work("/inscription", email=UNKNOWN, password=PASSWORD)


@pytest.mark.parametrize("asked_before", [0, 5])
def test_asking_for_a_new_password(work: Any, asked_before: int) -> None:
    for _try in range(asked_before):
        limits.hit(limits.RESETS_BY_HOUR, KNOWN)
        limits.hit(limits.RESETS_BY_HOUR, UNKNOWN)
    known = work("/mot-de-passe-oublie", email=KNOWN)
    assert known == work("/mot-de-passe-oublie", email=UNKNOWN)
    assert (known[0], known[2], known[3]) == (200, [], ["deliver"])


@pytest.mark.parametrize("asked_before", [0, 5])
@pytest.mark.parametrize("confirmed", [True, False])
def test_asking_for_a_code_to_sign_in_with(work: Any, asked_before: int, confirmed: bool) -> None:
    a_customer(email="zoe@example.org", confirmed=confirmed)
    for _try in range(asked_before):
        limits.hit(limits.SIGN_IN_CODES_BY_HOUR, "zoe@example.org")
        limits.hit(limits.SIGN_IN_CODES_BY_HOUR, UNKNOWN)
    known = work("/connexion/code-par-e-mail/envoyer", email="zoe@example.org")
    assert known == work("/connexion/code-par-e-mail/envoyer", email=UNKNOWN)
    assert (known[0], known[2], known[3]) == (303, [], ["deliver"])


def test_trying_a_code_to_sign_in_with(work: Any) -> None:
    work("/connexion/code-par-e-mail/envoyer", email="zoe@example.org")
    work("/connexion/code-par-e-mail", code="000000")  # Of a network's tries the first is in the audit.
    answers = []
    for email in (KNOWN, UNKNOWN):
        work("/connexion/code-par-e-mail/envoyer", email=email)
        answers += [work("/connexion/code-par-e-mail", code="000000") for _try in range(6)]
    assert answers[:6] == answers[6:]
    assert (answers[0][0], answers[0][2], answers[0][3]) == (422, [], [])


def test_looking_an_order_up(work: Any) -> None:
    work("/suivi-commande", order_number="T-1", email=UNKNOWN)  # Of a network's tries the first is in the audit.
    known = work("/suivi-commande", order_number="T-100234", email=UNKNOWN)
    assert known == work("/suivi-commande", order_number="T-100235", email=KNOWN)
    assert known == work("/suivi-commande", order_number="T-100236", email=UNKNOWN)
    assert (known[0], known[2], known[3]) == (422, [], [])
