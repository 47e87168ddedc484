"""« Reprendre un fichier »: handed in, tried, confirmed, its report read; what is too long or empty is refused."""

import json

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from extensions import db
from models import Order, Upload
from services import uploads
from tests.shops.messages import a_message
from tests.support.client import LintingClient

PAGE = "/admin/fichiers"
WRITTEN = {"dates": "iso", "decimals": "point", "encoding": "utf-8"}


def hand_in(
    browser: LintingClient, content: bytes, shape: str = "contract-json", name: str = "commandes.json"
) -> TestResponse:
    """Send the form as a browser does; the test client would leave its own temporary file open."""
    fields = "".join(
        f'--cut\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in ({"shape": shape, "shop": ""} | WRITTEN).items()
    )
    file = f'--cut\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = (fields + file).encode() + content + b"\r\n--cut--\r\n"
    return browser.post(PAGE, data=body, content_type="multipart/form-data; boundary=cut")


def the_upload() -> Upload:
    db.session.expire_all()
    return db.session.scalars(select(Upload)).one()


def test_a_file_is_handed_in_shown_and_taken_in(merchant: LintingClient) -> None:
    answer = hand_in(merchant, json.dumps(a_message(number="A-1")).encode())
    page = f"{PAGE}/{the_upload().id}"
    assert (answer.status_code, answer.location) == (303, page)
    assert "En cours" in merchant.get(page).text
    uploads.load(the_upload().id)
    assert "Rien n'est encore changé" in merchant.get(page).text
    assert merchant.post(f"{page}/confirmer").status_code == 303
    uploads.load(the_upload().id)

    shown = merchant.get(page).text
    assert "Voici ce que ce fichier a fait" in shown
    assert db.session.scalars(select(Order.number)).all() == ["A-1"]
    assert "commandes.json" in merchant.get(PAGE).text


def test_the_report_names_what_was_refused(merchant: LintingClient) -> None:
    hand_in(merchant, json.dumps(a_message(number="A-1", total="1.00")).encode())
    uploads.load(the_upload().id)
    page = f"{PAGE}/{the_upload().id}"

    assert f"{page}/rapport.csv" in merchant.get(page).text
    assert "A-1" in merchant.get(f"{page}/rapport.csv").data.decode("utf-8-sig")


def test_more_than_a_mebibyte_may_be_handed_in_and_more_than_sixteen_not(merchant: LintingClient) -> None:
    assert hand_in(merchant, b"x" * (2 * 1024 * 1024)).status_code == 303
    assert hand_in(merchant, b"x" * (17 * 1024 * 1024)).status_code == 413


def test_nobody_else_sends_more_than_a_mebibyte(client: LintingClient) -> None:
    assert hand_in(client, b"x" * (2 * 1024 * 1024)).status_code == 413


@pytest.mark.parametrize("content", [b"", b"  \n"])
def test_an_empty_file_is_refused_beside_its_field(merchant: LintingClient, content: bytes) -> None:
    answer = hand_in(merchant, content)

    assert answer.status_code == 422
    assert 'id="file-error"' in answer.text


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("name", ["commandes.xlsx", "commandes.csv.exe", "commandes.html", "commandes"])
def test_a_file_of_another_kind_is_refused_beside_its_field(merchant: LintingClient, name: str) -> None:
    answer = hand_in(merchant, b"number;email\n", name=name)

    assert answer.status_code == 422
    assert 'id="file-error"' in answer.text
    assert db.session.scalar(select(Upload)) is None


@pytest.mark.databases("sqlite")
def test_what_only_bears_the_ending_of_its_kind_is_not_taken_in(merchant: LintingClient) -> None:
    hand_in(merchant, b"PK\x03\x04\x14\x00\x06\x00 a spreadsheet", shape="contract-csv", name="commandes.csv")
    uploads.load(the_upload().id)

    assert (the_upload().state, the_upload().content) == ("failed", None)
