"""The settings that the tests run with."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOBODY_LISTENS = "unix:///nonexistent/redis.sock"


def settings_for_tests(folder: Path, **changes: str) -> dict[str, str]:
    """Return complete settings whose state is under that folder; keywords replace or add single ones."""
    settings = {
        "APP_ENV": "development",
        "SECRET_KEY": "for-tests-only-" + "s" * 32,
        "KEYS_SECRET": "for-tests-only-" + "k" * 32,
        "PUBLIC_URL": "http://localhost",
        "VAR_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder}/unused.db",
        "REDIS_URL": NOBODY_LISTENS,
        "SMTP_URL": "smtp://127.0.0.1:9",
        "MAIL_FROM": "factures@boutique.example",
        "SUPPORT_EMAIL": "aide@boutique.example",
        "ALERT_EMAIL": "alertes@boutique.example",
        "DOCUMENTS_URL": f"file://{folder}/documents",
        "SELLER_FILE": str(ROOT / "dev" / "seller.toml"),
        "ISSUE_MODE": "live",
        "INVOICE_FROM": "2020-01-01",
    }
    return settings | changes
