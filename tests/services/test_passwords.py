import threading
import time
from statistics import median

import pytest

from services import passwords
from services.limits import TooMany


def test_a_password_is_kept_as_argon2id_and_never_twice_the_same() -> None:
    one, other = passwords.hash("une longue phrase"), passwords.hash("une longue phrase")
    assert one.startswith("$argon2id$")
    assert one != other
    assert passwords.matches("une longue phrase", one)
    assert passwords.matches("une longue phrase", other)
    assert not passwords.matches("une autre phrase", one)
    assert not passwords.is_outdated(one)


def test_two_keyboards_write_one_password() -> None:
    assert passwords.matches("e\u0301te\u0301 2026", passwords.hash("été 2026"))


def test_nobody_has_no_password_and_costs_the_same_work() -> None:
    stored = passwords.hash("une longue phrase")
    passwords.matches("x", None)

    def seconds(against: str | None) -> float:
        start = time.perf_counter()
        assert not passwords.matches("une autre phrase", against)
        return time.perf_counter() - start

    pairs = [(seconds(stored), seconds(None)) for _try in range(7)]
    known, unknown = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
    assert 0.5 < known / unknown < 2


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
