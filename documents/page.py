"""What a document says, in the order in which it is read; the PDF and its HTML twin are both made of it.

`contents` gives texts as they are. For the PDF every expression of the template passes `fonts.printable` and is then
escaped: whatever customers type is text, never markup, and never a box that no font can draw.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import zip_longest

from babel import Locale
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from documents import fonts, formatting, mentions
from documents.cases import FRANCHISE, MARGIN
from documents.formatting import NO_BREAK, date_words, money, number
from documents.logo import Logo
from documents.renderer import TEMPLATES
from documents.seller import Identity
from documents.snapshot import DeliveryAddress, Snapshot
from documents.totals import Line, LineAmounts, RateAmounts
from documents.words import Words, words
from parties.details import Details

# Sales under the margin scheme say nothing of VAT but this (CGI art. 297 E, ann. II art. 242 nonies A, I-16°).
_MARGIN_TEXTS = frozenset(row.text for row in mentions.REASONS if row.key in MARGIN)
# A document of more lines keeps each line's reference beside its words, for half the paper.
_SHORT = 12


@dataclass(frozen=True, slots=True)
class RunningParts:
    """What every page carries around its content; `head` is for the second page on, `page` has {page} and {pages}."""

    accent: str
    head: str
    foot: tuple[str, ...]
    page: str
    watermark: str
    fallbacks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Party:
    """The seller, the buyer, or who the goods went to."""

    label: str
    name: str
    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the lines; `kind` is one of what, qty, unit, vat, net and gross."""

    kind: str
    label: str


@dataclass(frozen=True, slots=True)
class Item:
    """One line: its description, what is said below in small letters, and one figure for each further column."""

    description: str
    notes: tuple[str, ...]
    figures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sum:
    """One of the amounts that the document comes to; `style` is rule, grand or left."""

    label: str
    amount: str
    style: str


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything a document says, in its language; legal texts in French. `vat_rows` fit under `vat_head`."""

    language: str
    word: str
    number: str
    dated: str
    shop_name: str
    accent: str
    logo: Logo | None
    specimen: str
    references: tuple[str, ...]
    parties: tuple[Party, ...]
    facts: tuple[tuple[str, str], ...]
    columns: tuple[Column, ...]
    items: tuple[Item, ...]
    discounts: tuple[Item, ...]
    vat_head: tuple[str, ...]
    vat_rows: tuple[tuple[str, ...], ...]
    sums: tuple[Sum, ...]
    payment: tuple[str, ...]
    mentions: tuple[str, ...]
    legal_lines: tuple[str, str]

    @property
    def title(self) -> str:
        """What the document is called, « Facture FA-2026-000123 »."""
        return f"{self.word} {self.number}"


def contents(snapshot: Snapshot) -> Contents:
    """Everything the document says, in the snapshot's language.

    A document that bears no VAT by its nature (franchise, margin scheme, gift cards alone) shows one amount a line and
    no VAT table: a seller who names VAT there would owe it (CGI art. 283, 3).
    """
    said = words(snapshot.language)
    with_vat = any(_bears_vat(snapshot, row) for row in snapshot.totals.rates)
    texts = snapshot.mentions[1:] if snapshot.trial else snapshot.mentions
    return Contents(
        language=snapshot.language,
        word=_word(snapshot, said),
        number=snapshot.number,
        dated=said.dated.format(date=date_words(snapshot.issue_date, snapshot.language)),
        shop_name=snapshot.seller.shop_name,
        accent=snapshot.seller.accent,
        logo=snapshot.seller.logo,
        specimen=snapshot.mentions[0] if snapshot.trial else "",
        references=tuple(_references(snapshot, said)),
        parties=tuple(_parties(snapshot, said)),
        facts=tuple(_facts(snapshot, said)),
        columns=_columns(said, with_vat=with_vat),
        items=_items(snapshot, said, with_vat=with_vat),
        discounts=_discounts(snapshot, said, with_vat=with_vat),
        vat_head=(said.vat_by_rate, said.base, said.vat, said.gross) if with_vat else (),
        vat_rows=tuple(_vat_row(snapshot, said, row) for row in snapshot.totals.rates) if with_vat else (),
        sums=tuple(_sums(snapshot, said, with_vat=with_vat)),
        payment=tuple(_payment(snapshot, said)),
        mentions=tuple(_mention(text, with_vat=with_vat) for text in texts),
        legal_lines=legal_lines(snapshot.seller.identity),
    )


def html(snapshot: Snapshot) -> str:
    """The page as HTML for the PDF's layout, its texts printable and escaped."""
    page = contents(snapshot)
    body = (
        _environment()
        .get_template("body.html")
        .render(
            page=page,
            totals=list(zip_longest([page.vat_head, *page.vat_rows] if page.vat_head else [], page.sums)),
            short=len(page.items) <= _SHORT,
        )
    )
    running_text = "".join(_running_text(snapshot))
    return (
        _environment()
        .get_template("page.html")
        .render(
            page=page,
            body=body.replace("\n", ""),  # Each blank between two elements is one more for the library to lay out.
            logo_size=page.logo.fitted(50, 18) if page.logo else None,
            fallbacks=[(name, fonts.FALLBACKS[name]) for name in fonts.families(body + running_text)],
        )
    )


