"""What others wrote and we ship stands here unchanged, under a known digest."""

import hashlib
from pathlib import Path

VENDOR = Path(__file__).resolve().parents[2] / "static" / "vendor"
KNOWN = {
    # npm htmx.org 4.0.1, dist/htmx.min.js
    "htmx-4.0.1.min.js": "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
}


def test_vendored_scripts_are_the_published_ones() -> None:
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in VENDOR.glob("*.js")}
    assert found == KNOWN


def test_each_vendored_script_has_its_licence_beside_it() -> None:
    missing = [name for name in KNOWN if not (VENDOR / name.replace(".min.js", ".LICENSE.txt")).is_file()]
    assert missing == []
