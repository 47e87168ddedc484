"""The application: wiring only."""

import sys
from collections.abc import Mapping
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

import config
import models  # noqa: F401  Migrations compare the tables with the models.
from blueprints import (
    account,
    admin,
    api,
    auth,
    billing,
    claims,
    components,
    customer,
    data_exports,
    devmail,
    guest,
    health,
    home,
    installation,
    invoices,
    journal,
    orders,
    personal_data,
    review,
    second_factor,
    shops,
    sign_in_code,
    team,
    uploads,
    webhooks,
)
from commands.accounts import accounts_cli
from commands.admin import admin_cli
from commands.demo import demo_cli
from commands.invoices import invoices_cli
from commands.mail import mail_cli
from commands.orders import orders_cli
from commands.shops import shops_cli
from documents import seller
from extensions import babel, csrf, db, login_manager, migrate
from services import sessions
from web import assets, compression, errors, formats, headers, logs, received, signed_in
from web.answers import to_sign_in


def create_app(env: Mapping[str, str] | None = None) -> Flask:
    """Return the application, wired. A wrong setting or seller file ends the process with one clear line instead."""
    try:
        settings = config.load(config.environment() if env is None else env)
        sellers = seller.load(settings.seller_file)
    except (config.SettingsError, seller.SellerFileError) as error:
        sys.exit(f"espace-client: {error}")
    app = Flask(__name__)
    app.config.from_mapping(_flask_settings(settings))
    app.extensions["settings"] = settings
    app.extensions["sellers"] = sellers
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0)  # type: ignore[method-assign]

    logs.install(app)
    compression.install(app)
    received.install(app)
    db.init_app(app)
    migrate.init_app(app, db)
    csrf.init_app(app)
    babel.init_app(app, default_locale="fr", default_timezone="Europe/Paris")
    login_manager.init_app(app)
    login_manager.user_loader(sessions.load)
    login_manager.unauthorized_handler(to_sign_in)

    signed_in.install(app)
    headers.install(app, settings)
    assets.install(app)
    errors.install(app)
    formats.install(app)
    app.context_processor(
        lambda: {
            "shop": app.extensions["sellers"].shop,
            "support_email": settings.support_email,
            "trial_mode": not settings.live,
        }
    )
    modules = (
        home,
        auth,
        sign_in_code,
        guest,
        customer,
        billing,
        orders,
        invoices,
        account,
        claims,
        data_exports,
        personal_data,
        second_factor,
        admin,
        team,
        review,
        shops,
        uploads,
        installation,
        journal,
        health,
        api,
        webhooks,
    )
    for module in modules:
        app.register_blueprint(module.bp)
    if settings.development:
        app.register_blueprint(devmail.bp)
        app.register_blueprint(components.bp)
    for group in (orders_cli, shops_cli, admin_cli, accounts_cli, invoices_cli, mail_cli, demo_cli):
        app.cli.add_command(group)
    return app


def _flask_settings(settings: config.Settings) -> dict[str, object]:
    public = urlsplit(settings.public_url)
    hosts = [public.hostname or "", "127.0.0.1", "localhost"]  # This machine's own names are for its probes.
    return {
        "DEBUG": False,  # Whatever FLASK_DEBUG says: what broke is for the log.
        "SECRET_KEY": settings.secret_key,
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": _engine_options(settings),
        "SERVER_NAME": public.netloc,  # Links in mails are built from it, never from a request's Host.
        "PREFERRED_URL_SCHEME": public.scheme,
        "TRUSTED_HOSTS": hosts,
        "SESSION_COOKIE_NAME": f"espace-client-{settings.port}" if settings.development else "__Host-espace-client",
        "SESSION_COOKIE_SECURE": not settings.development,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_HTTPONLY": True,
        "PERMANENT_SESSION_LIFETIME": sessions.ABSOLUTE_END,  # How old the cookie's signature may be.
        "WTF_CSRF_TIME_LIMIT": None,
        "MAX_CONTENT_LENGTH": 1024 * 1024,
    }


def _engine_options(settings: config.Settings) -> dict[str, object]:
    """Return how the database is used: errors quote nobody's data, a restart of PostgreSQL breaks no later request."""
    options: dict[str, object] = {"hide_parameters": True, "pool_pre_ping": True}
    if settings.database_url.startswith("postgresql"):
        options["connect_args"] = {"connect_timeout": 5}  # Seconds; the system's own patience is two minutes.
    return options