def running(snapshot: Snapshot) -> RunningParts:
    """The head, foot and watermark that the canvas draws on each page, their texts printable."""
    head, *foot = _running_text(snapshot)
    return RunningParts(
        accent=snapshot.seller.accent,
        head=head,
        foot=tuple(foot),
        page=words(snapshot.language).page,
        watermark="SPÉCIMEN" if snapshot.trial else "",
        fallbacks=fonts.families("".join([head, *foot])),
    )


def title(snapshot: Snapshot) -> str:
    """What the document is called, « Facture FA-2026-000123 »."""
    return f"{_word(snapshot, words(snapshot.language))} {snapshot.number}"


def warm_up() -> None:
    """Afterwards the templates and our own fonts are read."""
    _environment().get_template("body.html")
    _environment().get_template("page.html")
    fonts.warm_up()


def legal_lines(identity: Identity) -> tuple[str, str]:
    """The seller's mandatory identity in two lines, in French (Code de commerce R123-237, R123-238)."""
    form = identity.legal_form
    if identity.capital is not None:
        places = 0 if identity.capital == identity.capital.to_integral_value() else 2
        form = f"{form} au capital de {number(identity.capital, places)}{NO_BREAK}€".strip()
    place = f"{identity.line1}, {identity.postal_code} {identity.city}"
    numbers = [f"SIRET {grouped(identity.siret, 3, 3, 3, 5)}"]
    if identity.rcs:
        numbers.insert(0, f"RCS {identity.rcs} {grouped(identity.siren, 3, 3, 3)}")
    if identity.vat_number:
        numbers.append(f"TVA {identity.vat_number}")
    return " · ".join(part for part in (identity.name, form, place) if part), " · ".join(numbers)


def grouped(digits: str, *sizes: int) -> str:
    """A number in groups kept together by U+00A0, « 123 456 782 »; unchanged when it has another length."""
    if len(digits) != sum(sizes):
        return digits
    parts, start = [], 0
    for size in sizes:
        parts.append(digits[start : start + size])
        start += size
    return NO_BREAK.join(parts)


def address_lines(address: Details | DeliveryAddress | Identity, language: str = "fr") -> list[str]:
    """Street, place and, outside France, the country in capitals, as the post wants them."""
    abroad = address.country != "FR"
    country = Locale(language).territories.get(address.country, address.country).upper() if abroad else ""
    place = f"{address.postal_code} {address.city}".strip()
    return [line for line in (address.line1, address.line2, place, country) if line]


def unit_prices(amounts: tuple[LineAmounts, ...], language: str = "fr") -> list[str]:
    """The net price of one piece of each line, all with as few decimals (2 to 6) as let readers check every line.

    Rounded quantity × price is the line's amount before its own discount (BT-129, BT-146, BT-131).
    """
    for places in range(2, 6):
        step = Decimal(1).scaleb(-places)
        if all(
            formatting.rounded(line.quantity * formatting.rounded(line.unit_net, step))
            == formatting.rounded(line.quantity * line.unit_net)
            for line in amounts
        ):
            return [number(line.unit_net, places, language) for line in amounts]
    return [number(line.unit_net, 6, language) for line in amounts]


def _word(snapshot: Snapshot, said: Words) -> str:
    return said.credit_note if snapshot.kind == "credit_note" else said.invoice


def _running_text(snapshot: Snapshot) -> Iterator[str]:
    identity = snapshot.seller.identity
    yield fonts.printable(f"{identity.name} · {title(snapshot)}")
    yield from (fonts.printable(line) for line in legal_lines(identity))


