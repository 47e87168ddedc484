"""« Télécharger toutes les factures de 2026 »: every document of a year once, nobody else's, and never half a file."""

import csv
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from zipfile import ZipFile

import pytest
import time_machine
from flask import Flask, current_app
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

import jobs
import storage
from documents import archive
from extensions import NotTheirs, db
from models import AuditEntry, Customer, DataExport, Delivery, Document, ExportPart, Order
from services import crediting, data_exports, erasure, files, incidents, invoicing, leases, limits, sweep, year_packs
from tests.support.customers import an_issued_invoice, draw
from tests.support.factories import a_customer, a_line, an_order, billing_details, company_details

NOVEMBER = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.fixture
def claire(app: Flask, frozen_clock: time_machine.Traveller) -> Customer:
    """Give a customer whose documents are issued in November 2026."""
    frozen_clock.move_to(NOVEMBER)
    return a_customer(billing=billing_details())


def an_invoice(customer: Customer, *, drawn: bool = True, company: str = "", article: str = "") -> Document:
    buyer = company_details(company_name=company) if company else billing_details()
    lines = [a_line(description=article)] if article else None
    invoice = an_issued_invoice(an_order(customer=customer, billing=buyer, lines=lines), drawn=False)
    return draw(invoice) if drawn else invoice


def row_of(customer: Customer, year: int = 2026) -> DataExport:
    db.session.expire_all()
    own = select(DataExport).where(DataExport.customer_id == customer.id, DataExport.year == year)
    return db.session.scalars(own.order_by(DataExport.id.desc())).first() or pytest.fail("there is none")


def asked(customer: Customer, year: int = 2026) -> DataExport:
    assert year_packs.request(customer, year)
    return row_of(customer, year)


def bytes_of(customer: Customer, year: int = 2026) -> bytes | None:
    found = year_packs.content(customer, year)
    if found is None:
        return None
    size, pieces = found
    whole = b"".join(pieces)
    assert len(whole) == size
    return whole


def run(number: int) -> None:
    """Make it as a worker does, in a context of its own."""
    db.session.commit()
    with current_app.app_context():
        jobs.export_data(number)
    db.session.expire_all()


def made(customer: Customer, year: int = 2026) -> ZipFile:
    run(asked(customer, year).id)
    return ZipFile(BytesIO(bytes_of(customer, year) or b""))


def table(pack: ZipFile, year: int = 2026) -> list[dict[str, str]]:
    raw = pack.read(f"factures-{year}.csv")
    assert raw.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(StringIO(raw.decode("utf-8-sig")), delimiter=";"))


def test_it_holds_each_document_of_the_year_as_it_was_issued_and_its_data(
    claire: Customer, frozen_clock: time_machine.Traveller
) -> None:
    first, second = an_invoice(claire), an_invoice(claire)
    frozen_clock.move_to(datetime(2026, 12, 31, 23, 30, tzinfo=UTC))  # New Year in Paris.
    later = an_invoice(claire)
    pack = made(claire)
    names = [f"{one.number}.{ending}" for one in (first, second) for ending in ("pdf", "xml")]
    assert pack.namelist() == [*names, "factures-2026.csv"]
    assert pack.testzip() is None
    pdf = files.read(first) or b""
    assert pack.read(f"{first.number}.pdf") == pdf
    assert pack.read(f"{first.number}.xml") == archive.embedded_xml(pdf)
    assert [row["Numéro"] for row in table(made(claire, 2027), 2027)] == [later.number]


def test_the_table_says_amounts_days_and_what_a_document_refers_to(claire: Customer) -> None:
    invoice = an_invoice(claire)
    note = crediting.credit(invoice, amount=None, reason="Retour", refund=True, shown=0)  # type: ignore[arg-type]
    assert note is not None
    draw(note)
    sold, back = table(made(claire))
    assert sold == {
        "Numéro": invoice.number, "Type": "Facture", "Date": "24/11/2026", "Commande": invoice.order.number,
        "Client": "Claire Martin", "Total HT": "26,43", "TVA": "5,29", "Total TTC": "31,72", "Devise": "EUR",
        "Facture d'origine": "", "Fichier": f"{invoice.number}.pdf",
    }  # fmt: skip
    assert (back["Type"], back["Total TTC"], back["Facture d'origine"]) == ("Avoir", "-31,72", invoice.number)


