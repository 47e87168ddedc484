"""Texts travel compressed, whatever the answer's status."""

import gzip

import pytest

from tests.support.client import LintingClient

pytestmark = pytest.mark.databases("sqlite")
GZIP = {"Accept-Encoding": "gzip, br"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/connexion", 200),
        ("POST", "/connexion", 422),
        ("GET", "/nulle-part", 404),
        ("GET", "/static/css/app.css", 200),
    ],
)
def test_a_text_is_compressed_for_who_reads_it(client: LintingClient, method: str, path: str, status: int) -> None:
    with super(LintingClient, client).open(path, method=method) as plain:
        whole = plain.get_data()
        assert "Content-Encoding" not in plain.headers
    with super(LintingClient, client).open(path, method=method, headers=GZIP) as packed:
        assert (packed.status_code, packed.headers["Content-Encoding"]) == (status, "gzip")
        assert "Accept-Encoding" in packed.headers["Vary"]
        assert int(packed.headers["Content-Length"]) == len(packed.get_data()) < len(whole) * 0.6
        assert gzip.decompress(packed.get_data())[:200] == whole[:200]


@pytest.mark.parametrize("refused", ["", "br", "identity", "gzip;q=0"])
def test_who_does_not_read_it_gets_it_plain(client: LintingClient, refused: str) -> None:
    with client.get("/static/css/app.css", headers={"Accept-Encoding": refused}) as answer:
        assert "Content-Encoding" not in answer.headers
        assert answer.get_data().startswith(b"/*")


@pytest.mark.parametrize("path", ["/healthz", "/marque.css"])
def test_what_is_no_page_or_very_short_stays_as_it_is(client: LintingClient, path: str) -> None:
    with client.get(path, headers=GZIP) as answer:
        assert "Content-Encoding" not in answer.headers


def test_a_file_that_did_not_change_is_not_sent_again(client: LintingClient) -> None:
    with super(LintingClient, client).open("/static/css/app.css", headers=GZIP) as first:
        tag = first.headers["ETag"]
    with client.get("/static/css/app.css", headers=GZIP | {"If-None-Match": tag}) as again:
        assert (again.status_code, again.data) == (304, b"")