def _references(snapshot: Snapshot, said: Words) -> Iterator[str]:
    """The earlier document that this one names without ambiguity (BG-3; CGI art. 289, I-5), and why."""
    if snapshot.refers_to is not None:
        sentence = said.credit_of if snapshot.kind == "credit_note" else said.replaces
        day = date_words(snapshot.refers_to.issue_date, snapshot.language)
        yield sentence.format(number=snapshot.refers_to.number, date=day)
    if snapshot.reason:
        yield said.reason.format(reason=snapshot.reason)


def _parties(snapshot: Snapshot, said: Words) -> Iterator[Party]:
    identity, buyer = snapshot.seller.identity, snapshot.buyer
    contact = [text for text in (identity.email, identity.phone) if text]
    yield Party(said.seller, identity.name, (*address_lines(identity, snapshot.language), *contact))
    rows = [said.contact.format(name=buyer.contact)] if buyer.contact else []
    rows += address_lines(buyer, snapshot.language)
    company = buyer.kind == "company"
    if company and buyer.siren:
        rows.append(said.siren.format(number=grouped(buyer.siren, 3, 3, 3)))
    if company and buyer.vat_number:
        rows.append(said.vat_number.format(number=buyer.vat_number))
    if buyer.tax_id and buyer.tax_id not in (buyer.siren, buyer.siret, buyer.vat_number):
        rows.append(said.tax_id.format(number=buyer.tax_id))
    yield Party(said.billed_to, buyer.display_name, tuple(rows))
    if delivery := snapshot.delivery:
        rows = address_lines(delivery, snapshot.language)
        yield Party(said.delivered_to, delivery.name or buyer.display_name, tuple(rows))


def _facts(snapshot: Snapshot, said: Words) -> Iterator[tuple[str, str]]:
    """What the strip under the addresses says, label by label; unknown dates are left out."""
    order = snapshot.order
    yield said.order, order.number
    days = (
        (said.placed_on, order.placed_on),
        (said.shipped_on, order.shipped_on),
        (said.delivered_on, order.delivered_on),
    )
    yield from ((label, date_words(day, snapshot.language)) for label, day in days if day)
    if order.purchase_order:
        yield said.your_reference, order.purchase_order


def _columns(said: Words, *, with_vat: bool) -> tuple[Column, ...]:
    what, qty = Column("what", said.description), Column("qty", said.quantity)
    if not with_vat:
        return what, qty, Column("unit", said.unit_price), Column("gross", said.amount)
    unit, vat = Column("unit", said.unit_price_net), Column("vat", said.vat)
    return what, qty, unit, vat, Column("net", said.net), Column("gross", said.gross)


def _items(snapshot: Snapshot, said: Words, *, with_vat: bool) -> tuple[Item, ...]:
    language = snapshot.language
    prices = unit_prices(snapshot.totals.lines, language)
    rows = zip(snapshot.sale.lines, snapshot.totals.lines, prices, strict=True)
    return tuple(
        Item(
            line.description,
            tuple(_notes(snapshot, said, line, amounts, with_vat=with_vat)),
            (
                formatting.quantity(amounts.quantity, language),
                price,
                *_amounts(snapshot, snapshot.totals.row_of(line), amounts.net, amounts.gross, with_vat=with_vat),
            ),
        )
        for line, amounts, price in rows
    )


def _notes(snapshot: Snapshot, said: Words, line: Line, amounts: LineAmounts, *, with_vat: bool) -> Iterator[str]:
    if line.sku:
        yield said.reference.format(sku=line.sku)
    if amounts.discount_net:
        sentence = said.line_discount_net if with_vat else said.line_discount
        yield sentence.format(amount=money(amounts.discount_net, snapshot.currency, snapshot.language))


def _discounts(snapshot: Snapshot, said: Words, *, with_vat: bool) -> tuple[Item, ...]:
    """The order's discount, a row for each rate it was spread over."""
    return tuple(
        Item(said.order_discount, (), ("", "", *_amounts(snapshot, row, -row.net, -row.gross, with_vat=with_vat)))
        for row in snapshot.totals.discounts
    )


def _amounts(snapshot: Snapshot, row: RateAmounts | None, net: Decimal, gross: Decimal, *, with_vat: bool) -> list[str]:
    """A line's rate and amounts, « 20 % » and « 0 % (K) » with the category that the reason at the foot names."""
    amount = number(gross, 2, snapshot.language)
    if not with_vat:
        return [amount]
    if row is None or not (row.rate or row.category):
        label = "\u2013"
    elif row.rate:
        label = formatting.rate(row.rate, snapshot.language)
    elif _bears_vat(snapshot, row):
        label = f"{formatting.rate(row.rate, snapshot.language)} ({row.category})"
    else:
        label = f"({row.category})"
    return [label, number(net, 2, snapshot.language), amount]


