import threading
from collections.abc import Iterator
from unittest.mock import Mock

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.profiles import RFC_9106_LOW_MEMORY

from services import passwords
from services.demo import ADMIN_PASSWORD, CUSTOMER_PASSWORD
from services.limits import TooMany
from tests.support.factories import PASSWORD


@pytest.fixture(autouse=True)
def the_product_s_own_hashes(real_hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Afterwards these tests hash as the product does, decoy included, and the next ones lightly again."""
    monkeypatch.setattr(passwords, "_hasher", real_hasher)
    passwords._decoy.cache_clear()
    yield
    passwords._decoy.cache_clear()


def test_a_password_is_kept_as_argon2id_and_never_twice_the_same() -> None:
    one, other = passwords.hash("une longue phrase"), passwords.hash("une longue phrase")
    assert one.startswith("$argon2id$")
    assert extract_parameters(one) == RFC_9106_LOW_MEMORY
    assert one != other
    assert passwords.matches("une longue phrase", one)
    assert passwords.matches("une longue phrase", other)
    assert not passwords.matches("une autre phrase", one)
    assert not passwords.is_outdated(one)


def test_two_keyboards_write_one_password() -> None:
    assert passwords.matches("e\u0301te\u0301 2026", passwords.hash("été 2026"))


def test_nobody_has_no_password_and_costs_the_same_work(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = passwords.hash("une longue phrase")
    hasher = Mock(wraps=passwords._hasher)
    monkeypatch.setattr(passwords, "_hasher", hasher)
    assert not passwords.matches("une autre phrase", stored)
    assert not passwords.matches("une autre phrase", None)
    (known, _password), (unknown, _same) = [call.args for call in hasher.verify.call_args_list]
    assert extract_parameters(known) == extract_parameters(unknown)


def test_a_broken_hash_matches_nothing() -> None:
    assert not passwords.matches("", "")
    assert not passwords.matches("anything", "not a hash")


def test_more_than_two_at_once_wait_and_at_last_are_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "LONGEST_WAIT_SECONDS", 0.05)
    busy, done = threading.Barrier(passwords.AT_ONCE + 1), threading.Event()

    def occupy() -> None:
        with passwords._in_turn():
            busy.wait()
            done.wait()

    threads = [threading.Thread(target=occupy) for _place in range(passwords.AT_ONCE)]
    for thread in threads:
        thread.start()
    busy.wait()
    with pytest.raises(TooMany):
        passwords.hash("une longue phrase")
    done.set()
    for thread in threads:
        thread.join()
    assert passwords.hash("une longue phrase")


@pytest.mark.parametrize(
    "password",
    [
        "password", "12345678", "PassWord", "１２３４５６７８", "azertyuiop", "q w e r t y u i o p",
        "claire@example.org", "Claire@Example.org", "claire.martin", "Claire.Martin1990", "claire.martin!",
        "Atelier du Coton", "atelierducoton2026", "facture2026", "Espace client", "Mot de passe!", "2026boutique",
    ],
)  # fmt: skip
def test_what_everybody_tries_first_is_common(password: str) -> None:
    assert passwords.is_common(password, "claire@example.org", "claire.martin@example.org", "Atelier du Coton")


@pytest.mark.parametrize(
    "password", [PASSWORD, CUSTOMER_PASSWORD, ADMIN_PASSWORD, "martin à Lyon", "2026", "", "???", "7392046158"]
)
def test_what_is_somebodys_own_is_not_common(password: str) -> None:
    assert not passwords.is_common(password, "claire@example.org", "Atelier du Coton", "", "@")


def test_the_list_holds_the_three_thousand_most_common_ones_that_we_would_accept() -> None:
    listed = passwords._most_common()
    assert len(listed) > 3000
    assert all(passwords.SHORTEST <= len(word) == len("".join(word.split())) for word in listed)
    assert all(word == passwords._plain(word) for word in listed)