@pytest.mark.parametrize("name", ["=1+1", "+33 1", "-2", "@SUM(A1)", "\t=1", "＝1", " =cmd|' /C calc'!A0"])
@pytest.mark.databases("sqlite")
def test_no_cell_is_a_formula(claire: Customer, name: str) -> None:
    an_invoice(claire, company=name)
    (row,) = table(made(claire))
    assert row["Client"].startswith("'")
    assert row["Client"].lstrip("'").strip() == name.strip()


@pytest.mark.databases("sqlite")
def test_separators_and_quotes_stay_in_their_cell(claire: Customer) -> None:
    an_invoice(claire, company='Martin; "Fils"')
    (row,) = table(made(claire))
    assert (row["Client"], row["Devise"]) == ('Martin; "Fils"', "EUR")


def test_what_nobody_has_drawn_yet_is_drawn(claire: Customer) -> None:
    invoice = an_invoice(claire, drawn=False)
    assert made(claire).read(f"{invoice.number}.pdf").startswith(b"%PDF")


def test_pressing_twice_makes_one_and_no_mail(claire: Customer) -> None:
    an_invoice(claire)
    first = asked(claire).id
    assert asked(claire).id == first
    assert row_of(claire).total == 1
    for _run in range(2):
        run(first)
    assert asked(claire).id == first  # It holds all that there is.
    assert db.session.scalar(select(func.count()).where(Delivery.kind == "data_export")) == 0
    acts = db.session.scalars(select(AuditEntry.action).where(AuditEntry.action.like("year_pack.%"))).all()
    assert sorted(acts) == ["year_pack.made", "year_pack.requested"]


