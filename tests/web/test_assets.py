"""Style sheets and scripts are kept for good under an address that changes with them."""

import re
from pathlib import Path

import pytest
from flask import Flask, url_for

from tests.support.client import LintingClient

pytestmark = pytest.mark.databases("sqlite")  # Files, no rows.


def test_what_a_page_loads_is_kept_for_a_year(client: LintingClient) -> None:
    loaded = re.findall(r'(?:href|src)="(/static/[^"]+)"', client.get("/").text)
    assert len(loaded) == 4
    for address in loaded:
        with client.get(address) as answer:
            assert answer.status_code == 200
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable", address


def test_an_address_of_another_version_is_answered_and_never_kept(client: LintingClient) -> None:
    for address in ("/static/css/app.css", "/static/css/app.css?v=0123456789ab"):
        with client.get(address) as answer:
            assert answer.status_code == 200
            assert answer.headers["Cache-Control"] == "no-cache"


def test_a_changed_file_has_a_new_address(app: Flask, tmp_path: Path) -> None:
    app.static_folder = str(tmp_path)
    (tmp_path / "app.css").write_text("p { margin: 0 }")
    with app.test_request_context():
        before = url_for("static", filename="app.css")
        (tmp_path / "app.css").write_text("p { margin: 1rem }")
        assert url_for("static", filename="app.css") != before


def test_a_file_that_is_not_there_has_a_plain_address(app: Flask, client: LintingClient) -> None:
    with app.test_request_context():
        assert url_for("static", filename="nothing.css") == "/static/nothing.css"
    assert client.get("/static/nothing.css").status_code == 404
