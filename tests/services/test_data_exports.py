"""« Télécharger mes données »: all that is kept of one person, of nobody else, and nothing that opens anything."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

import jobs
from extensions import Base, DomainError, db
from models import AuditEntry, Customer, DataExport, Delivery, Order, Shipment
from services import claims, data_exports, erasure, files, leases, letters, limits, sessions, sweep
from tests.support.customers import a_correction, an_issued_invoice, draw
from tests.support.factories import PLACED, a_customer, a_refund, a_request, an_order, billing_details, company_details
from tests.support.outbox import a_delivery
from tests.support.second_factors import a_second_factor

ABOUT_NOBODY = {
    "api_calls", "api_keys", "incidents", "milestones", "number_series", "shops",
}  # fmt: skip
"""Tables of the merchant's own."""
ELSEWHERE = {
    "data_exports",  # The file itself.
    "earlier_invoices",  # A number; the order has it as well.
    "export_parts",  # Packs of the documents, which are in the ZIP as they are.
    "erasures",  # A hash, from which nobody is found.
    "stored_files",  # The documents are in the ZIP as they are.
    "rate_counters",  # Hashes, for two days.
    "recovery_codes",  # Hashes.
    "shop_messages",  # What became of them are the orders.
    "tokens",  # Hashes, for a week.
    "sign_in_codes",  # Hashes, for a week.
    "uploads",  # Of an admin's work, about other people.
}
"""Tables that say nothing of a person that is not said by others, or that is no use to them."""


@pytest.fixture
def claire(app: Flask) -> Customer:
    """Give a customer with something in every table."""
    customer = a_customer(billing=billing_details())
    parcel = Shipment(ref="1", shipped_at=PLACED, carrier="La Poste", tracking_number="8R1")
    order = an_order(customer=customer, billing=company_details(), shipments=[parcel], refunds=[a_refund("5.00")])
    invoice = an_issued_invoice(order, drawn=False)
    draw(invoice)
    a_request(an_order(customer=customer, email="bureau@example.org"))
    a_correction(invoice, customer, billing_details())
    sessions.open(customer, "pytest")
    a_second_factor(customer)
    return customer


def made(customer: Customer) -> ZipFile:
    export = data_exports.request(customer)
    jobs.export_data(export.id)
    return ZipFile(BytesIO(data_exports.content(customer, export.id) or b""))


def said(customer: Customer) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(made(customer).read("donnees.json"))
    return data


def by_table(data: dict[str, Any]) -> dict[str, list[dict[str, object]]]:
    """Return what the file says of the rows of each table."""
    orders = data["commandes"]
    return {
        "customers": [data["compte"]],
        "second_factors": data["double_authentification"],
        "billing_details": [data["donnees_de_facturation"]],
        "orders": orders,
        "order_lines": [line for order in orders for line in order["lignes"]],
        "shipments": [parcel for order in orders for parcel in order["colis"]],
        "refunds": [refund for order in orders for refund in order["remboursements"]],
        "invoice_requests": [order["demande_de_facture"] for order in orders if order["demande_de_facture"]],
        "documents": data["documents"],
        "corrections": data["corrections"],
        "deliveries": data["courriels"],
        "sign_in_sessions": data["appareils"],
        "audit_entries": data["journal"],
    }


def test_it_holds_every_column_of_every_table_about_the_person_but_ours(claire: Customer) -> None:
    db.session.add(AuditEntry(actor="visitor", action="password.refused", customer_id=claire.id))
    rows = by_table(said(claire))
    tables = {name: set(table.columns.keys()) for name, table in Base.metadata.tables.items()}
    assert set(rows) == set(tables) - ABOUT_NOBODY - ELSEWHERE
    assert {name: tables[name] - data_exports.OURS - set().union(*rows[name]) for name in rows} == {
        name: set() for name in rows
    }


def test_acts_say_who_did_them_but_not_where_somebody_else_sat(claire: Customer) -> None:
    actors = {
        f"customer:{claire.id}": "198.51.100.0", "visitor": "192.0.2.0", "admin:77": "203.0.113.0",
        "shop:atelier": "203.0.113.0", "customer:78": "203.0.113.0",
    }  # fmt: skip
    for actor, network in actors.items():
        db.session.add(AuditEntry(actor=actor, action="object.denied", customer_id=claire.id, network=network))
    data = said(claire)
    found = [(act["par"], act["network"]) for act in data["journal"] if act["action"] == "object.denied"]
    assert found == [
        ("vous", "198.51.100.0"), ("visiteur", "192.0.2.0"), ("équipe", ""), ("boutique", ""), ("autre compte", ""),
    ]  # fmt: skip
    assert "admin:77" not in json.dumps(data)


def test_what_they_were_denied_is_in_it_but_not_what_they_did_to_others(claire: Customer) -> None:
    theirs = an_order(email="paul@example.org")
    me = f"customer:{claire.id}"
    db.session.add(AuditEntry(actor=me, action="role.denied", detail="GET admin.index"))
    db.session.add(AuditEntry(actor="customer:78", action="role.denied", detail="GET admin.orders"))
    db.session.add(AuditEntry(actor=me, action="order.looked_up", order_id=theirs.id))
    acts = [(act["action"], act["detail"]) for act in said(claire)["journal"]]
    assert ("role.denied", "GET admin.index") in acts
    assert ("role.denied", "GET admin.orders") not in acts
    assert "order.looked_up" not in dict(acts)


