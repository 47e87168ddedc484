"""Two processes that both send all that a shop says of some orders, each in an order of its own; run by `python -m`.

Arguments: the name of the shop, and the seed. `tests.support.histories` has what they send.
"""

import os
import random
import sys

import config
from app import create_app
from extensions import db
from services import shops
from tests.support import forks, histories

PROCESSES = 2
NUMBERS = [str(number) for number in range(1, 9)]


def main() -> int:
    """Send from all processes at once; 0 when each has brought all of it."""
    name, seed = sys.argv[1], int(sys.argv[2])
    children = [forks.start(_send, name, seed + number) for number in range(PROCESSES)]
    ended = [os.waitpid(child, 0)[1] for child in children]
    return int(any(ended))


def _send(name: str, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - Nothing secret.
    with create_app(config.environment()).app_context():
        shop = shops.by_name(name)
        assert shop is not None
        waiting = [(number, message) for number in NUMBERS for message in histories.a_busy_one()]
        while waiting:
            chance.shuffle(waiting)
            waiting = [(number, message) for number, message in waiting if not histories.arrived(shop, number, message)]
            db.session.rollback()


if __name__ == "__main__":
    sys.exit(main())
