"""Settings: read once from the environment, checked, frozen.

A setting that is missing or malformed stops the start with one clear line (`SettingsError`), because a shop
that half runs loses invoices more quietly than one that does not start.
"""

import os
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import date
from email.utils import parseaddr
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit

from flask import current_app
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

ROOT = Path(__file__).parent
TRIAL_PREFIX, TRIAL_CREDIT_PREFIX = "SPECIMEN", "SPECIMEN-AV"
"""The series of documents that are only tried out; no real one may bear them."""
LONGEST_HOURS = 24 * 366  # An invoice that is due in more than a year is a slip of the keyboard.
LONGEST_RECIPIENT = 320  # What a mail's row takes; an alert goes to all addresses at once.


class SettingsError(Exception):
    """A setting is missing or malformed; the text is one line for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator chose; names and defaults are those of the README."""

    development: bool
    secret_key: str
    keys_secret: str
    public_url: str
    trusted_proxies: int
    port: int
    var_dir: Path
    database_url: str
    redis_url: str
    smtp_url: str
    mail_from: str
    support_email: str
    alert_emails: tuple[str, ...]
    documents_dir: Path
    seller_file: Path
    live: bool
    invoice_prefix: str
    credit_prefix: str
    first_number: int
    invoice_from: date | None
    invoice_delay_hours: int
    invoice_deadline_hours: int
    sweep_seconds: int
    tax_id_required: Literal["law", "always"]
    metrics_token: str
    bounces_url: str
    failpoints_dir: Path | None


def current() -> Settings:
    """Return the settings of the running application."""
    settings: Settings = current_app.extensions["settings"]
    return settings


def environment() -> dict[str, str]:
    """Return the process environment, completed by `$VAR_DIR/env` when `APP_ENV` is unset and that file exists.

    `bin/dev` writes the file, so that `flask` talks to the copy that is running without further ado.
    """
    env = dict(os.environ)
    file = _var_dir(env) / "env"
    if "APP_ENV" not in env and file.is_file():
        lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
        pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
        env = dict(pairs) | env
    return env


def load(env: Mapping[str, str]) -> Settings:
    """Return the checked settings.

    Raises SettingsError naming the first setting that is missing or malformed.
    """
    app_env = _one_of(env, "APP_ENV", "production", "development")
    issue_mode = _one_of(env, "ISSUE_MODE", "trial", "live")
    tax_id_required = _one_of(env, "TAX_ID_REQUIRED", "law", "always")
    first_number = _whole(env, "FIRST_NUMBER", 1, least=1)
    delay = _whole(env, "INVOICE_DELAY_HOURS", 24, most=LONGEST_HOURS)
    invoice_prefix = _prefix(env, "INVOICE_PREFIX", "FA", {TRIAL_PREFIX, TRIAL_CREDIT_PREFIX})
    return Settings(
        development=app_env == "development",
        secret_key=_secret(env, "SECRET_KEY"),
        keys_secret=_secret(env, "KEYS_SECRET"),
        public_url=_public_url(env, ("https",) if app_env == "production" else ("http", "https")),
        trusted_proxies=_whole(env, "TRUSTED_PROXIES", 0),
        port=_whole(env, "PORT", 8000, least=1, most=65535),
        var_dir=_var_dir(env),
        database_url=_database_url(env),
        redis_url=_redis_url(env),
        smtp_url=_server_url(env, "SMTP_URL", ("smtp", "smtps")),
        mail_from=_address(env, "MAIL_FROM"),
        support_email=_address(env, "SUPPORT_EMAIL"),
        alert_emails=_alert_emails(env),
        documents_dir=_folder(env, "DOCUMENTS_URL"),
        seller_file=_file(env, "SELLER_FILE"),
        live=issue_mode == "live",
        invoice_prefix=invoice_prefix,
        credit_prefix=_prefix(env, "CREDIT_PREFIX", "AV", {TRIAL_PREFIX, TRIAL_CREDIT_PREFIX, invoice_prefix}),
        first_number=first_number,
        invoice_from=_day(env, "INVOICE_FROM"),
        invoice_delay_hours=delay,
        invoice_deadline_hours=_whole(env, "INVOICE_DEADLINE_HOURS", 48, least=delay, most=LONGEST_HOURS),
        sweep_seconds=_whole(env, "SWEEP_SECONDS", 60, least=1, most=3600),
        tax_id_required="always" if tax_id_required == "always" else "law",
        metrics_token=_optional_token(env, "METRICS_TOKEN"),
        bounces_url=_bounces_url(env),
        failpoints_dir=_failpoints_dir(env, allowed=app_env == "development"),
    )


def _var_dir(env: Mapping[str, str]) -> Path:
    return (ROOT / (env.get("VAR_DIR") or "var")).resolve()


def _required(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "").strip()
    if not value:
        raise SettingsError(f"{name} is not set: see « Production » in the README.")
    return value


def _secret(env: Mapping[str, str], name: str) -> str:
    value = _required(env, name)
    if len(value) < 32:
        raise SettingsError(f"{name} is too short: at least 32 random characters are needed.")
    return value


def _optional_token(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "").strip()
    if value and (len(value) < 16 or not value.isascii()):
        raise SettingsError(f"{name} is too short: at least 16 random letters and digits are needed, or none at all.")
    return value


