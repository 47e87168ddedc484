"""States change by the methods of their tables alone: these ask for the step and clear what belonged to the former."""

import ast
from collections.abc import Iterator

from tests.architecture.test_imports import ROOT, module_of, sources

ELSEWHERE = ("tables", "tests", "dev", "benchmarks")


def writers(tree: ast.AST) -> Iterator[int]:
    """Return the lines that write a state: by assignment, in one of several, by an UPDATE in SQL, by name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "state" and isinstance(node.ctx, ast.Store | ast.Del):
            yield node.lineno
        elif isinstance(node, ast.Call) and called(node) == "values":
            yield from (keyword.lineno for keyword in node.keywords if keyword.arg == "state")
        elif isinstance(node, ast.Call) and called(node) == "setattr" and not is_another_name(node.args[1]):
            yield node.lineno


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def is_another_name(name: ast.expr) -> bool:
    """Whether it is no state: a name written out, or that of a loop over the fields of a message or of details."""
    return name.value != "state" if isinstance(name, ast.Constant) else getattr(name, "id", "") == "name"


def test_only_the_tables_write_a_state() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sources()
        if not module_of(path).startswith(ELSEWHERE)
        for line in writers(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


def test_each_way_to_write_a_state_is_recognised() -> None:
    ways = (
        "request.state = 'sent'",
        "request.state, request.due_at = 'sent', None",
        "request.state += 'x'",
        "update(InvoiceRequest).values(due_at=None, state='sent')",
        "setattr(request, 'state', 'sent')",
        "setattr(request, field, 'sent')",
    )
    assert [list(writers(ast.parse(way))) for way in ways] == [[1]] * len(ways)
    reading = ("request.state == 'sent'", "update(Delivery).values(due_at=None)", "InvoiceRequest(state='requested')")
    assert [list(writers(ast.parse(one))) for one in reading] == [[]] * len(reading)
