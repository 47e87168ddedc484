"""No page is forgotten: each is looked at in a browser, in both schemes and widths, or stands here with a reason."""

from importlib import import_module
from pathlib import Path

import pytest
from flask import Flask

NO_PAGES = {
    "static": "files",
    "home.brand": "a style sheet",
    "home.logo": "a picture",
    "health.healthz": "for machines",
    "health.readyz": "for machines",
    "health.metrics": "for machines",
    "api.show": "for machines",
    "api.description": "for machines",
    "devmail.attachment": "a file",
    "devmail.message_html": "a mail: `test_mails.py` looks at all of them",
    "devmail.preview_html": "a mail: `test_mails.py` looks at all of them",
    "invoices.pdf": "a file",
    "invoices.xml": "a file",
    "invoices.pack": "a part of « Mes factures », which leads there",
    "invoices.download_pack": "a file",
    "admin.pdf": "a file",
    "admin.xml": "a file",
    "journal.table": "a file",
    "uploads.report": "a file",
    "data_exports.download": "a file",
    "customer.invoices_underway": "a part of the home, which leads there",
    "orders.progress": "a part of the order's page, which leads there",
    "sign_in_code.ask": "leads to the page with its button",
    "auth.confirm_code": "leads to the page that the code is typed on",
    "account.change_password": "leads to the account",
    "admin.correct_email": "leads to the order",
    "admin.credit": "leads to the order",
    "admin.decline": "leads to the order",
    "review.correct": "leads to what is to be verified",
    "review.accept": "leads to what is to be verified",
    "review.ignore": "leads to what is to be verified",
}
"""What answers GET and shows no page of its own; `tests/test_access.py` holds what each answers to whom."""


def looked_at() -> set[str]:
    """Return the pages that tests here say they look at; `conftest.visits_what_it_says` takes none at its word."""
    modules = [import_module(f"tests.e2e.{file.stem}") for file in Path(__file__).parent.glob("test_*.py")]
    marks = [mark for module in modules for test in vars(module).values() for mark in getattr(test, "pytestmark", ())]
    return {endpoint for mark in marks if mark.name == "visits" for endpoint in mark.args}


@pytest.mark.databases("sqlite")
def test_each_page_is_looked_at_or_has_a_reason(app: Flask) -> None:
    answering = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert answering - looked_at() == set(NO_PAGES)
    assert looked_at() & set(NO_PAGES) == set()
