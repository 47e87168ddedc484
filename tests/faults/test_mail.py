"""What a mail server can do to us: two copies at most, with one Message-ID, and only where nobody can know."""

from collections import Counter

from flask import Flask
from sqlalchemy import select

from extensions import db
from models import Delivery, Order
from tests.faults.cells import PATIENCE, a_due_request, address, doubts, states
from tests.faults.laboratory import Laboratory, eventually
from tests.support.mail_server import accepted

REFUSED = {"no such user": "RCPT 550 5.1.1 no such user", "refused content": "message 554 5.6.0 refused"}
FOR_NOW = {"greylisted": "RCPT 451 4.7.1 later", "busy": "DATA 451 4.3.0 later", "no room": "message 452 4.3.1 later"}
CUT = {"cut in the text": "content drop"}
"""Whether all of the text was on its way by then, and so in doubt, is up to the buffers of the system."""

ANSWER_LOST = {
    "dropped": "message drop", "hung": "message hang", "kept and dropped": "message keep, drop",
    "kept and hung": "message keep, hang",
}  # fmt: skip
AWAY = {
    "shutting down": "connect 421 4.3.2 shutting down", "silent": "connect hang", "cut": "EHLO drop",
    "not our sender": "MAIL 550 5.7.1 not you",
}  # fmt: skip


def test_each_answer_of_the_mail_server_has_its_end(app: Flask, patient: Laboratory) -> None:
    modes = REFUSED | FOR_NOW | CUT | ANSWER_LOST
    for name, mode in modes.items():
        step, what = mode.split(" ", 1)
        patient.mode[f"{step} {address(name)}"] = what
        a_due_request(name)
    a_due_request("well")
    patient.start(workers=3, sweepers=1)
    patient.settle(PATIENCE, each=lambda: _mend(patient))
    assert patient.findings(doubtful=len(CUT | ANSWER_LOST)) == []
    ends = {name: "needs_attention" if name in REFUSED else "sent" for name in [*modes, "well"]}
    assert states() == ends
    assert dict.fromkeys(CUT, 1) | doubts() == dict.fromkeys(CUT | ANSWER_LOST, 1)
    copies = Counter(mail.recipients[0] for mail in accepted(patient.mail_folder) if mail.attachments)
    assert {name: copies[address(name)] for name in ends} == {
        name: 0 if name in REFUSED else 2 if name.startswith("kept") else 1 for name in ends
    }


def test_an_answer_lost_twice_is_for_a_person(app: Flask, patient: Laboratory) -> None:
    patient.mode[f"message {address('T-1')}"] = "keep, drop"
    a_due_request("T-1")
    patient.start(workers=1, sweepers=1)
    patient.settle(PATIENCE)
    assert patient.findings(doubtful=4) == []  # Two of them of the mail that tells its customer.
    assert states() == {"T-1": "needs_attention"}
    copies = [mail for mail in accepted(patient.mail_folder) if mail.attachments]
    assert len(copies) == 2
    assert len({mail.message_id for mail in copies}) == 1


def test_a_mail_server_that_is_away_is_waited_for(app: Flask, patient: Laboratory) -> None:
    patient.start(workers=2, sweepers=1)
    for name, mode in AWAY.items():
        step, what = mode.split(" ", 1)
        patient.mode[step] = what
        for number in range(2):
            patient.ring("produce", a_due_request(f"{name} {number}"))
        eventually(lambda name=name: _tried() >= {f"{name} 0", f"{name} 1"}, PATIENCE)  # type: ignore[misc]
        del patient.mode[step]
        patient.settle(PATIENCE)
    patient.mail.kill()
    a_due_request("killed")
    eventually(lambda: "killed" in _tried(), PATIENCE)
    patient.start_mail()
    patient.settle(PATIENCE)
    assert patient.findings() == []
    assert set(states().values()) == {"sent"}
    assert doubts() == {}


def _mend(patient: Laboratory) -> None:
    """End the trouble of those who have met theirs."""
    tried = {address(name) for name in _tried()}
    for key in [key for key in patient.mode if key.rpartition(" ")[2] in tried]:
        del patient.mode[key]


def _tried() -> set[str]:
    """The orders whose mail has met something, or has arrived after all."""
    db.session.rollback()
    met = (Delivery.last_error.is_not(None)) | (Delivery.trouble.is_not(None)) | (Delivery.state == "sent")
    found = set(db.session.scalars(select(Order.number).join(Delivery, Delivery.order_id == Order.id).where(met)))
    db.session.rollback()
    return found
