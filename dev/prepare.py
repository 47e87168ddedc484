"""Before `bin/dev` serves: the database and the demo shop are there, and what to try them with is written down.

The supervisor leaves this to a process of its own, which loads the application once and ends.
"""

import flask_migrate
from flask.cli import ScriptInfo

from app import create_app
from services import demo


def main() -> None:
    """Do what `flask db upgrade` and `flask demo load` do; afterwards `$VAR_DIR/welcome` says where to go."""
    app = create_app()
    settings = app.extensions["settings"]
    with app.app_context():
        flask_migrate.upgrade()
    (settings.var_dir / "welcome").write_text(welcome(settings.public_url), encoding="utf-8")
    app.cli.main(["demo", "load"], prog_name="flask", obj=ScriptInfo(create_app=lambda: app))


def welcome(url: str) -> str:
    """Return what a person needs to try both journeys."""
    lines = [
        "",
        f"The shop's customer area     {url}/",
        f"  customer                   {demo.CUSTOMER_EMAIL}  /  {demo.CUSTOMER_PASSWORD}",
        f"  a guest's order            {demo.GUEST_ORDER}  /  {demo.GUEST_EMAIL}   at {url}/suivi-commande",
        f"Administration               {url}/admin/",
        f"  admin                      {demo.ADMIN_EMAIL}  /  {demo.ADMIN_PASSWORD}",
        f"Caught mail                  {url}/dev/mail",
        "Ctrl-C stops everything.",
        "",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