def test_of_two_presses_at_once_the_second_finds_the_pack_of_the_first(
    claire: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_invoice(claire)

    def hit(*_given: object) -> None:
        monkeypatch.undo()
        assert year_packs.request(claire, 2026)

    monkeypatch.setattr(limits, "hit", hit)
    assert year_packs.request(claire, 2026)
    assert db.session.scalar(select(func.count()).select_from(DataExport)) == 1


def test_the_database_takes_no_second_pack_of_a_year_under_way(claire: Customer) -> None:
    db.session.add_all(DataExport(customer_id=claire.id, year=2026) for _time in range(2))
    with pytest.raises(IntegrityError):
        db.session.commit()
    db.session.rollback()
    db.session.add_all(DataExport(customer_id=claire.id, year=year) for year in (2025, 2026))
    db.session.commit()


def test_what_was_issued_since_is_said_and_the_next_pack_takes_the_place_of_the_first(claire: Customer) -> None:
    an_invoice(claire)
    first = len(made(claire).namelist())
    an_invoice(claire)
    pack = year_packs.of(claire, [2026])[2026]
    assert (pack.state, pack.missing) == ("made", 1)
    assert len(made(claire).namelist()) == first + 2
    assert year_packs.of(claire, [2026])[2026].missing == 0
    assert db.session.scalar(select(func.count()).select_from(DataExport)) == 1
    assert db.session.scalar(select(func.count(func.distinct(ExportPart.export_id)))) == 1


def test_a_year_without_documents_has_no_pack(claire: Customer) -> None:
    an_invoice(claire)
    assert not year_packs.request(claire, 2025)
    assert not year_packs.request(a_customer(email="paul@example.org"), 2026)


def test_more_than_twelve_in_a_day_are_too_many(claire: Customer) -> None:
    an_invoice(claire)
    for _time in range(12):
        asked(claire).become("failed")
        db.session.commit()
    with pytest.raises(limits.TooMany):
        year_packs.request(claire, 2026)


def test_nobody_else_reaches_it_and_nobody_elses_documents_are_in_it(claire: Customer) -> None:
    own = an_invoice(claire)
    paul = a_customer(email="paul@example.org")
    an_invoice(paul)
    pack = made(claire)
    assert [row["Numéro"] for row in table(pack)] == [own.number]
    assert bytes_of(paul) is None
    assert year_packs.of(paul, [2026])[2026].state == ""
    made(paul)
    assert [row["Numéro"] for row in table(ZipFile(BytesIO(bytes_of(claire) or b"")))] == [own.number]
    assert data_exports.content(claire, row_of(claire).id) is None
    assert data_exports.latest(claire) is None


def test_a_document_that_has_left_the_account_takes_the_pack_along(claire: Customer) -> None:
    an_invoice(claire)
    leaving = an_invoice(claire).order_id
    made(claire)
    invoicing.hand_over(db.session.get_one(Order, leaving), a_customer(email="paul@example.org"))
    db.session.commit()
    assert bytes_of(claire) is None
    pack = year_packs.of(claire, [2026])[2026]
    assert (pack.state, pack.missing) == ("", 1)
    assert len(table(made(claire))) == 1


def test_an_erased_account_leaves_no_part_of_it(claire: Customer) -> None:
    an_invoice(claire)
    made(claire)
    assert db.session.scalar(select(func.count()).select_from(ExportPart)) == 1
    erasure.erase_address(claire.email)
    assert db.session.scalar(select(func.count()).select_from(ExportPart)) == 0
    with pytest.raises(NotTheirs):
        invoicing.lock_account(claire.id)


def test_it_is_forgotten_with_its_parts_after_a_week(claire: Customer, frozen_clock: time_machine.Traveller) -> None:
    an_invoice(claire)
    made(claire)
    frozen_clock.shift(data_exports.KEPT - timedelta(minutes=1))
    sweep._forget_the_expired()
    assert bytes_of(claire) is not None
    frozen_clock.shift(timedelta(minutes=2))
    sweep._forget_the_expired()
    assert bytes_of(claire) is None
    assert db.session.scalar(select(func.count()).select_from(ExportPart)) == 0


def _killed(*_given: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("where", ["packing", "telling", "storing", "stored"])
def test_one_whose_worker_was_killed_is_made_by_another_as_if_nothing_had_been(
    claire: Customer, frozen_clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    invoices = [an_invoice(claire) for _ in range(3)]
    monkeypatch.setattr(year_packs, "PART", 50_000)
    number = asked(claire).id
    with monkeypatch.context() as patched:
        _kill(patched, where)
        with pytest.raises(KeyboardInterrupt):
            run(number)
    db.session.rollback()
    assert row_of(claire).state == "requested"
    assert bytes_of(claire) is None
    run(number)
    assert row_of(claire).state == "requested"  # Its lease lasts.
    frozen_clock.shift(leases.LEASE + timedelta(seconds=1))
    assert sweep._due(*sweep.TO_WORK_ON["export_data"]) == [number]
    run(number)
    assert (row_of(claire).state, row_of(claire).done, row_of(claire).total) == ("made", 3, 3)
    pack = ZipFile(BytesIO(bytes_of(claire) or b""))
    assert pack.testzip() is None
    assert [row["Numéro"] for row in table(pack)] == [one.number for one in invoices]
    assert db.session.scalar(select(func.count()).select_from(ExportPart)) == -(-row_of(claire).size // 50_000)


def _kill(patched: pytest.MonkeyPatch, where: str) -> None:
    if where == "packing":
        patched.setattr(archive, "embedded_xml", _killed)
    elif where == "telling":
        patched.setattr(year_packs, "_tell", _killed)
    elif where == "stored":
        patched.setattr(DataExport, "become", _killed)
    else:
        keep, seen = leases.keep, iter(range(100))

        def killed_at_the_second_part(*given: object) -> DataExport:
            # The first sign of life begins, three tell of a document each, then the parts follow.
            return _killed() if next(seen) == 5 else keep(*given)  # type: ignore[func-returns-value, arg-type, return-value]

        patched.setattr(leases, "keep", killed_at_the_second_part)


@pytest.mark.parametrize("when", ["before the parts", "after the parts"])
def test_who_was_slow_writes_nothing_once_another_holds_it(
    claire: Customer, frozen_clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    an_invoice(claire)
    number, store = asked(claire).id, year_packs._store

    def overtaken(*given: object) -> int:
        monkeypatch.undo()
        size = store(*given) if when == "after the parts" else 0  # type: ignore[arg-type]
        frozen_clock.shift(leases.LEASE + timedelta(seconds=1))
        run(number)
        return size or store(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(year_packs, "_store", overtaken)
    run(number)
    assert row_of(claire).state == "made"
    assert ZipFile(BytesIO(bytes_of(claire) or b"")).testzip() is None
    assert db.session.scalar(select(func.count()).where(AuditEntry.action == "year_pack.made")) == 1


def test_while_it_is_made_it_says_how_far_it_is(claire: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        an_invoice(claire)
    number, embedded, seen = asked(claire).id, archive.embedded_xml, []

    def looked_at(pdf: bytes) -> bytes | None:
        pack = year_packs.of(claire, [2026])[2026]
        seen.append((pack.state, pack.done, pack.total))
        return embedded(pdf)

    monkeypatch.setattr(archive, "embedded_xml", looked_at)
    run(number)
    assert seen == [("requested", done, 3) for done in range(3)]


@pytest.mark.parametrize("trouble", [OSError("disk"), storage.Corrupt("x")])
def test_while_the_documents_are_away_it_is_put_off(
    claire: Customer, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    an_invoice(claire)

    def away(*_given: object) -> None:
        raise trouble

    monkeypatch.setattr(files, "read", away)
    number = asked(claire).id
    run(number)
    row = row_of(claire)
    assert (row.state, row.attempts, row.lease_token) == ("requested", 1, None)
    assert row.due_at is not None
    assert row.due_at > NOVEMBER + timedelta(seconds=30)


def test_what_failed_five_times_is_an_incident_until_it_is_asked_again(
    claire: Customer, frozen_clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_invoice(claire)
    number = asked(claire).id
    with monkeypatch.context() as patched:
        patched.setattr(archive, "embedded_xml", _killed)
        for _run in range(5):
            with pytest.raises(KeyboardInterrupt):
                run(number)
            db.session.rollback()
            frozen_clock.shift(leases.LEASE + timedelta(seconds=1))
    data_exports.park_killers()
    assert year_packs.of(claire, [2026])[2026].state == "failed"
    failed = select(AuditEntry.customer_id, AuditEntry.detail).where(AuditEntry.action == "year_pack.failed")
    assert db.session.execute(failed).all() == [(claire.id, "2026")]
    assert incidents._conditions()["export"]
    data_exports.request(claire)  # Another file of theirs settles nothing.
    assert data_exports.is_one_owed()
    made(claire)
    assert not data_exports.is_one_owed()


def test_many_documents_need_no_more_memory_than_few(claire: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(12):
        an_invoice(claire, drawn=False)
    heavy = bytes(range(256)) * 8192  # 2 MiB a document: 24 in all.
    monkeypatch.setattr(files, "ensure", lambda _id: None)
    monkeypatch.setattr(files, "read", lambda _document: bytes(heavy))
    monkeypatch.setattr(archive, "embedded_xml", lambda _pdf: None)
    number = asked(claire).id
    tracemalloc.start()
    try:
        run(number)
        packed = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        _size, pieces = year_packs.content(claire, 2026) or pytest.fail("there is none")
        read = sum(len(piece) for piece in pieces)
        sent = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert row_of(claire).state == "made"
    assert read > 12 * len(heavy)
    assert max(packed, sent) < 6 * len(heavy)


def test_the_same_documents_give_the_same_bytes(claire: Customer, frozen_clock: time_machine.Traveller) -> None:
    an_invoice(claire)

    def packs() -> Iterator[bytes | None]:
        for _time in range(2):
            made(claire)
            yield bytes_of(claire)
            db.session.delete(row_of(claire))
            db.session.commit()
            frozen_clock.shift(timedelta(hours=30))

    first, second = packs()
    assert first
    assert first == second
