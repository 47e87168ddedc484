"""What the product never does: run text as a program or as a template, read objects, put pages together by hand."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.test_imports import ROOT, imports, module_of, sources

PRODUCT = [path for path in sources() if not module_of(path).startswith(("tests", "dev", "benchmarks"))]

NAMES = {"eval", "exec", "compile", "__import__", "Markup", "render_template_string"}
METHODS = {"system", "popen", "from_string", "fromstring", "XMLParser", "iterparse", "xpath", "XSLT"}
MODULES = (
    "subprocess", "pty", "pickle", "marshal", "shelve", "yaml", "ctypes", "ftplib", "telnetlib", "xmlrpc", "requests",
    "urllib.request",
)  # fmt: skip
RAW_SQL = {"extensions", "tables.guards"}  # BEGIN IMMEDIATE, and the triggers; both of words of ours alone.
CHANCE_WITHOUT_SECRETS = {"services.leases"}
SAFE = {
    "macros/icons.html": "drawings[name]",
    "pdf/page.html": "body",  # Made by the templates beside it, which escape.
    "devmail/message.html": '"<br>"',
}
"""What templates take for markup, all of it our own."""


def dangers(tree: ast.AST) -> Iterator[int]:
    """Return the lines that call one of these names or methods, or read a field from wherever it was sent."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            if getattr(called, "id", "") in NAMES or getattr(called, "attr", "") in METHODS:
                yield node.lineno
        elif isinstance(node, ast.Attribute) and node.attr == "values" and getattr(node.value, "id", "") == "request":
            yield node.lineno  # A field of a form would be taken from the address as well.


@cache
def imported(path: Path) -> list[tuple[int, str]]:
    return list(imports(path))


@cache
def parsed(path: Path) -> ast.AST:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_no_text_is_run() -> None:
    assert [f"{path.relative_to(ROOT)}:{line}" for path in PRODUCT for line in dangers(parsed(path))] == []


def test_no_answer_waits_by_sleeping() -> None:
    answering = [
        path for path in PRODUCT if module_of(path).split(".")[0] in ("blueprints", "forms", "services", "web")
    ]
    sleeping = {module_of(path) for path in answering if re.search(r"\bsleep\b\(", path.read_text(encoding="utf-8"))}
    assert sleeping == {"services.delivery"}  # A worker that waits for the database to mark a mail; no visitor waits.


def test_whatever_bandit_passes_over_has_its_reason() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (*PRODUCT, *ROOT.glob("migrations/versions/*.py"))]
    passed = [line for text in texts for line in text.splitlines() if "nosec" in line]
    assert passed
    assert [line for line in passed if not re.search(r"# nosec B\d{3}  # (noqa: S\d{3} +(- )?)?[A-Z].+\.$", line)] == []


@pytest.mark.parametrize(
    "way",
    [
        "eval(text)",
        "os.system(text)",
        "Markup(text)",
        "env.from_string(text)",
        "etree.fromstring(text)",
        "request.values",
    ],
)
def test_each_way_to_run_it_is_recognised(way: str) -> None:
    assert list(dangers(ast.parse(way))) == [1]


def test_nothing_is_imported_that_starts_programs_or_makes_objects_of_bytes() -> None:
    assert [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in PRODUCT
        for line, name in imported(path)
        if any(name == module or name.startswith(f"{module}.") for module in MODULES)
    ] == []


def test_the_one_reader_of_markup_reads_our_own() -> None:
    found = {module_of(path) for path in PRODUCT for node in ast.walk(parsed(path)) if is_method(node, "parseString")}
    assert found == {"documents.pdf"}


def is_method(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == name


def test_sql_is_written_by_the_library_or_in_words_of_ours() -> None:
    assert {
        module_of(path) for path in PRODUCT for node in ast.walk(parsed(path)) if is_method(node, "exec_driver_sql")
    } == RAW_SQL
    assert [f"{path.relative_to(ROOT)}:{line}" for path in PRODUCT for line in made_up_sql(path)] == []


def made_up_sql(path: Path) -> Iterator[int]:
    """Return the lines that make a clause of SQL from a text that is not written out there."""
    names = {
        name.rpartition(".")[2]
        for _, name in imported(path)
        if name in ("sqlalchemy.text", "sqlalchemy.literal_column")
    }
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in names:
            yield from (text.lineno for text in node.args if not isinstance(text, ast.Constant))


def test_chance_that_must_not_be_guessed_is_the_systems() -> None:
    taking = {module_of(path) for path in PRODUCT for _line, name in imported(path) if name in ("random", "uuid")}
    assert taking <= CHANCE_WITHOUT_SECRETS


def test_templates_escape_all_but_words_of_ours() -> None:
    found: dict[str, str] = {}
    for path in (ROOT / "templates").rglob("*.*"):
        text = path.read_text(encoding="utf-8")
        assert "autoescape" not in text, path
        for what in re.findall(r"([^\s({]+)\s*\|\s*(?:safe|tojson)\b", text):
            found[str(path.relative_to(ROOT / "templates"))] = what
    assert found == SAFE


IN_NO_SCRIPT = (
    "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "__proto__",  # Text only.
    "localStorage", "sessionStorage", "indexedDB", "document.cookie", "caches.",  # Nothing stays in the browser.
    "postMessage", '"message"', "http:", "https:", "import(",  # Nobody else is heard or called.
    '"paste"', '"copy"', '"contextmenu"',  # Password managers do as they please.
)  # fmt: skip


@pytest.mark.parametrize("script", sorted((ROOT / "static" / "js").glob("*.js")), ids=lambda path: path.name)
def test_scripts_write_text_keep_nothing_and_hear_nobody_else(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert [each for each in IN_NO_SCRIPT if each in text] == []
