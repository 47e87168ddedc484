"""Nothing is installed but what is pinned by its hash, and the list of it is complete: names, versions, licences."""

import json
import re
from collections import defaultdict
from typing import Any

import pytest

from tests.architecture.test_imports import ROOT
from tests.architecture.test_vendored import shipped

LISTS = sorted(path.name for path in ROOT.glob("requirements*.txt"))
IN_ONE_PLACE = [name for name in LISTS if name != "requirements-scan.txt"]
"""What is installed into `.venv`; the scanners have an environment of their own (`tests/security/scan.py`)."""
BOM: dict[str, Any] = json.loads((ROOT / "sbom.cdx.json").read_text(encoding="utf-8"))
PACKAGES = [component for component in BOM["components"] if component["purl"].startswith("pkg:pypi/")]
VENDORED = [component for component in BOM["components"] if component not in PACKAGES]
# What a merchant may run and hand on beside code of their own that stays closed; docs/licences.md says why.
ALLOWED = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "LGPL-2.1-or-later", "LGPL-3.0-only",
    "LGPL-3.0-or-later", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "OFL-1.1", "PSF-2.0", "Unlicense",
}  # fmt: skip


def pins(name: str) -> dict[str, list[str]]:
    """Return name==version of each package with its hashes; every line must belong to one, or be a comment."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if pin := re.fullmatch(r"([\w.-]+==[\w.]+)( ; [^\\]+)? \\", line):
            hashes = found[pin[1]] = []
        elif digest := re.fullmatch(r"    --hash=sha256:([0-9a-f]{64})( \\)?", line):
            hashes.append(digest[1])
        else:
            assert not line or line.lstrip().startswith("#"), f"{name}: {line}"
    return found


def hashes(component: dict[str, Any]) -> list[str]:
    assert {entry["alg"] for entry in component["hashes"]} == {"SHA-256"}
    return [entry["content"] for entry in component["hashes"]]


def licence(component: dict[str, Any]) -> str:
    [entry] = component["licenses"]
    return str(entry.get("expression") or entry["license"]["id"])


@pytest.mark.parametrize("name", LISTS)
def test_every_package_has_one_version_and_its_hashes(name: str) -> None:
    found = pins(name)
    assert [pin for pin, digests in found.items() if not digests] == []
    assert found


def test_what_production_runs_is_what_is_tested() -> None:
    assert pins("requirements.txt").items() <= pins("requirements-test.txt").items()


def test_no_list_changes_what_another_one_installed() -> None:
    versions = defaultdict(set)
    for pin in {pin for name in IN_ONE_PLACE for pin in pins(name)}:
        versions[pin.partition("==")[0]].add(pin.partition("==")[2])
    assert {name: several for name, several in versions.items() if len(several) > 1} == {}


def test_whoever_installs_is_told_to_check_the_hashes() -> None:
    texts = [ROOT / "README.md", ROOT / "SECURITY.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*")]
    said = [
        command
        for path in texts
        if path.is_file()
        for command in re.findall(r"pip install [^`\n]*requirements[^`\n]*", path.read_text(encoding="utf-8"))
    ]
    assert len(said) >= 2
    assert [command for command in said if "--require-hashes --only-binary :all:" not in command] == []


def test_the_list_names_exactly_the_pinned_packages_with_their_hashes() -> None:
    listed = {component["purl"].removeprefix("pkg:pypi/").replace("@", "=="): component for component in PACKAGES}
    assert {pin: hashes(component) for pin, component in listed.items()} == pins("requirements.txt")
    assert [pin for pin, component in listed.items() if component["version"] != pin.partition("==")[2]] == []


def test_the_list_names_exactly_the_vendored_files_with_their_hashes() -> None:
    files = {f"{folder}/{name}": [digest] for folder, names in shipped().items() for name, digest in names.items()}
    assert {component["bom-ref"]: hashes(component) for component in VENDORED} == {
        name: digests for name, digests in files.items() if not name.endswith(".txt")
    }
    htmx = next(component for component in VENDORED if component["name"] == "htmx")
    assert htmx["purl"] == f"pkg:npm/htmx.org@{htmx['version']}"
    assert f"htmx-{htmx['version']}.min.js" in htmx["bom-ref"]


def test_every_licence_may_stand_beside_closed_code() -> None:
    assert {component["name"]: licence(component) for component in BOM["components"]
            if not ALLOWED & set(licence(component).split(" OR "))} == {}  # fmt: skip


def test_the_page_of_licences_says_the_same() -> None:
    grouped = defaultdict(list)
    for component in BOM["components"]:
        grouped[licence(component)].append(component["name"])
    text = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    table = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")][1:]
    assert {row[0]: row[1] for row in table} == {name: ", ".join(grouped[name]) for name in sorted(grouped)}
    assert [row for row in table if len(row) != 3 or not row[2]] == []


def test_the_list_would_be_written_the_same_anywhere() -> None:
    assert "serialNumber" not in BOM
    assert "timestamp" not in BOM["metadata"]
    references = [component["bom-ref"] for component in BOM["components"]]
    assert references == sorted(references, key=str.lower)
    assert {entry["ref"] for entry in BOM["dependencies"]} == {*references, "espace-client"}
