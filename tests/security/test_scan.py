"""What the scan makes of what sqlmap says; the scan itself is `bin/test --scan`."""

import pytest

from tests.security.scan import judged

TRIED = "[INFO] testing for SQL injection on GET parameter 'q'\n"
FOUND = "---\nParameter: q (GET)\n    Type: stacked queries\n---\n"
NOTHING = "[CRITICAL] all tested parameters do not appear to be injectable.\n"


def test_a_run_that_found_nothing_counts_its_parameters() -> None:
    assert judged("GET /", TRIED + TRIED.replace("'q'", "'p'") + NOTHING) == (2, [])


def test_what_can_be_injected_is_a_finding() -> None:
    assert judged("GET /", TRIED + FOUND) == (1, ["GET /: Parameter: q (GET)"])


@pytest.mark.parametrize("said", ["", TRIED, NOTHING, "Traceback (most recent call last):"])
def test_a_run_that_did_not_come_to_its_end_is_a_finding(said: str) -> None:
    assert judged("GET /", said)[1] == ["GET /: it did not come to an end"]