def _bears_vat(snapshot: Snapshot, row: RateAmounts) -> bool:
    """Whether a rate is said of the row: not under the margin scheme or the franchise, nor outside VAT's scope."""
    if row.rate:
        return True
    franchise = snapshot.seller.vat_regime.regime == "franchise" or row.exemption == FRANCHISE
    return not (franchise or row.category == "O" or row.exemption in MARGIN)


def _vat_row(snapshot: Snapshot, said: Words, row: RateAmounts) -> tuple[str, ...]:
    label, net, gross = _amounts(snapshot, row, row.net, row.gross, with_vat=True)
    if row.exemption in MARGIN:
        return f"{said.margin} {label}", "", "", gross
    if row.category == "O":
        return f"{said.outside} {label}", net, "", gross
    return label, net, number(row.vat, 2, snapshot.language), gross


def _sums(snapshot: Snapshot, said: Words, *, with_vat: bool) -> Iterator[Sum]:
    def amount(value: Decimal) -> str:
        return money(value, snapshot.currency, snapshot.language)

    totals, payment = snapshot.totals, snapshot.payment
    if with_vat:
        yield Sum(said.total_net, amount(totals.net), "rule")
        yield Sum(said.total_vat, amount(totals.vat), "rule")
    yield Sum(said.total_gross if with_vat else said.total, amount(totals.gross), "grand")
    if snapshot.settlement == "set_off":
        return
    refund = snapshot.settlement == "refund"
    yield Sum(said.refunded if refund else said.paid, amount(payment.paid), "rule")
    yield Sum(said.left_to_refund if refund else said.left, amount(payment.left), "left")


def _payment(snapshot: Snapshot, said: Words) -> Iterator[str]:
    """How it was paid and what is left to pay or, of a credit note, to give back."""
    payment, language = snapshot.payment, snapshot.language
    paid, left = (money(amount, snapshot.currency, language) for amount in (payment.paid, payment.left))
    if snapshot.settlement == "set_off":
        yield said.no_refund
    elif payment.paid and payment.paid_on:
        refund = snapshot.settlement == "refund"
        whole, part = (
            (said.refunded_in_full, said.refunded_in_part) if refund else (said.paid_in_full, said.paid_in_part)
        )
        how, day = f" {said.paid_by(payment.words)}".rstrip(), date_words(payment.paid_on, language)
        yield (part if payment.left else whole).format(date=day, how=how, amount=paid)
    if snapshot.settlement == "refund" and payment.left:
        yield said.to_refund.format(amount=left)
    if snapshot.settlement == "payment" and payment.due_on:
        yield from _due(snapshot, said, left, date_words(payment.due_on, language))
    if snapshot.vat_in_euros is not None and snapshot.exchange_rate:
        yield said.vat_in_euros.format(
            amount=money(snapshot.vat_in_euros, "EUR", language),
            currency=snapshot.currency,
            rate=formatting.exchange_rate(snapshot.exchange_rate, language),
        )


def _due(snapshot: Snapshot, said: Words, left: str, day: str) -> Iterator[str]:
    """By when and where to pay; a company reads the due date of what is paid too (Code de commerce L441-9)."""
    identity = snapshot.seller.identity
    if not snapshot.payment.left:
        if snapshot.buyer.kind == "company":
            yield said.due_on.format(date=day)
    elif identity.iban:
        account = f"IBAN{NO_BREAK}{grouped(identity.iban, 4, 4, 4, 4, 4, 4, 3)}"
        account += f", BIC{NO_BREAK}{identity.bic}" if identity.bic else ""
        yield said.to_pay_by_transfer.format(amount=left, date=day, account=account)
    else:
        yield said.to_pay.format(amount=left, date=day)


def _mention(text: str, *, with_vat: bool) -> str:
    """A legal text as it was frozen, but without « TVA 0 % » where no rate may be named."""
    found = mentions.WITHOUT_VAT.fullmatch(text)
    if found is None:
        return text
    category, words_of_law = found.groups()
    if not with_vat:
        return words_of_law
    unnamed = category == "O" or words_of_law in _MARGIN_TEXTS
    return f"({category}){NO_BREAK}: {words_of_law}" if unnamed else text


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: fonts.printable(value) if type(value) is str else value,
    )
