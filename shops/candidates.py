"""What a file holds, document by document: a message, or why there is none, and the lines where it stands."""

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from shops.numbers import NUMBER_LENGTH
from shops.problems import FieldProblem
from shops.schema import InvalidMessage, OrderMessage


class UnreadableFile(Exception):
    """Nothing of this file can be taken; the text is French and says why."""


@contextmanager
def csv_text(stream: BinaryIO, encoding: str = "utf-8-sig") -> Iterator[io.TextIOWrapper]:
    """Give the text of a CSV file, bytes that are no UTF-8 kept for the schema to refuse; the stream stays open.

    Raises UnreadableFile for what is no CSV, such as a cell of more than 128 KiB: a quote that is never closed.
    """
    text = io.TextIOWrapper(stream, encoding=encoding, errors="surrogateescape", newline="")
    try:
        yield text
    except csv.Error:
        reason = "Ce n'est pas du CSV valable\u00a0: un guillemet n'est pas fermé, ou une cellule dépasse 128 Kio."
        raise UnreadableFile(reason) from None
    finally:
        text.detach()  # The stream is the caller's to close.


@dataclass(frozen=True, slots=True)
class Candidate:
    """One document of a file: `message` or `problems`, never both; lines are counted from 1.

    `ref` and `doubts` are those of an Arrival, in the exports of shop systems.
    """

    number: str
    first_line: int
    last_line: int
    message: OrderMessage | None = None
    problems: tuple[FieldProblem, ...] = ()
    ref: str | None = None
    doubts: tuple[str, ...] = ()


def check(sent: Any, *, first_line: int, last_line: int, number: str = "") -> Candidate:
    """Return the candidate that the schema makes of what was sent."""
    number = shown(number) or _number_of(sent)
    try:
        message = OrderMessage.checked(sent)
    except InvalidMessage as invalid:
        return Candidate(number, first_line, last_line, problems=invalid.problems)
    return Candidate(message.number, first_line, last_line, message=message)


def refuse(reason: str, *, first_line: int, last_line: int, number: str = "", path: str = "") -> Candidate:
    """Return a candidate that is refused for one reason."""
    return refuse_all([FieldProblem(path, reason)], first_line=first_line, last_line=last_line, number=number)


def refuse_all(problems: Iterable[FieldProblem], *, first_line: int, last_line: int, number: str = "") -> Candidate:
    """Return a candidate that is refused for these reasons."""
    return Candidate(shown(number), first_line, last_line, problems=tuple(problems))


def _number_of(sent: Any) -> str:
    number = sent.get("number") if isinstance(sent, dict) else None
    return shown(str(number)) if isinstance(number, str | int) else ""


def shown(number: str) -> str:
    """Return a number that breaks the schema as it is reported, without what a terminal or a page would trip over."""
    return "".join(sign if sign.isprintable() else "?" for sign in number[:NUMBER_LENGTH])
