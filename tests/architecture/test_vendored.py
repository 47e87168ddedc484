"""What others wrote and we ship stands here unchanged, under a known digest."""

import hashlib
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KNOWN = {
    # npm htmx.org 4.0.1, dist/htmx.min.js
    "static/vendor": {
        "htmx-4.0.1.min.js": "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
        "htmx-4.0.1.LICENSE.txt": "a96218036d58281edac285e90b8559b487a9699dd236bfae3754d78be009bdc5",
    },
    # Where each is from, and what was left out of it: the README.md beside them.
    "documents/assets/fonts": {
        "DroidSansFallback-Apache-2.0.txt": "f43802bf844de7b93e70d58ba3529e13bcfbcb5d5d9c831bcc7fdb0a6d5b0cc8",
        "DroidSansFallback.ttf": "4a25a07bc257ca606593d3dbac60cb72725690628b56c2d5c210b278a78a8f3f",
        "NotoEmoji-OFL.txt": "500bb1ccf43df7bbb522112f9133a52b16e1c35e809632f5d8609b179152de5b",
        "NotoEmoji-Regular.ttf": "598cd852a68fe0ad09e647cad8f42d803f4c05efee2ce438d8a155c7a28c0fba",
        "NotoSansScripts-OFL.txt": "8f8add9e748d335f0b00e55fbb2c22cf2b137066c519fc1eebf9239f6f40e309",
        "NotoSansScripts-Regular.ttf": "0e3385e067f943138494a2bdf3db5b881242aeb9f762fc8b0046823506672830",
        "SourceSans3-OFL.txt": "09746787287a289323b0ec3cff4d1a4a801331b82b7207c1e186f5d26619a392",
        "SourceSans3-Regular.ttf": "393fb5b878ceed04aebc34b097e853ae5138c51d0c34b496ce8e2b47e0d0b94a",
        "SourceSans3-SemiBold.ttf": "bd2550fce2d295b0bf20bd8b1b7f1477da834f1066bd850aafdb4787a67a63ca",
    },
}
FINISHED = (".ttf", ".otf", ".woff", ".woff2", ".min.js", ".min.css", ".wasm")


def shipped() -> dict[str, dict[str, str]]:
    """Return the SHA-256 of every vendored file, folder by folder; what we wrote about them is none."""
    return {
        folder: {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in (ROOT / folder).iterdir()
            if path.name != "README.md"
        }
        for folder in KNOWN
    }


def test_vendored_files_are_the_known_ones() -> None:
    assert shipped() == KNOWN


def test_each_vendored_file_has_its_licence_beside_it() -> None:
    for names in KNOWN.values():
        works = {name: re.split(r"[-.]", name, maxsplit=1)[0] for name in names}
        licensed = {work for name, work in works.items() if name.endswith(".txt")}
        assert [name for name, work in works.items() if work not in licensed] == []


def test_fonts_and_finished_scripts_lie_nowhere_else() -> None:
    product = [path for folder in ("static", "documents", "templates") for path in (ROOT / folder).rglob("*")]
    found = {path.relative_to(ROOT).as_posix() for path in product if path.name.endswith(FINISHED)}
    assert found == {f"{folder}/{name}" for folder in KNOWN for name in KNOWN[folder] if name.endswith(FINISHED)}
