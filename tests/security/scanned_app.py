"""What the scanners talk to: the application as in production, but for three things that a scan needs.

No limit of tries stops it after the first hundred; each answer is counted, so that an error of ours is a finding; and
one page is as bad as a page can be: a scan that does not find it would find nothing.
"""

import os
from pathlib import Path

from flask import Flask, Response, request
from sqlalchemy import text

import app
from extensions import db
from services import limits

CONTROL = "/temoin"


def create_app() -> Flask:
    """Return the application; `$ANSWERS` names the file with a line for each answer: method, route, status."""
    for limit in vars(limits).values():
        if isinstance(limit, limits.Limit):
            object.__setattr__(limit, "most", 10**9)  # Frozen, and rightly so.
    scanned = app.create_app()
    answers = os.open(Path(os.environ["ANSWERS"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    @scanned.after_request
    def count(response: Response) -> Response:
        os.write(answers, f"{request.method} {request.endpoint or '-'} {response.status_code}\n".encode())
        return response

    @scanned.get(CONTROL)
    def control() -> str:
        typed = request.args.get("q", "")
        found = db.session.scalar(text(f"SELECT count(*) FROM customers WHERE email = '{typed}'"))  # noqa: S608
        return f"<!doctype html><title>{found}</title><p>{typed}</p>"

    return scanned
