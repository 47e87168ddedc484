"""Processes that send all that a shop says of some orders, each in an order of its own, from `histories`."""

import random

from app import create_app
from dev.processes import die_with_parent
from extensions import db
from services import shops
from tests.support import histories, once

PROCESSES = 2
NUMBERS = [str(number) for number in range(1, 9)]


def send(settings: dict[str, str], name: str, seed: int) -> None:
    """Send from this process, which was forked for it, as the shop of that name, until all has arrived."""
    die_with_parent()
    chance = random.Random(seed)  # noqa: S311 - Nothing secret.
    app = create_app(settings)
    once.share_texts(app)
    with app.app_context():
        shop = shops.by_name(name)
        assert shop is not None
        waiting = [(number, message) for number in NUMBERS for message in histories.a_busy_one()]
        while waiting:
            chance.shuffle(waiting)
            waiting = [(number, message) for number, message in waiting if not histories.arrived(shop, number, message)]
            db.session.rollback()
