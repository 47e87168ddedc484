"""The application: wiring only."""

from collections.abc import Mapping
from importlib import import_module, util
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

import config
import models  # noqa: F401  Migrations compare the tables with the models.
from documents import seller
from extensions import babel, csrf, db, login_manager, migrate
from services import sessions
from web import errors, formats, headers, logs, signed_in
from web.answers import to_sign_in

BLUEPRINTS = ("home", "auth", "guest", "customer", "billing", "orders", "invoices", "account", "admin", "health")
COMMANDS = ("orders", "admin", "invoices", "demo")


def create_app(env: Mapping[str, str] | None = None) -> Flask:
    """Return the application, wired.

    Raises config.SettingsError or documents.seller.SellerFileError, with one clear line, when it must not start.
    """
    settings = config.load(config.environment() if env is None else env)
    app = Flask(__name__)
    app.config.from_mapping(_flask_settings(settings))
    app.extensions["settings"] = settings
    app.extensions["sellers"] = seller.load(settings.seller_file)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0)  # type: ignore[method-assign]

    logs.install(app)
    db.init_app(app)
    migrate.init_app(app, db)
    csrf.init_app(app)
    babel.init_app(app, default_locale="fr", default_timezone="Europe/Paris")
    login_manager.init_app(app)
    login_manager.user_loader(sessions.load)
    login_manager.unauthorized_handler(to_sign_in)

    signed_in.install(app)
    headers.install(app, settings)
    errors.install(app)
    formats.install(app)
    app.context_processor(
        lambda: {
            "shop": app.extensions["sellers"].shop,
            "support_email": settings.support_email,
            "trial_mode": not settings.live,
        }
    )
    for name in BLUEPRINTS + (("devmail",) if settings.development else ()):
        if util.find_spec(f"blueprints.{name}"):
            app.register_blueprint(import_module(f"blueprints.{name}").bp)
    for name in COMMANDS:
        if util.find_spec(f"commands.{name}"):
            app.cli.add_command(getattr(import_module(f"commands.{name}"), f"{name}_cli"))
    return app


def _flask_settings(settings: config.Settings) -> dict[str, object]:
    public = urlsplit(settings.public_url)
    hosts = [public.hostname or ""]
    if settings.development:
        hosts += ["127.0.0.1", "localhost"]
    return {
        "SECRET_KEY": settings.secret_key,
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SERVER_NAME": public.netloc,  # Links in mails are built from it, never from a request's Host.
        "PREFERRED_URL_SCHEME": public.scheme,
        "TRUSTED_HOSTS": hosts,
        "SESSION_COOKIE_NAME": f"espace-client-{settings.port}" if settings.development else "__Host-espace-client",
        "SESSION_COOKIE_SECURE": not settings.development,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_HTTPONLY": True,
        "WTF_CSRF_TIME_LIMIT": None,
        "MAX_CONTENT_LENGTH": 1024 * 1024,
        "SEND_FILE_MAX_AGE_DEFAULT": 3600,
    }
