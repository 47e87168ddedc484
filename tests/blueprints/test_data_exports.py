"""« Télécharger mes données », as a browser sees it."""

from io import BytesIO
from zipfile import ZipFile

import pytest

from models import Customer
from services import data_exports
from tests.support.client import LintingClient

pytestmark = pytest.mark.databases("sqlite")  # Pages; the file is tested with its service.
HERE = "/espace-client/mon-compte/mes-donnees"


def test_the_way_from_the_account_to_the_file(client: LintingClient, claire: Customer) -> None:
    assert HERE in client.get("/espace-client/mon-compte").text
    assert "Préparer le fichier" in client.get(HERE).text
    assert client.post(HERE).location == HERE
    waiting = client.get(HERE).text
    assert "En préparation" in waiting
    assert "Préparer" not in waiting
    export = data_exports.latest(claire)
    assert export is not None
    assert client.get(f"{HERE}/{export.id}.zip").status_code == 404
    data_exports.make(export.id)
    page = client.get(HERE).text
    assert f'href="{HERE}/{export.id}.zip"' in page
    answer = client.get(f"{HERE}/{export.id}.zip")
    assert answer.mimetype == "application/zip"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "donnees.json" in ZipFile(BytesIO(answer.data)).namelist()


def test_before_the_mailbox_is_proven_it_says_what_to_do(client: LintingClient, unproven: Customer) -> None:
    answer = client.post(HERE)
    assert answer.status_code == 422
    assert "Confirmez d'abord" in answer.text.replace("&#39;", "'")
    assert data_exports.latest(unproven) is None


def test_what_failed_may_be_asked_again(client: LintingClient, claire: Customer) -> None:
    export = data_exports.request(claire)
    export.become("failed")
    assert "n'a pas pu être établi" in client.get(HERE).text.replace("&#39;", "'")
    client.post(HERE)
    assert data_exports.latest(claire) is not export
