"""The rooms of the house: imports run one way, files and views stay short (`ALLOWED` below is the rule)."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_OURS = {".venv", "var", "migrations", "build", "gunicorn.conf.py"}
SERVICE_TOOLS = {"calls", "documents", "shops", "mail", "storage", "task_queue"}
GROUND = {"config", "clock", "columns", "extensions", "failpoints", "sealing"}
OF_THE_FRAMEWORK = {
    "flask",
    "flask_babel",
    "flask_login",
    "flask_wtf",
    "wtforms",
    "sqlalchemy",
    "alembic",
    "redis",
    "rq",
}

# Each room, and what of ours it may import besides itself: a room, or one module of it.
ALLOWED = {
    "clock": set[str](),
    "config": set[str](),
    "extensions": set[str](),
    "failpoints": set[str](),
    "sealing": {"config"},
    "columns": set[str](),
    "parties": set[str](),
    "documents": {"parties"},
    "shops": {"parties", "mail.addresses"},
    "mail": {"parties"},
    "calls": {"shops"},
    "storage": {"config", "failpoints"},
    "task_queue": {"config", "clock"},
    "models": {"tables"},
    "tables": {"clock", "columns", "extensions", "parties"},
    "services": {"models", "parties", *GROUND, *SERVICE_TOOLS},
    "forms": {"models", "parties", "services", *GROUND},
    "web": {"models", "parties", "documents", "shops", "forms", "services", *GROUND},
    "blueprints": {"web", "forms", "services", "models", "parties", *GROUND, *SERVICE_TOOLS},
    "commands": {"web", "forms", "services", "models", "parties", *GROUND, *SERVICE_TOOLS},
    "jobs": {"web", "services", "models", *GROUND, *SERVICE_TOOLS},
}
PURE = {"parties", "documents", "shops", "clock", "mail"}
PARTIES_NEED_ONLY = {"stdnum", "babel", "parties"}


@cache
def sources() -> list[Path]:
    """Return every Python file of ours, the tests and tools included."""
    rooms = (entry for entry in ROOT.iterdir() if entry.name not in NOT_OURS)
    return sorted(path for room in rooms for path in ([room] if room.suffix == ".py" else room.rglob("*.py")))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Return line and dotted name of each import, wherever it stands in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


ROOMS = {module_of(path).partition(".")[0] for path in sources()} - {"tests", "dev", "benchmarks"}


def test_the_rooms_exist() -> None:
    assert set(ALLOWED) <= ROOMS


def test_every_room_is_in_the_plan() -> None:
    assert ROOMS - set(ALLOWED) - {"app", "worker"} == set()


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_imports_run_one_way(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources()
        if module_of(path).partition(".")[0] == room
        for line, name in imports(path)
        if name.partition(".")[0] in ROOMS | {"dev", "tests"} and not may_import(room, name)
    ]
    assert wrong == []


def may_import(room: str, name: str) -> bool:
    return any(name == allowed or name.startswith(f"{allowed}.") for allowed in ALLOWED[room] | {room})


@pytest.mark.parametrize("room", sorted(PURE))
def test_pure_rooms_know_neither_framework_nor_database(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources()
        if module_of(path) == room or module_of(path).startswith(f"{room}.")
        for line, name in imports(path)
        if name.partition(".")[0] in OF_THE_FRAMEWORK
    ]
    assert wrong == []


def test_parties_need_only_the_standard_library_stdnum_and_babel() -> None:
    allowed = PARTIES_NEED_ONLY | set(sys.stdlib_module_names)
    files = [path for path in sources() if module_of(path).startswith("parties")]
    assert {name for path in files for _, name in imports(path) if name.partition(".")[0] not in allowed} == set()


def test_only_the_queue_and_the_worker_know_redis() -> None:
    knowing = {
        module_of(path)
        for path in sources()
        if not module_of(path).startswith(("tests", "dev", "benchmarks"))
        for _, name in imports(path)
        if name.partition(".")[0] in {"redis", "rq"}
    }
    assert knowing <= {"task_queue", "worker"}


def test_no_module_shadows_the_standard_library() -> None:
    assert {module_of(path).partition(".")[0] for path in sources()} & set(sys.stdlib_module_names) == set()


def test_no_room_is_a_bag() -> None:
    bags = {"utils", "helpers", "manager", "common", "misc"}
    assert [str(path.relative_to(ROOT)) for path in sources() if bags & set(module_of(path).split("."))] == []


def test_no_file_is_longer_than_500_lines() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    assert {name: length for name, length in lengths.items() if length > 500} == {}


def views() -> Iterator[tuple[str, int]]:
    """Return each view and its number of lines, signature and docstring included, decorators left aside."""
    for path in sorted((ROOT / "blueprints").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and any(is_route(one) for one in node.decorator_list):
                yield f"{path.name}:{node.name}", (node.end_lineno or 0) - node.lineno + 1


def is_route(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(called, ast.Attribute) and called.attr in {"route", "get", "post", "put", "patch", "delete"}


def test_no_view_is_longer_than_20_lines() -> None:
    found = dict(views())
    assert found, "no view was recognised"
    assert {name: length for name, length in found.items() if length > 20} == {}
