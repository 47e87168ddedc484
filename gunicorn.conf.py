"""How gunicorn serves the application; read by itself from the folder it starts in, overridden by its command line."""

import sys
from typing import Any

from gunicorn.glogging import Logger

from web import logs


class JsonLines(Logger):
    """gunicorn's own lines, written as all the others: JSON, without addresses or paths."""

    def setup(self, cfg: Any) -> None:
        """Afterwards this process and the workers that it forks log by `web.logs`."""
        super().setup(cfg)
        logs.configure()
        self.error_log.handlers.clear()
        self.error_log.propagate = True


logger_class = JsonLines
threads = 4
timeout = 30
graceful_timeout = 20
max_requests = 5000  # A worker is renewed now and then, which bounds whatever a library may leak.
max_requests_jitter = 500
forwarder_headers = ""  # No request says under which path we stand, whatever a proxy lets through.
control_socket_disable = True  # Nobody asks the running server anything.


def on_starting(_arbiter: Any) -> None:
    """End with one clear line when a setting is wrong; a worker would end too, but be started again for ever."""
    import config
    from documents import seller

    try:
        seller.load(config.load(config.environment()).seller_file)
    except (config.SettingsError, seller.SellerFileError) as error:
        sys.exit(f"espace-client: {error}")
