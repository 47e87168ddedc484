"""`docs/asvs.md`: each requirement of levels 1 and 2 once, with tests that exist or with a reason."""

import ast
import re
from functools import cache

from tests.architecture.test_imports import ROOT

# OWASP ASVS 5.0.0: the levels of the requirements of each section, in their order.
LEVELS = {
    "1.1": "22", "1.2": "1111122223", "1.3": "112222222223", "1.4": "222", "1.5": "123",
    "2.1": "122", "2.2": "112", "2.3": "12223", "2.4": "23",
    "3.1": "3", "3.2": "113", "3.3": "12223", "3.4": "11222233", "3.5": "11122333", "3.6": "3", "3.7": "22333",
    "4.1": "12233", "4.2": "23333", "4.3": "22", "4.4": "1222",
    "5.1": "2", "5.2": "112333", "5.3": "113", "5.4": "222",
    "6.1": "122", "6.2": "111111112222", "6.3": "11223333", "6.4": "112233", "6.5": "22222333", "6.6": "2223",
    "6.7": "33", "6.8": "2222",
    "7.1": "222", "7.2": "1111", "7.3": "22", "7.4": "11222", "7.5": "223", "7.6": "22",
    "8.1": "1233", "8.2": "1123", "8.3": "133", "8.4": "23",
    "9.1": "111", "9.2": "1222",
    "10.1": "22", "10.2": "223", "10.3": "22223", "10.4": "1111122222233333", "10.5": "22222", "10.6": "22",
    "10.7": "222",
    "11.1": "2233", "11.2": "22233", "11.3": "11233", "11.4": "1222", "11.5": "23", "11.6": "23", "11.7": "33",
    "12.1": "12233", "12.2": "11", "12.3": "22223",
    "13.1": "2333", "13.2": "222223", "13.3": "2233", "13.4": "1222233",
    "14.1": "22", "14.2": "12223333", "14.3": "122",
    "15.1": "12233", "15.2": "12233", "15.3": "1222222", "15.4": "3333",
    "16.1": "2", "16.2": "22222", "16.3": "2222", "16.4": "222", "16.5": "2223",
    "17.1": "23", "17.2": "22223333", "17.3": "22",
}  # fmt: skip
IN_ALL = {"1": 70, "2": 183, "3": 92}

TEXT = (ROOT / "docs" / "asvs.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+\.\d+\.\d+) \| (\d) \| (.+?) \| (.+) \|$", TEXT, re.MULTILINE)
CITED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def without_tests(shown_by: str) -> list[str]:
    """Return the words of a row beside the tests that it names."""
    return re.findall(r"\w+", CITED.sub("", shown_by))


@cache
def functions_of(file: str) -> set[str]:
    path = ROOT / file
    tree = ast.parse(path.read_text(encoding="utf-8") if path.is_file() else "")
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_the_levels_are_those_of_the_standard() -> None:
    assert {level: "".join(LEVELS.values()).count(level) for level in IN_ALL} == IN_ALL


def test_each_requirement_of_levels_1_and_2_is_there_once_in_its_order() -> None:
    wanted = [
        (f"{section}.{place}", level)
        for section, levels in LEVELS.items()
        for place, level in enumerate(levels, start=1)
        if level != "3"
    ]
    assert [(number, level) for number, level, *_ in ROWS] == wanted


def test_each_test_that_is_named_exists() -> None:
    assert [f"{file}::{name}" for file, name in CITED.findall(TEXT) if name not in functions_of(file)] == []


def test_each_row_names_a_test_or_gives_a_reason() -> None:
    assert [
        number for number, _, _, shown_by in ROWS if not CITED.search(shown_by) and len(without_tests(shown_by)) < 3
    ] == []


def test_what_is_named_beside_a_test_is_in_the_documents() -> None:
    security = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    titles = set(re.findall(r"^## (.+)$", security, re.MULTILINE))
    assert set(re.findall(r"\[security\.md\]\(security\.md\), « (.+?) »", TEXT)) <= titles
    assert [path for path in re.findall(r"\]\((?!https:)([^)#]+)", TEXT) if not (ROOT / "docs" / path).exists()] == []


def test_the_sums_at_the_head_are_those_of_the_rows() -> None:
    shown = sum(bool(CITED.search(shown_by)) for *_, shown_by in ROWS)
    deviating = sum("deviates" in shown_by for *_, shown_by in ROWS)
    said = re.search(r"(\d+) rows name the tests .+?, (\d+) the reason .+? there are (\d+) of those", TEXT, re.DOTALL)
    assert said
    assert tuple(map(int, said.groups())) == (shown, len(ROWS) - shown, deviating)
