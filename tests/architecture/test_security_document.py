"""`docs/security.md` says what is so: its tables are those of the code."""

import re
from datetime import timedelta
from itertools import dropwhile, takewhile

from argon2 import PasswordHasher

import models  # noqa: F401  The tables are known once it is imported.
from blueprints import guest
from extensions import Base
from forms.uploads import UploadForm
from services import code_sign_in, limits, passwords, sessions, tokens, uploads
from shops.schema import MAX_LINES, MAX_ORDER_BYTES
from tests.architecture.test_dangerous_calls import PRODUCT, imported
from tests.architecture.test_imports import ROOT, module_of

TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
CRYPTOGRAPHY = ("hashlib", "hmac", "secrets", "ssl", "cryptography", "argon2", "random")
NETWORK = ("socket", "smtplib", "imaplib", "httpcore", "redis")
SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


def chapter(title: str) -> str:
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    """Return the cells of the first table of a chapter, row by row, without its head."""
    lines = dropwhile(lambda line: not line.startswith("|"), chapter(title).splitlines())
    found = list(takewhile(lambda line: line.startswith("|"), lines))
    assert "✓" in found[0], title
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found[2:]]


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def duration(text: str) -> timedelta:
    many, unit = text.split()
    return timedelta(seconds=int(many) * SECONDS[unit.removesuffix("s")])


def using(packages: tuple[str, ...]) -> list[str]:
    """Return the modules of the product that import one of these packages; demonstration and exceptions do nothing."""
    return sorted(
        {
            module_of(path)
            for path in PRODUCT
            for _, name in imported(path)
            if name.split(".")[0] in packages and not name.endswith(("Exception", "Error"))
        }
        - {"shops.demo.baskets", "shops.demo.orders"}
    )


def test_the_limits_are_those_of_the_code() -> None:
    said = {
        name: (int(most.replace(",", "")), duration(within))
        for which, most, within in rows("Limits")
        for name in named(which)
    }
    assert said == {
        name: (limit.most, limit.window) for name, limit in vars(limits).items() if isinstance(limit, limits.Limit)
    }


def test_sessions_and_proofs_live_as_long_as_is_said() -> None:
    said = {named(what)[0]: duration(time) for what, time in rows("Sessions")}
    assert said == tokens.LINK_LIVES | {
        **{name: end for name, end in vars(sessions).items() if name.endswith("_END")},
        "CODE_LIVES": tokens.CODE_LIVES,
        "LIVES": code_sign_in.LIVES,
        "REMEMBERED_SECONDS": timedelta(seconds=guest.REMEMBERED_SECONDS),
    }


def test_passwords_are_as_is_said() -> None:
    said = chapter("Passwords")
    assert said.startswith(f"{passwords.SHORTEST} to {passwords.LONGEST} characters")
    assert tuple(named(said)) == passwords.OF_THE_PLACE
    hasher = PasswordHasher()
    kept = f"({hasher.memory_cost // 1024} MiB, {hasher.time_cost} passes, {hasher.parallelism} lanes;"
    assert kept in " ".join(said.split())


def test_files_are_as_is_said() -> None:
    [[_, kinds, most], [_, _, order], *_] = rows("What comes in")
    assert re.findall(r"\.(\w+)", kinds) == list(UploadForm.ENDINGS)
    assert most == f"{uploads.MOST_BYTES >> 20} MiB, {uploads.MOST_DOCUMENTS:,} documents"
    assert order == f"{MAX_ORDER_BYTES >> 20} MiB, {MAX_LINES:,} lines"


def test_every_module_that_uses_cryptography_is_in_the_inventory() -> None:
    assert sorted(name for row in rows("Cryptography") for name in named(row[0])) == using(CRYPTOGRAPHY)


def test_every_module_that_calls_out_is_in_the_list() -> None:
    assert sorted(name for row in rows("Where it connects to") for name in named(row[0])) == using(NETWORK)


def test_every_table_belongs_to_one_class_of_data() -> None:
    assert sorted(name for row in rows("Data") for name in named(row[1])) == sorted(Base.metadata.tables)


def test_one_module_says_where_logs_go_and_it_is_standard_error() -> None:
    writers = re.compile(r"Handler\(|basicConfig\(|addHandler\(|\bprint\(|logging\.handlers|syslog|sentry")
    found = {path: set(writers.findall(path.read_text(encoding="utf-8"))) for path in PRODUCT}
    assert {module_of(path): what for path, what in found.items() if what} == {"web.logs": {"Handler(", "basicConfig("}}
    assert "standard error" in chapter("Logs")
