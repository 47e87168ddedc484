"""Asking a shop again: how often, how long between, and what is never asked twice."""

import pytest

from calls import patience
from calls.http import Answer, Caller, CallFailed, ForbiddenAddress

URL = "https://boutique.example/wp-json/wc/v3/orders"


class Shop(Caller):
    """Answers in turn what it is told to: a status, a status with a wish to wait, or an error."""

    def __init__(self, *answers: int | tuple[int, str] | Exception) -> None:
        self.answers = list(answers)
        self.asked = 0

    def get(self, url: str, headers: object) -> Answer:
        """Give the next answer; the last one for ever."""
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, wish = answer if isinstance(answer, tuple) else (answer, "")
        return Answer(status, {"retry-after": wish} if wish else {}, b"[]")


def asked(shop: Shop) -> list[float]:
    """Return the pauses that were made until the good answer."""
    pauses: list[float] = []
    assert patience.get(shop, URL, {}, sleep=pauses.append).body == b"[]"
    return pauses


def test_a_good_answer_is_the_only_one() -> None:
    shop = Shop(200)
    assert (asked(shop), shop.asked) == ([], 1)


def test_trouble_and_cut_lines_are_asked_again_with_growing_pauses() -> None:
    assert asked(Shop(503, CallFailed("cut"), 429, 500, 200)) == list(patience.PAUSES)


@pytest.mark.parametrize(
    ("wish", "pause"),
    [("7", 7.0), ("0", 1.0), ("9999", 60.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 1.0), ("-5", 1.0), ("²", 1.0)],
)
def test_the_shop_may_say_how_long_to_wait_up_to_a_minute(wish: str, pause: float) -> None:
    assert asked(Shop((429, wish), 200)) == [pause]


@pytest.mark.parametrize("trouble", [500, 429, CallFailed("cut")])
def test_the_fifth_failure_is_the_last(trouble: int | Exception) -> None:
    shop = Shop(trouble)
    with pytest.raises(CallFailed):
        asked(shop)
    assert shop.asked == 5


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (401, patience.Unauthorised),
        (403, patience.Unauthorised),
        (404, CallFailed),
        (301, CallFailed),
        (ForbiddenAddress("private"), ForbiddenAddress),
    ],
)
def test_what_would_be_refused_again_is_asked_once(answer: int | Exception, error: type[CallFailed]) -> None:
    shop = Shop(answer)
    with pytest.raises(error):
        asked(shop)
    assert shop.asked == 1
