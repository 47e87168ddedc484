"""`bin/sbom`: write sbom.cdx.json, which names what production runs, in CycloneDX.

CycloneDX's own tool reads the packages of requirements.txt in an environment that holds nothing else; what it cannot
know is added: the hashes of the pins, licences that no identifier names, and what others wrote and lies among our
files. The same pins and files give the same bytes: no time, no random number, no path.
"""

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from dev.settings import ROOT

TARGET = ROOT / "sbom.cdx.json"
PRODUCT = "espace-client"
PIN = re.compile(r"^([\w.-]+)==(\S+)(?: ; [^\\\n]*)?((?: \\\n +--hash=\S+)+)", re.MULTILINE)

# Read in the licence file of these packages, whose metadata names a family only: « BSD », « LGPL », « Apache ».
CONCLUDED = {
    "async-timeout": "Apache-2.0",
    "cssselect2": "BSD-3-Clause",
    "flask-sqlalchemy": "BSD-3-Clause",
    "flask-wtf": "BSD-3-Clause",
    "itsdangerous": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "python-stdnum": "LGPL-2.1-or-later",
    "reportlab": "BSD-3-Clause",
    "segno": "BSD-3-Clause",
    "tinycss2": "BSD-3-Clause",
    "webencodings": "BSD-3-Clause",
    "wtforms": "BSD-3-Clause",
}


class Vendored(NamedTuple):
    path: str
    name: str
    version: str
    purl: str
    licence: str


FONTS = "documents/assets/fonts"
SOURCE_SANS = "pkg:github/adobe-fonts/source-sans@3.052R"
VENDORED = (
    Vendored("static/vendor/htmx-4.0.1.min.js", "htmx", "4.0.1", "pkg:npm/htmx.org@4.0.1", "0BSD"),
    Vendored(f"{FONTS}/SourceSans3-Regular.ttf", "Source Sans 3", "3.052", SOURCE_SANS, "OFL-1.1"),
    Vendored(f"{FONTS}/SourceSans3-SemiBold.ttf", "Source Sans 3 SemiBold", "3.052", SOURCE_SANS, "OFL-1.1"),
    Vendored(
        f"{FONTS}/NotoSansScripts-Regular.ttf", "Noto Sans (a selection)", "20201225",
        "pkg:deb/debian/fonts-noto-core@20201225", "OFL-1.1",
    ),
    Vendored(
        f"{FONTS}/DroidSansFallback.ttf", "Droid Sans Fallback (a selection)", "6.0.1r16",
        "pkg:deb/debian/fonts-droid-fallback@6.0.1r16", "Apache-2.0",
    ),
    Vendored(
        f"{FONTS}/NotoEmoji-Regular.ttf", "Noto Emoji (a selection)", "0.4.7",
        "pkg:npm/%40expo-google-fonts/noto-emoji@0.4.7", "OFL-1.1",
    ),
)  # fmt: skip


def main() -> None:
    """Write the file; stops with one line when a package says no licence that can be named."""
    pins = {name: re.findall(r"sha256:(\w+)", lines) for name, _, lines in PIN.findall(_text("requirements.txt"))}
    bom = _read_by_the_tool()
    for package in bom["components"]:
        name = _name(package)
        package["hashes"] = [_sha256(digest) for digest in pins[name]]
        package["licenses"] = _licence(name, package.get("licenses", []))
        package.pop("externalReferences", None)  # Chats, funding and the like of its authors.
    ours = [_component(vendored) for vendored in VENDORED]
    chosen = re.findall(r"^[\w.-]+", _text("requirements.in"), re.MULTILINE)
    direct = [package["bom-ref"] for package in bom["components"] if _name(package) in chosen]
    root = {"ref": PRODUCT, "dependsOn": sorted(direct + [component["bom-ref"] for component in ours])}
    bom["metadata"]["component"] = {"type": "application", "bom-ref": PRODUCT, "name": PRODUCT}
    bom["components"] = sorted(bom["components"] + ours, key=lambda component: str(component["bom-ref"]).lower())
    bom["dependencies"] = [root, *bom["dependencies"], *({"ref": component["bom-ref"]} for component in ours)]
    text = json.dumps(bom, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    if problem := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        sys.exit(f"Not CycloneDX 1.6: {problem}")
    TARGET.write_text(text, encoding="utf-8")
    print(f"{TARGET.name}: {len(bom['components'])} components")


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _read_by_the_tool() -> dict[str, Any]:
    """Install every pin, wanted on this machine or not, beside nothing else, and describe that environment."""
    pins = "".join(f"{name}=={version}{hashes}\n" for name, version, hashes in PIN.findall(_text("requirements.txt")))
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text(pins)
        venv = Path(folder, "venv")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
        subprocess.run(
            [sys.executable, "-m", "pip", "--python", venv, "install", "--quiet", "--disable-pip-version-check",
             "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", requirements],
            check=True,
        )  # fmt: skip
        tool = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible", "--spec-version", "1.6"]
        written = subprocess.run([*tool, venv], check=True, stdout=subprocess.PIPE).stdout
    bom: dict[str, Any] = json.loads(written)
    return bom


def _name(package: dict[str, Any]) -> str:
    return re.sub(r"[-_.]+", "-", package["name"].lower())


def _licence(name: str, said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the one licence, by its SPDX identifier: as the package says it, else as it was read."""
    if name in CONCLUDED:
        return [{"license": {"id": CONCLUDED[name], "acknowledgement": "concluded"}}]
    identified = [entry for entry in said if "expression" in entry or "id" in entry["license"]]
    if len(identified) != 1:
        sys.exit(f"{name}: its metadata names no single licence ({said}); read it, and add it to dev/sbom.py.")
    return identified


def _component(vendored: Vendored) -> dict[str, Any]:
    return {
        "type": "library" if vendored.path.endswith(".js") else "data",
        "bom-ref": vendored.path,
        "name": vendored.name,
        "version": vendored.version,
        "purl": vendored.purl,
        "hashes": [_sha256(hashlib.sha256((ROOT / vendored.path).read_bytes()).hexdigest())],
        "licenses": [{"license": {"id": vendored.licence, "acknowledgement": "declared"}}],
    }


def _sha256(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest}


if __name__ == "__main__":
    main()
