"""What the figures of any shop system have in common."""

import pytest

from shops import amounts


@pytest.mark.parametrize("written", ["1e999999999", "-1e40", "1e-999999999", "0e999999999"])
def test_a_few_characters_do_not_become_a_gigabyte_of_digits(written: str) -> None:
    with pytest.raises(amounts.UnreadableAmount):
        amounts.decimal(written)