def test_what_was_done_and_sent_before_they_had_an_account_is_in_it(claire: Customer) -> None:
    mine = db.session.scalars(select(Order.id).where(Order.customer_id == claire.id)).first()
    theirs = an_order(customer=a_customer(email="paul@example.org")).id
    for order_id in (mine, theirs):
        db.session.add(AuditEntry(actor="shop:atelier", action="order.new", order_id=order_id))
        db.session.add(AuditEntry(actor="visitor", action="order.looked_up", order_id=order_id, network="192.0.2.0"))
        a_delivery(kind="request_cancelled", order_id=order_id, recipient=f"{order_id}@example.org")
    data = said(claire)
    acts = [
        (act["action"], act["par"], act["network"]) for act in data["journal"] if act["action"].startswith("order.")
    ]
    assert acts == [("order.new", "boutique", ""), ("order.looked_up", "visiteur", "")]
    assert [mail["recipient"] for mail in data["courriels"] if mail["kind"] == "request_cancelled"] == [
        f"{mine}@example.org"
    ]


def test_every_column_left_out_is_one(app: Flask) -> None:
    known = {column.name for table in Base.metadata.tables.values() for column in table.columns}
    assert known >= data_exports.OURS
    assert set(Base.metadata.tables) >= ABOUT_NOBODY | ELSEWHERE


def test_the_documents_are_in_it_byte_for_byte_beside_the_data_and_what_they_mean(claire: Customer) -> None:
    archive = made(claire)
    drawn = next(order for order in db.session.scalars(select(Order).order_by(Order.id)) if order.documents)
    (invoice,) = drawn.documents
    assert {"LISEZMOI.txt", "donnees.json", f"documents/{invoice.number}.pdf"} <= set(archive.namelist())
    assert archive.read(f"documents/{invoice.number}.pdf") == files.read(invoice)
    assert "donnees.json" in archive.read("LISEZMOI.txt").decode()
    assert archive.testzip() is None


def test_amounts_are_exact_and_moments_have_their_zone(claire: Customer) -> None:
    order = said(claire)["commandes"][0]
    assert order["total"] == "31.72"
    assert order["placed_at"] == PLACED.isoformat()
    assert order["lignes"][0]["unit_price"].startswith("14.9")


def test_nothing_that_opens_anything_is_in_it(claire: Customer) -> None:
    text = made(claire).read("donnees.json").decode()
    secrets = [claire.password_hash]
    for table in ("sign_in_sessions", "second_factors", "recovery_codes", "tokens"):
        rows = db.session.execute(select(Base.metadata.tables[table])).mappings()
        secrets += [row[key] for row in rows for key in ("token_hash", "secret", "code_hash") if row.get(key)]
    assert len(secrets) > 10
    assert [secret for secret in secrets if secret in text] == []


def test_nobody_else_is_in_it(claire: Customer) -> None:
    paul = a_customer(email="paul@example.org", billing=billing_details(last_name="Lefèvre", city="Brest"))
    theirs = an_issued_invoice(an_order(customer=paul, email=claire.email))
    claims.request(claire, an_order(customer=paul, email="atelier@example.org").number, "atelier@example.org")
    archive = made(claire)
    text = archive.read("donnees.json").decode()
    for word in ("paul@", "Lefèvre", "Brest", "atelier@example.org", theirs.number, theirs.order.number):
        assert word not in text
    assert f"documents/{theirs.number}.pdf" not in archive.namelist()


def test_before_the_mailbox_is_proven_there_is_none(app: Flask) -> None:
    with pytest.raises(DomainError):
        data_exports.request(a_customer(confirmed=False))


def test_a_mail_says_that_it_is_ready_and_carries_nothing(claire: Customer) -> None:
    made(claire)
    told = db.session.scalars(select(Delivery).where(Delivery.kind == "data_export")).one()
    assert (told.recipient, told.document_id) == (claire.email, None)
    message = letters.write(told.id)
    assert not list(message.iter_attachments())
    for part in ("plain", "html"):
        text = message.get_body((part,)).get_content()  # type: ignore[union-attr]
        assert f"{data_exports.KEPT.days} jours" in text.replace("\u00a0", " ")
        assert "/espace-client/mon-compte/mes-donnees" in text


def test_asking_again_gives_the_one_that_is_there_for_an_hour(
    claire: Customer, frozen_clock: time_machine.Traveller
) -> None:
    first = data_exports.request(claire)
    assert data_exports.request(claire) is first
    data_exports.make(first.id)
    assert data_exports.request(claire) is first
    for _time in range(2):
        frozen_clock.shift(timedelta(hours=1))
        again = data_exports.request(claire)
        assert again is not first
        data_exports.make(again.id)
    frozen_clock.shift(timedelta(hours=1))
    with pytest.raises(limits.TooMany):
        data_exports.request(claire)


