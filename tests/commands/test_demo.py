"""`flask demo load`: once, and never in production."""

from collections.abc import Callable

from click.testing import Result
from flask import Flask

from extensions import db


def run(app: Flask) -> Result:
    db.session.commit()
    return app.test_cli_runner().invoke(args=["demo", "load"])


def test_the_demo_is_loaded_once(app: Flask) -> None:
    first = run(app)
    assert first.exit_code == 0, first.output
    assert first.output.endswith("Boutique de démonstration chargée.\n")
    second = run(app)
    assert (second.exit_code, second.output) == (0, "La boutique de démonstration est déjà là.\n")


def test_production_refuses_in_one_line(make_app: Callable[..., Flask]) -> None:
    app = make_app(APP_ENV="production", PUBLIC_URL="https://client.boutique.example")
    with app.app_context():
        result = run(app)
    assert result.exit_code == 1
    assert result.output == "Error: Les données de démonstration ne se chargent pas en production.\n"
