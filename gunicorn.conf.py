"""How gunicorn serves the application; read by itself from the folder it starts in, overridden by its command line."""

import sys
from typing import Any

threads = 4
timeout = 30
graceful_timeout = 20
max_requests = 5000  # A worker is renewed now and then, which bounds whatever a library may leak.
max_requests_jitter = 500
control_socket_disable = True  # Nobody asks the running server anything.


def on_starting(_arbiter: Any) -> None:
    """End with one clear line when a setting is wrong; a worker would end too, but be started again for ever."""
    import config
    from documents import seller

    try:
        seller.load(config.load(config.environment()).seller_file)
    except (config.SettingsError, seller.SellerFileError) as error:
        sys.exit(f"espace-client: {error}")


def post_worker_init(_worker: Any) -> None:
    """Afterwards the web process logs as the worker does: JSON lines without personal data."""
    from web import logs

    logs.configure()
