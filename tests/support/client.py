"""The test client: each request in a world of its own, each answer linted."""

from contextvars import Context
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from extensions import db
from tests.support.html_lint import fragment_faults, page_faults

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


class FaultyPage(AssertionError):
    """A page that a test fetched is not what every page must be."""


class LintingClient(FlaskClient):
    """Behaves as a browser beside the test: sees what is committed, shares neither `g` nor session with it."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Send a request; raises FaultyPage when HTML comes back that has faults."""
        db.session.commit()  # What the test wrote is there for the request; what the request writes, for the test.
        response: TestResponse = Context().run(super().open, *args, **kwargs)
        lint(response)
        return response

    def htmx(self, method: str, url: str, **kwargs: Any) -> TestResponse:
        """Send what htmx sends for a targeted swap."""
        headers = {**HTMX, **kwargs.pop("headers", {})}
        return self.open(url, method=method, headers=headers, **kwargs)


def lint(response: TestResponse) -> None:
    """Raise FaultyPage when the answer is HTML for a person and has faults."""
    if response.headers.get("HX-Reswap") == "none":
        return  # Nothing of it is swapped but the flash, which is out of band.
    if response.mimetype != "text/html" or 300 <= response.status_code < 400 or not response.data:
        return
    if "sandbox" in response.headers.get("Content-Security-Policy", ""):
        return  # A mail as it is, which brings its styles along; `tests/mail` reads those.
    headers = response.request.headers
    partial = headers.get("HX-Request-Type") == "partial" and "HX-History-Restore-Request" not in headers
    faults = fragment_faults(response.text) if partial else page_faults(response.text)
    if faults:
        listed = "\n  ".join(faults)
        raise FaultyPage(f"{response.request.method} {response.request.path} -> {response.status_code}\n  {listed}")
