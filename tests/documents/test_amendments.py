"""Decisions about figures that do not stand: what they name, what then counts, and what makes up a difference."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents import amendments, canonical, differences, totals
from documents.amendments import Amendment
from documents.totals import DoesNotAddUp, Line, Sale

SHIRT = Line(description="T-shirt", sku="TS", quantity=Decimal(2), unit_price=Decimal("14.90"), vat_rate=Decimal(20))
CARRIAGE = Line(
    description="Livraison", quantity=Decimal(1), unit_price=Decimal("4.90"), vat_rate=Decimal(20), kind="shipping"
)
TWENTY = (Decimal(20), "S", "")


def a_sale(*lines: Line, ttc: bool = True, **changes: object) -> Sale:
    facts: dict[str, object] = {
        "prices_include_tax": ttc,
        "lines": lines or (SHIRT, CARRIAGE),
        "total": Decimal("34.70"),
    }
    return Sale(**(facts | changes))  # type: ignore[arg-type]


def test_a_fingerprint_names_the_figures_and_nothing_else() -> None:
    sale = a_sale()
    named = amendments.fingerprint(sale, "EUR", None)
    assert named == amendments.fingerprint(
        a_sale(replace(SHIRT, description="Maillot", sku="X"), CARRIAGE), "EUR", None
    )
    assert named == amendments.fingerprint(a_sale(replace(SHIRT, vat_rate=Decimal("20.00")), CARRIAGE), "EUR", None)
    others = [
        amendments.fingerprint(a_sale(total=Decimal("34.71")), "EUR", None),
        amendments.fingerprint(a_sale(replace(SHIRT, tax=Decimal("4.97")), CARRIAGE), "EUR", None),
        amendments.fingerprint(sale, "CHF", None),
        amendments.fingerprint(sale, "EUR", Decimal("0.9")),
    ]
    assert len({named, *others}) == 5


def test_corrected_lines_keep_the_words_and_places_of_the_shops() -> None:
    corrected = (replace(SHIRT, description="?", vat_rate=Decimal("5.5")), CARRIAGE)
    amendment = Amendment("corrected", of="", lines=corrected)
    assert amendments.amended(a_sale(), amendment).lines == (replace(SHIRT, vat_rate=Decimal("5.5")), CARRIAGE)
    assert amendments.amended(a_sale(), Amendment("ignored", of="")) == a_sale()
    assert canonical.loads(Amendment, canonical.dumps(amendment)) == amendment


@pytest.mark.parametrize("ttc", [True, False])
@pytest.mark.parametrize("cents", [1, -1, 7, -250, 599])
def test_one_line_makes_up_the_whole_difference(ttc: bool, cents: int) -> None:
    charged = totals.expected(a_sale(ttc=ttc)).gross + Decimal(cents) / 100
    sale = a_sale(ttc=ttc, total=charged)
    assert amendments.missing(sale) == Decimal(cents) / 100
    balanced = amendments.balanced(sale, TWENTY)
    assert totals.compute(balanced).gross == charged
    assert balanced.lines[:2] == sale.lines
    assert [line.description for line in balanced.lines[2:]] == ["Ajustement"]


@given(
    cents=st.lists(st.integers(1, 50_000), min_size=1, max_size=5),
    off=st.integers(-2_000, 2_000),
    ttc=st.booleans(),
    rate=st.sampled_from(amendments.RATES),
)
def test_whatever_was_charged_one_line_makes_up_for_it(cents: list[int], off: int, ttc: bool, rate: Decimal) -> None:
    lines = tuple(replace(SHIRT, unit_price=Decimal(each) / 100, quantity=Decimal(1)) for each in cents)
    whole = totals.expected(a_sale(*lines, ttc=ttc)).gross
    charged = max(whole + Decimal(off) / 100, Decimal("0.01"))
    try:
        balanced = amendments.balanced(a_sale(*lines, ttc=ttc, total=charged), (rate.normalize(), "S", ""))
    except DoesNotAddUp:
        # A reduction at a rate that nothing was sold at is no reduction of it.
        assert charged < whole
        return
    assert totals.compute(balanced).gross == charged
    assert len(balanced.lines) <= len(lines) + 1


def test_taxes_alone_that_contradict_the_rates_need_no_line() -> None:
    sale = a_sale(replace(SHIRT, tax=Decimal("9.99")), CARRIAGE)
    balanced = amendments.balanced(sale, None)
    assert balanced == totals.without_taxes(sale)
    right = a_sale(replace(SHIRT, tax=Decimal("4.96")), CARRIAGE)
    assert amendments.balanced(right, None) == right  # Within a cent the shop's taxes stay.
    kept = amendments.balanced(replace(right, total=Decimal("35.70")), TWENTY)
    assert kept.lines[0].tax == Decimal("4.96")


def test_a_difference_without_a_rate_for_it_stays_one() -> None:
    with pytest.raises(DoesNotAddUp):
        amendments.balanced(a_sale(total=Decimal("40.00")), None)


def test_an_adjustment_may_have_the_rates_of_the_lines_and_the_usual_ones() -> None:
    exempt = replace(SHIRT, vat_rate=Decimal(0), vat_category="E", exemption="CGI art. 261")
    gift, unknown = (replace(exempt, vat_category=each, exemption=None, kind="voucher") for each in ("O", None))
    keys = amendments.rates(a_sale(exempt, gift, unknown, replace(SHIRT, vat_rate=Decimal("8.5"))))
    assert keys[0][1:] == ("E", "CGI art. 261")
    assert [key[0] for key in keys[1:]] == [Decimal("8.5"), Decimal(20), Decimal(10), Decimal("5.5"), Decimal("2.1")]
    adjusted = amendments.balanced(a_sale(exempt, total=Decimal("30.00")), keys[0]).lines[-1]
    assert (adjusted.vat_category, adjusted.exemption, adjusted.amount) == ("E", "CGI art. 261", Decimal("0.20"))


def test_the_shops_figures_stand_beside_ours() -> None:
    sale = a_sale(replace(SHIRT, tax=Decimal("5.97")), CARRIAGE, total=Decimal("36.70"), total_tax=Decimal("6.79"))
    table = differences.of(sale)
    shirts, carriage = table.lines
    assert (shirts.shop, shirts.ours, shirts.difference) == (Decimal("5.97"), Decimal("4.97"), Decimal("1.00"))
    assert shirts.is_wrong
    assert shirts.counted == "2 × 14,90 = 29,80 TTC, TVA 20\u00a0%"
    assert (carriage.shop, carriage.difference, carriage.is_wrong) == (None, None, False)
    (rate,) = table.rates
    assert (rate.label, rate.counted, rate.shop, rate.ours) == (
        "TVA 20\u00a0%", "base HT 28,92", Decimal("6.79"), Decimal("5.78"),
    )  # fmt: skip
    vat, total = table.totals
    assert (vat.difference, vat.is_wrong) == (Decimal("1.01"), True)
    assert (total.shop, total.ours, total.difference, total.is_wrong) == (
        Decimal("36.70"), Decimal("34.70"), Decimal("2.00"), True,
    )  # fmt: skip


def test_what_rounding_explains_is_no_contradiction() -> None:
    sale = a_sale(
        replace(SHIRT, tax=Decimal("4.96")), replace(CARRIAGE, tax=Decimal("0.82")), total_tax=Decimal("5.78")
    )
    table = differences.of(sale)
    assert [row.is_wrong for row in (*table.lines, *table.rates, *table.totals)] == [False] * 5
    assert table.lines[0].difference == Decimal("-0.01")


def test_a_changed_order_stands_beside_its_invoice() -> None:
    invoiced = totals.expected(a_sale())
    now = totals.expected(
        a_sale(replace(SHIRT, vat_rate=Decimal("5.5")), replace(CARRIAGE, unit_price=Decimal("3.90")))
    )
    rows = [(row.label, row.counted, row.shop, row.ours, row.is_wrong) for row in differences.since(invoiced, now)]
    assert rows == [
        ("TVA 20\u00a0%", "base HT 28,92 → 3,25", Decimal("0.65"), Decimal("5.78"), True),
        ("TVA 5,5\u00a0%", "base HT 0,00 → 28,25", Decimal("1.55"), Decimal("0.00"), True),
        ("Total HT", "", Decimal("31.50"), Decimal("28.92"), True),
        ("TVA", "", Decimal("2.20"), Decimal("5.78"), True),
        ("Total TTC", "", Decimal("33.70"), Decimal("34.70"), True),
    ]
    assert not any(row.is_wrong for row in differences.since(now, now))


def test_a_discount_beyond_the_lines_leaves_nothing_to_compare_by_rate() -> None:
    table = differences.of(a_sale(order_discount=Decimal("50.00"), total=Decimal("0.00")))
    assert table.rates == ()
    assert table.totals[0].ours is None
    assert not table.totals[0].is_wrong
