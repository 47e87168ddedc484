"""What `flask db upgrade` and `flask demo load` do, in one process: loading the application twice costs a second."""

import flask_migrate
from flask.cli import ScriptInfo

from app import create_app


def main() -> None:
    """Afterwards the database is up to date and holds the demo shop; doing it again changes nothing."""
    app = create_app()
    with app.app_context():
        flask_migrate.upgrade()
    app.cli.main(["demo", "load"], prog_name="flask", obj=ScriptInfo(create_app=lambda: app))


if __name__ == "__main__":
    main()