def test_of_two_presses_at_once_the_second_finds_the_file_of_the_first(
    claire: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = []

    def hit(*_given: object) -> None:
        monkeypatch.undo()
        others.append(data_exports.request(claire))

    monkeypatch.setattr(limits, "hit", hit)
    assert data_exports.request(claire) is others[0]
    assert db.session.scalar(select(func.count()).select_from(DataExport)) == 1


def test_who_is_deleted_while_they_press_gets_none(claire: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "hit", lambda *_given: erasure.erase_address(claire.email))
    with pytest.raises(DomainError):
        data_exports.request(claire)
    assert db.session.scalar(select(func.count()).select_from(DataExport)) == 0


def test_a_stranger_gets_none(claire: Customer) -> None:
    export = data_exports.request(claire)
    data_exports.make(export.id)
    assert data_exports.content(a_customer(email="paul@example.org"), export.id) is None


def test_a_second_run_makes_none(claire: Customer) -> None:
    export = data_exports.request(claire)
    for _run in range(2):
        data_exports.make(export.id)
    assert db.session.scalar(select(func.count()).where(Delivery.kind == "data_export")) == 1


def test_one_whose_worker_was_killed_is_made_by_another(
    claire: Customer, frozen_clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = data_exports.request(claire)
    with monkeypatch.context() as patched:
        patched.setattr(data_exports, "_everything", _killed)
        with pytest.raises(KeyboardInterrupt):
            data_exports.make(export.id)
    db.session.rollback()
    data_exports.make(export.id)
    assert export.state == "requested"  # Its lease lasts.
    frozen_clock.shift(leases.LEASE + timedelta(seconds=1))
    data_exports.make(export.id)
    assert export.state == "made"


def _killed(*_given: object) -> None:
    raise KeyboardInterrupt


def test_what_ends_its_worker_five_times_has_failed_and_may_be_asked_again(
    claire: Customer, frozen_clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = data_exports.request(claire)
    with monkeypatch.context() as patched:
        patched.setattr(data_exports, "_everything", _killed)
        for _run in range(5):
            with pytest.raises(KeyboardInterrupt):
                data_exports.make(export.id)
            db.session.rollback()
            frozen_clock.shift(leases.LEASE + timedelta(seconds=1))
    data_exports.park_killers()
    assert export.state == "failed"
    assert (
        db.session.scalar(select(AuditEntry.customer_id).where(AuditEntry.action == "data_export.failed")) == claire.id
    )
    assert data_exports.request(claire) is not export


def test_while_the_documents_are_away_it_is_put_off(claire: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_given: object) -> None:
        raise FileNotFoundError

    export = data_exports.request(claire)
    with monkeypatch.context() as patched:
        patched.setattr(files, "read", away)
        data_exports.make(export.id)
    assert (export.state, export.attempts, export.lease_token) == ("requested", 1, None)
    assert export.due_at is not None
    assert export.due_at > export.created_at + timedelta(seconds=30)


def test_whoever_deletes_the_account_meanwhile_gets_no_file(claire: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    export = data_exports.request(claire)
    number = export.id
    everything: Callable[..., object] = data_exports._everything

    def erased_meanwhile(*given: object) -> object:
        found = everything(*given)
        db.session.execute(Base.metadata.tables["data_exports"].delete())
        db.session.commit()
        return found

    monkeypatch.setattr(data_exports, "_everything", erased_meanwhile)
    data_exports.make(number)
    assert db.session.scalar(select(func.count()).where(Delivery.kind == "data_export")) == 0


def test_the_sweep_rings_for_it_until_it_is_made(claire: Customer) -> None:
    export = data_exports.request(claire)
    assert sweep._due(*sweep.TO_WORK_ON["export_data"]) == [export.id]
    data_exports.make(export.id)
    assert sweep._due(*sweep.TO_WORK_ON["export_data"]) == []


@pytest.mark.parametrize("state", ["made", "failed"])
def test_it_is_forgotten_a_week_after_it_was_made(
    claire: Customer, frozen_clock: time_machine.Traveller, state: str
) -> None:
    export = data_exports.request(claire)
    if state == "made":
        frozen_clock.shift(data_exports.KEPT + timedelta(days=1))
        sweep._forget_the_expired()  # What waited so long is not forgotten before its time has begun.
        data_exports.make(export.id)
    else:
        export.become("failed")
    frozen_clock.shift(data_exports.KEPT - timedelta(minutes=1))
    sweep._forget_the_expired()
    assert data_exports.latest(claire) is not None
    frozen_clock.shift(timedelta(minutes=2))
    sweep._forget_the_expired()
    assert data_exports.latest(claire) is None


def test_the_same_data_give_the_same_bytes(claire: Customer, frozen_clock: time_machine.Traveller) -> None:
    export = data_exports.request(claire)
    packed = []
    for _run in range(2):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(data_exports, "_conclude", lambda _lease, content: packed.append(content))
            data_exports.make(export.id)
        frozen_clock.shift(leases.LEASE + timedelta(seconds=1))
    assert len(packed) == 2
    assert packed[0] == packed[1]
