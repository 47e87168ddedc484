"""Many orders at once: what a file or a batch holds, taken in document by document, the broken ones named in place."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from models import Shop
from services import intake
from shops import contract_csv, contract_json, online_retail
from shops.arrivals import Arrival
from shops.candidates import Candidate
from shops.exports import shopify, woocommerce
from shops.notation import Notation

Result = intake.Receipt | intake.Refused

READERS: dict[str, Callable[[BinaryIO, Notation], Iterator[Candidate]]] = {
    "contract-json": lambda stream, _notation: contract_json.read(stream),
    "contract-csv": contract_csv.read,
    "online-retail": lambda stream, _notation: online_retail.read(stream),
    "woocommerce-export": woocommerce.read,
    "shopify-export": shopify.read,
}
"""The shapes that a file of orders may have, each with its reader; JSON and the data set are written in one way."""
STRICT = ("contract-json", "contract-csv")
"""The shapes whose sums must add up: their sender can mend them."""


def taken_in(
    candidates: Iterable[Candidate], *, source: str, strict: bool, shop: Shop | None = None, dry_run: bool = False
) -> Iterator[tuple[Candidate, Result]]:
    """Yield each document with what became of it, in their order; the good ones go through `intake.receive_many`.

    What is yielded is committed, except in a dry run, which keeps nothing.
    """
    broken: deque[Candidate] = deque()
    waiting: deque[Candidate] = deque()

    def arrivals() -> Iterator[Arrival]:
        for candidate in candidates:
            if candidate.message:
                waiting.append(candidate)
                yield Arrival(candidate.message, candidate.ref, candidate.doubts)
            else:
                broken.append(candidate)

    def in_order(results: Iterator[Result]) -> Iterator[tuple[Candidate, Result]]:
        for result in results:
            candidate = waiting.popleft()
            while broken and broken[0].first_line < candidate.first_line:
                yield _refused(broken.popleft())
            yield candidate, result
        yield from map(_refused, broken)

    return in_order(intake.receive_many(arrivals(), source=source, strict=strict, shop=shop, dry_run=dry_run))


def _refused(candidate: Candidate) -> tuple[Candidate, Result]:
    return candidate, intake.Refused(candidate.number, candidate.problems)
