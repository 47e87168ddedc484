"""The settings of a development copy: made up once, kept in `$VAR_DIR/env`, overruled by the environment."""

import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEPT = ("SECRET_KEY", "KEYS_SECRET", "INVOICE_FROM")  # Sessions, stored keys and open requests depend on them.
OVERRULED = (
    "SECRET_KEY", "KEYS_SECRET", "PUBLIC_URL", "TRUSTED_PROXIES", "DATABASE_URL", "REDIS_URL", "SMTP_URL", "MAIL_FROM",
    "SUPPORT_EMAIL", "ALERT_EMAIL", "DOCUMENTS_URL", "SELLER_FILE", "ISSUE_MODE", "INVOICE_PREFIX", "CREDIT_PREFIX",
    "FIRST_NUMBER", "INVOICE_FROM", "INVOICE_DELAY_HOURS", "INVOICE_DEADLINE_HOURS", "SWEEP_SECONDS", "TAX_ID_REQUIRED",
    "METRICS_TOKEN", "BOUNCES_URL",
)  # fmt: skip


def var_dir(environment: Mapping[str, str]) -> Path:
    """Return where all state of this copy is kept."""
    return (ROOT / (environment.get("VAR_DIR") or "var")).resolve()


def read(file: Path) -> dict[str, str]:
    """Return what an earlier start wrote; nothing when there was none."""
    if not file.is_file():
        return {}
    lines = file.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def make(
    environment: Mapping[str, str], earlier: Mapping[str, str], *, redis_url: str, smtp_url: str
) -> dict[str, str]:
    """Return the settings of this run: the environment's, else those kept from an earlier start, else development's."""
    folder = var_dir(environment)
    port = environment.get("PORT") or "8000"
    made_up = {
        "APP_ENV": "development",
        "PORT": port,
        "VAR_DIR": str(folder),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "KEYS_SECRET": secrets.token_urlsafe(48),
        "DATABASE_URL": f"sqlite:///{folder}/app.db",
        "REDIS_URL": redis_url,
        "SMTP_URL": smtp_url,
        "MAIL_FROM": "factures@fil-et-encre.example",
        "SUPPORT_EMAIL": "aide@fil-et-encre.example",
        "ALERT_EMAIL": "alertes@fil-et-encre.example",
        "DOCUMENTS_URL": f"file://{folder}/documents",
        "SELLER_FILE": str(ROOT / "dev" / "seller.toml"),
        "ISSUE_MODE": "live",
        "INVOICE_FROM": (datetime.now(UTC) - timedelta(days=60)).date().isoformat(),
    }
    kept = {name: earlier[name] for name in KEPT if name in earlier}
    chosen = {name: environment[name] for name in OVERRULED if environment.get(name)}
    return made_up | kept | chosen


def write(file: Path, settings: Mapping[str, str]) -> None:
    """Afterwards the file says these settings, readable by this user only; it is replaced as a whole."""
    head = [
        "# Written by bin/dev at each start, read by `flask` when APP_ENV is unset.",
        f"# Kept from start to start: {', '.join(KEPT)}. To change another one, set it in bin/dev's environment.",
    ]
    new = file.with_name(file.name + ".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write("\n".join([*head, *(f"{name}={value}" for name, value in settings.items())]) + "\n")
    new.rename(file)
