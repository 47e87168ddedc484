"""Settings: complete, or no start and one clear line."""

from pathlib import Path

import pytest

import config
from tests.support.settings import settings_for_tests

PRODUCTION = {"APP_ENV": "production", "PUBLIC_URL": "https://client.boutique.example"}


@pytest.mark.parametrize(
    "name",
    [
        "SECRET_KEY",
        "KEYS_SECRET",
        "PUBLIC_URL",
        "DATABASE_URL",
        "REDIS_URL",
        "SMTP_URL",
        "MAIL_FROM",
        "SUPPORT_EMAIL",
        "ALERT_EMAIL",
        "DOCUMENTS_URL",
        "SELLER_FILE",
    ],
)
def test_a_missing_setting_is_named_in_one_line(tmp_path: Path, name: str) -> None:
    env = settings_for_tests(tmp_path, **PRODUCTION) | {name: ""}
    with pytest.raises(config.SettingsError, match=f"^{name} [^\n]+$"):
        config.load(env)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "short"),
        ("METRICS_TOKEN", "short"),
        ("PUBLIC_URL", "http://client.boutique.example"),
        ("DATABASE_URL", "mysql://localhost/shop"),
        ("PUBLIC_URL", "https://"),
        ("PUBLIC_URL", "https://boutique.example/client"),
        ("PUBLIC_URL", "https://boutique.example:port"),
        ("DATABASE_URL", "postgresql:"),
        ("DATABASE_URL", "postgresql://user:secret@host:port/shop"),
        ("DATABASE_URL", "postgresql+nodriver:///shop"),
        ("DATABASE_URL", "sqlite://"),
        ("REDIS_URL", "localhost:6379"),
        ("REDIS_URL", "redis://host:port"),
        ("REDIS_URL", "unix://"),
        ("SMTP_URL", "smtp://"),
        ("SMTP_URL", "smtp://host:port"),
        ("BOUNCES_URL", "pop3://host"),
        ("BOUNCES_URL", "imaps://"),
        ("BOUNCES_URL", "imap://host:port"),
        ("BOUNCES_URL", "maildir://relative/folder"),
        ("BOUNCES_URL", "maildir:///"),
        ("DOCUMENTS_URL", "s3://bucket"),
        ("DOCUMENTS_URL", "file://relative/folder"),
        ("DOCUMENTS_URL", "file:"),
        ("PORT", "65536"),
        ("SELLER_FILE", "/nowhere/seller.toml"),
        ("ISSUE_MODE", "yes"),
        ("TAX_ID_REQUIRED", "never"),
        ("INVOICE_DELAY_HOURS", "-1"),
        ("INVOICE_DELAY_HOURS", "49"),
        ("INVOICE_DELAY_HOURS", "99999999"),
        ("INVOICE_DEADLINE_HOURS", "soon"),
        ("FIRST_NUMBER", "0"),
        ("INVOICE_PREFIX", "F/A"),
        ("INVOICE_PREFIX", "specimen"),
        ("CREDIT_PREFIX", "FA"),
        ("INVOICE_FROM", "01/11/2026"),
        ("TRUSTED_PROXIES", "one"),
        ("SUPPORT_EMAIL", "aide"),
        ("SUPPORT_EMAIL", "Aide <aide@boutique.example>"),
        ("MAIL_FROM", "@"),
        ("MAIL_FROM", "deux mots@boutique.example"),
        ("ALERT_EMAIL", "a@boutique.example, nobody"),
        ("ALERT_EMAIL", ",".join(["somebody@boutique.example"] * 12)),
        ("APP_ENV", "staging"),
    ],
)
def test_a_malformed_setting_is_named_in_one_line(tmp_path: Path, name: str, value: str) -> None:
    env = settings_for_tests(tmp_path, **PRODUCTION) | {name: value}
    named = "INVOICE_DEADLINE_HOURS" if value == "49" else name
    with pytest.raises(config.SettingsError, match=f"^{named} [^\n]+$"):
        config.load(env)


def test_defaults_are_the_documented_ones(tmp_path: Path) -> None:
    env = settings_for_tests(tmp_path, **PRODUCTION)
    del env["ISSUE_MODE"], env["INVOICE_FROM"]
    settings = config.load(env)
    assert (settings.live, settings.development, settings.invoice_from) == (False, False, None)
    assert (settings.invoice_delay_hours, settings.invoice_deadline_hours, settings.sweep_seconds) == (24, 48, 60)
    assert (settings.invoice_prefix, settings.credit_prefix, settings.first_number) == ("FA", "AV", 1)
    assert (settings.tax_id_required, settings.trusted_proxies) == ("law", 0)


def test_several_alert_addresses_are_taken_apart(tmp_path: Path) -> None:
    settings = config.load(settings_for_tests(tmp_path, ALERT_EMAIL="a@boutique.example, b@boutique.example"))
    assert settings.alert_emails == ("a@boutique.example", "b@boutique.example")


def test_the_file_of_a_running_copy_completes_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "env").write_text("APP_ENV=development\nPORT=8123\n# a note\nSMTP_URL=smtp://h:1?starttls=1\n")
    monkeypatch.delenv("APP_ENV", raising=False)
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setenv("PORT", "9000")
    env = config.environment()
    assert (env["APP_ENV"], env["PORT"], env["SMTP_URL"]) == ("development", "9000", "smtp://h:1?starttls=1")
    monkeypatch.setenv("APP_ENV", "production")
    assert "SMTP_URL" not in config.environment()


def test_a_sender_may_bear_a_name(tmp_path: Path) -> None:
    settings = config.load(settings_for_tests(tmp_path, MAIL_FROM="La boutique <factures@boutique.example>"))
    assert settings.mail_from == "La boutique <factures@boutique.example>"


def test_what_is_said_of_an_address_holds_no_password(tmp_path: Path) -> None:
    env = settings_for_tests(tmp_path, DATABASE_URL="postgresql://user:secret@host:port/shop")
    with pytest.raises(config.SettingsError) as refused:
        config.load(env)
    assert "secret" not in str(refused.value)
