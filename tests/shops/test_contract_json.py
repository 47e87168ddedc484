import io
import json
from collections.abc import Iterable
from typing import Any

import pytest

from shops import contract_json
from shops.candidates import Candidate, UnreadableFile
from shops.schema import MAX_ORDER_BYTES
from tests.shops.messages import a_line, a_message


class Trickle(io.BytesIO):
    """A file that gives a few bytes at a time, so that every cut falls somewhere awkward."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size or 7, 7))


def read(text: str | bytes) -> list[Candidate]:
    data = text.encode() if isinstance(text, str) else text
    found = list(contract_json.read(io.BytesIO(data)))
    assert list(contract_json.read(Trickle(data))) == found
    return found


def ndjson(messages: Iterable[Any]) -> str:
    return "".join(json.dumps(message) + "\n" for message in messages)


def summary(candidates: Iterable[Candidate]) -> list[tuple[str, int, int, bool]]:
    return [(each.number, each.first_line, each.last_line, each.message is not None) for each in candidates]


TWO = [a_message(number="A-1"), a_message(number="A-2", payment_method='ch{è}que, "[barré]" \\')]


def test_one_order_a_line() -> None:
    assert summary(read(ndjson(TWO))) == [("A-1", 1, 1, True), ("A-2", 2, 2, True)]


def test_an_array_of_orders() -> None:
    text = json.dumps(TWO, indent=1, ensure_ascii=False)
    height = len(json.dumps(TWO[0], indent=1).splitlines())
    first, second = read(text)

    assert (first.number, first.first_line, first.last_line) == ("A-1", 2, 1 + height)
    assert (second.number, second.first_line) == ("A-2", 2 + height)
    assert second.message is not None
    assert second.message.payment_method == 'ch{è}que, "[barré]" \\'


@pytest.mark.parametrize("text", ["[]", " [\n ]\n", "\ufeff[]"])
def test_an_empty_array_has_no_orders(text: str) -> None:
    assert read(text) == []


def test_a_byte_order_mark_and_blank_lines_are_no_order() -> None:
    text = "\ufeff\n \n" + ndjson(TWO[:1]) + "\r\n\n" + json.dumps(TWO[1])

    assert summary(read(text)) == [("A-1", 3, 3, True), ("A-2", 6, 6, True)]


def test_a_broken_line_is_refused_and_the_next_is_read() -> None:
    broken = '{"number": "A-1", \n'
    bad, good = read(broken + ndjson(TWO[1:]))

    assert (bad.first_line, bad.message) == (1, None)
    assert bad.problems[0].message == "Ce n'est pas du JSON valable (ligne 1, caractère 18)."
    assert summary([good]) == [("A-2", 2, 2, True)]


def test_a_broken_element_is_refused_and_the_next_is_read() -> None:
    bad, good = read('[\n{"number": "A-1" "version": 1},\n' + json.dumps(TWO[1]) + "\n]")

    assert bad.problems[0].message == "Ce n'est pas du JSON valable (ligne 2, caractère 18)."
    assert summary([bad, good]) == [("", 2, 2, False), ("A-2", 3, 3, True)]


def test_a_bad_order_is_refused_with_its_number_and_its_fields() -> None:
    (bad,) = read(ndjson([a_message(number="A-9", total="x", lines=[a_line(), a_line(kind="x")])]))

    assert bad.number == "A-9"
    assert {problem.path for problem in bad.problems} == {"total", "lines[1].kind"}


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ('{"number": "A-1", "total": 1, "total": 2}', "total", "deux fois"),
        ('{"number": "A-1", "total": NaN}', "", "mesure"),
        ('{"number": "A-1", "total": -Infinity}', "", "mesure"),
        ('{"number": "A-1", "total": ' + "9" * 5000 + "}", "", "mesure"),
        ('{"number": ' + "[" * 100_000 + "]" * 100_000 + "}", "", "imbrications"),
    ],
)
def test_json_that_readers_understand_differently_is_refused(text: str, path: str, words: str) -> None:
    (bad,) = read(text)

    assert bad.problems[0].path == path
    assert words in bad.problems[0].message


def test_a_float_is_refused_rather_than_guessed() -> None:
    (bad,) = read(ndjson([a_message(total=31.72)]))

    assert [problem.path for problem in bad.problems] == ["total"]


def test_bytes_that_are_no_utf8_are_refused_in_their_field() -> None:
    data = ndjson([a_message(number="A-1", payment_method="cheque")]).replace("cheque", "ch\u00e8que").encode("latin-1")
    bad, good = read(data + ndjson(TWO[1:]).encode())

    assert [(problem.path, problem.message[:28]) for problem in bad.problems] == [
        ("payment_method", "Ce texte n'est pas lisible\u00a0:")
    ]
    assert good.message is not None


def test_a_line_of_more_than_a_mebibyte_is_refused_and_the_next_is_read() -> None:
    long = json.dumps(a_message(number="A-1", payment_method="x" * 3 * MAX_ORDER_BYTES))

    assert summary(contract_json.read(io.BytesIO(f"{long}\n{json.dumps(TWO[1])}".encode()))) == [
        ("", 1, 1, False),
        ("A-2", 2, 2, True),
    ]


def test_an_element_that_never_ends_stops_the_reading_and_says_so() -> None:
    text = "[\n" + json.dumps(TWO[0]) + ',\n{"number": "A-2", "email": "' + "x" * 2 * MAX_ORDER_BYTES + '"},\n{}]'
    good, bad = contract_json.read(io.BytesIO(text.encode()))

    assert summary([good]) == [("A-1", 2, 2, True)]
    assert bad.problems[0].message.endswith("La suite du fichier n'a pas été lue.")


@pytest.mark.parametrize("rest", ["", ",", ',\n{"number": "A-2"'])
def test_an_array_cut_short_keeps_what_was_whole(rest: str) -> None:
    found = read("[" + json.dumps(TWO[0]) + rest)

    # Without a comma nobody knows that the first order is whole.
    assert summary(found)[:-1] == ([("A-1", 1, 1, True)] if rest else [])
    assert found[-1].problems[0].message == "Le fichier s'arrête avant la fin du tableau."


def test_what_follows_the_array_is_refused() -> None:
    good, bad = read("[" + json.dumps(TWO[0]) + "]\n[]")

    assert good.message is not None
    assert "suivie" in bad.problems[0].message


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "vide"),
        (b" \n ", "vide"),
        (b"number,version", "commencer"),
        (b"\xff\xfe[", "commencer"),
        (b"\xef\xbb[", "UTF-8"),
    ],
)
def test_a_file_of_another_kind_is_unreadable(data: bytes, words: str) -> None:
    with pytest.raises(UnreadableFile, match=words):
        list(contract_json.read(io.BytesIO(data)))