def _url(env: Mapping[str, str], name: str, schemes: tuple[str, ...]) -> SplitResult:
    value = _required(env, name)
    try:
        url = urlsplit(value)
        _ = url.port  # Read late by the library, and only then refused.
    except ValueError:
        raise SettingsError(f"{name} is no address: its host or its port cannot be read.") from None
    if url.scheme not in schemes:
        raise SettingsError(f"{name} must start with {' or '.join(one + ':' for one in schemes)}")
    return url


def _server_url(env: Mapping[str, str], name: str, schemes: tuple[str, ...]) -> str:
    url = _url(env, name, schemes)
    if not url.hostname:
        raise SettingsError(f"{name} names no host: it must look like {schemes[0]}://host:port")
    return _required(env, name)


def _server_or_path(env: Mapping[str, str], name: str, servers: tuple[str, ...], what: str, example: str) -> str:
    """Return the address of a server, or of what lies on this machine: then the whole path, as in the example."""
    local = urlsplit(example).scheme
    url = _url(env, name, (*servers, local))
    if url.scheme != local:
        return _server_url(env, name, servers)
    if url.netloc or not url.path.strip("/"):
        raise SettingsError(f"{name} must name {what} by its whole path, as in {example}")
    return _required(env, name)


def _public_url(env: Mapping[str, str], schemes: tuple[str, ...]) -> str:
    url = urlsplit(_server_url(env, "PUBLIC_URL", schemes))
    if url.path.strip("/") or url.query or url.fragment or "@" in url.netloc:
        raise SettingsError("PUBLIC_URL must be a host alone, such as https://client.boutique.fr: no path is served.")
    return f"{url.scheme}://{url.netloc}"


def _bounces_url(env: Mapping[str, str]) -> str:
    if not env.get("BOUNCES_URL", "").strip():
        return ""
    return _server_or_path(env, "BOUNCES_URL", ("imap", "imaps"), "a folder", "maildir:///var/mail/factures")


def _failpoints_dir(env: Mapping[str, str], *, allowed: bool) -> Path | None:
    value = env.get("FAILPOINTS_DIR", "").strip()
    if value and not allowed:
        raise SettingsError("FAILPOINTS_DIR is for the tests of faults alone: in production it must not be set.")
    return Path(value) if value else None


def _redis_url(env: Mapping[str, str]) -> str:
    return _server_or_path(env, "REDIS_URL", ("redis", "rediss"), "a socket", "unix:///run/redis/redis.sock")


def _database_url(env: Mapping[str, str]) -> str:
    value = _required(env, "DATABASE_URL")
    try:
        url = make_url(value)
        url.get_dialect()
    except (ArgumentError, ValueError, ImportError):  # What they say repeats the password.
        raise SettingsError("DATABASE_URL is no address of a database that is supported here.") from None
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise SettingsError("DATABASE_URL must start with sqlite: or postgresql:")
    if not url.database or url.database == ":memory:":
        raise SettingsError("DATABASE_URL names no database, as in postgresql://user@host/name or sqlite:////path")
    return value


def _folder(env: Mapping[str, str], name: str) -> Path:
    url = _url(env, name, ("file",))
    if url.netloc or not url.path.strip("/"):
        raise SettingsError(
            f"{name} must name a folder by its whole path, as in file:///var/lib/espace-client/documents"
        )
    return Path(unquote(url.path))


def _address(env: Mapping[str, str], name: str) -> str:
    value = _required(env, name)
    address = parseaddr(value)[1] if name == "MAIL_FROM" else value  # Only the sender may bear a name beside it.
    if not re.fullmatch(r"[^@\s<>,;]+@[^@\s<>,;]+", address):
        raise SettingsError(f"{name} is not an e-mail address.")
    return value


def _alert_emails(env: Mapping[str, str]) -> tuple[str, ...]:
    addresses = tuple(one.strip() for one in _required(env, "ALERT_EMAIL").split(","))
    if len(", ".join(addresses)) > LONGEST_RECIPIENT:
        raise SettingsError(f"ALERT_EMAIL is too long: {LONGEST_RECIPIENT} characters in all, or a list's own address.")
    return tuple(_address({"ALERT_EMAIL": one}, "ALERT_EMAIL") for one in addresses)


def _file(env: Mapping[str, str], name: str) -> Path:
    path = Path(_required(env, name))
    if not path.is_file():
        raise SettingsError(f"{name} names no file: {path}")
    return path


def _one_of(env: Mapping[str, str], name: str, default: str, other: str) -> str:
    value = env.get(name) or default
    if value not in (default, other):
        raise SettingsError(f"{name} is « {value} »: it must be {default} or {other}.")
    return value


def _whole(env: Mapping[str, str], name: str, default: int, least: int = 0, most: int = 10**9) -> int:
    value = env.get(name) or str(default)
    if not value.isascii() or not value.isdigit() or len(value) > 10 or not least <= int(value) <= most:
        raise SettingsError(f"{name} is « {value} »: it must be a whole number from {least} to {most}.")
    return int(value)


def _prefix(env: Mapping[str, str], name: str, default: str, taken: Set[str]) -> str:
    value = env.get(name) or default
    if not value.isascii() or not value.isalnum() or len(value) > 10:
        raise SettingsError(f"{name} is « {value} »: at most 10 letters and digits.")
    if value.upper() in taken:
        raise SettingsError(f"{name} is « {value} »: another series bears this prefix already.")
    return value.upper()


def _day(env: Mapping[str, str], name: str) -> date | None:
    value = env.get(name)
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        raise SettingsError(f"{name} is « {value} »: it must be a date such as 2026-11-01.") from None
