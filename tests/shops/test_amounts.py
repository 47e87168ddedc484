"""What the figures of any shop system have in common."""

from decimal import Decimal

import pytest

from shops import amounts


@pytest.mark.parametrize("written", ["1e999999999", "-1e40", "1e-999999999", "0e999999999"])
def test_a_few_characters_do_not_become_a_gigabyte_of_digits(written: str) -> None:
    with pytest.raises(amounts.UnreadableAmount):
        amounts.decimal(written)


@pytest.mark.parametrize(("before", "quantity"), [("10.00", "7"), ("8.33", "999"), ("0.005", "1"), ("9.99", "0.3")])
def test_what_cost_nothing_in_the_end_has_a_discount_within_its_price(before: str, quantity: str) -> None:
    line = {
        name: Decimal(said) for name, said in amounts.priced(Decimal(before), Decimal(0), Decimal(quantity)).items()
    }

    assert 0 <= line["unit_price"] * line["quantity"] - line["discount"] < Decimal("0.005")
