"""The worker process: `python worker.py` runs jobs, `python worker.py --sweep` is the sweeper's own process."""

import argparse
import signal
import sys

from flask import Flask
from sqlalchemy.exc import OperationalError

import jobs
import task_queue
from app import create_app
from documents import pdf
from extensions import db
from mail import messages
from services import issuing, sweep
from web import logs


def work(app: Flask) -> None:
    """Run jobs until told to stop; fonts and templates are loaded before the fork, connections are not opened."""
    settings = app.extensions["settings"]
    pdf.warm_up()
    messages.warm_up()
    with app.app_context():
        issuing.require_mode()
        issuing.require_latest()
        db.session.remove()
        db.engine.dispose()
        app.logger.info("worker started")
        task_queue.work(settings.redis_url)


def sweep_forever(app: Flask) -> None:
    """Sweep at least every `SWEEP_SECONDS` until told to stop; what fails is logged, and the next sweep tries again."""
    stop = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)  # They wait until this sweep is over.
    app.logger.info("sweeper started")
    while True:
        pause = app.extensions["settings"].sweep_seconds
        with app.app_context():
            try:
                swept = sweep.sweep()
                jobs.alert()
                pause = sweep.pause(swept)
            except OperationalError as error:
                app.logger.error("database unusable", extra={"error": logs.name(error)})  # noqa: TRY400 Its traceback tells nothing.
            except Exception:
                app.logger.exception("sweep failed")
        if signal.sigtimedwait(stop, pause):
            return


def main() -> None:
    """Start what the command line asks for; a wrong setting is one clear line and exit status 2."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweep", action="store_true", help="run the sweeper instead of a worker")
    arguments = parser.parse_args()
    logs.configure()
    try:
        app = create_app()
        sweep_forever(app) if arguments.sweep else work(app)
    except issuing.WrongMode as error:
        sys.exit(f"espace-client: {error}")
    except OperationalError as error:
        sys.exit(f"espace-client: the database cannot be used: {logs.name(error)}")


if __name__ == "__main__":
    main()
