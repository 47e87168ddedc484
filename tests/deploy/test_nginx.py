"""`deploy/nginx`: what the example of a proxy promises, read from its file as nginx reads it."""

import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parents[2] / "deploy" / "nginx" / "espace-client.conf"
TOKEN = re.compile(r'#[^\n]*|"[^"]*"|[{};]|[^\s{};"]+')


@dataclass
class Block:
    """A block of the file: what it is called, its directives with their arguments, and the blocks inside."""

    name: str
    says: list[list[str]] = field(default_factory=list)
    blocks: list["Block"] = field(default_factory=list)

    def all(self, directive: str) -> list[list[str]]:
        return [words[1:] for words in self.says if words[0] == directive]

    def one(self, directive: str) -> str:
        [words] = self.all(directive)
        return " ".join(words)

    def location(self, path: str) -> "Block":
        return next(block for block in self.blocks if block.name in (f"location {path}", f"location = {path}"))


def read() -> Block:
    stack, words = [Block("")], list[str]()
    for token in TOKEN.findall(FILE.read_text(encoding="utf-8")):
        if token.startswith("#"):
            continue
        if token == "{":
            stack.append(Block(" ".join(words)))
        elif token == "}":
            block = stack.pop()
            stack[-1].blocks.append(block)
        elif token == ";":
            stack[-1].says.append(words)
        else:
            words.append(token.strip('"'))
            continue
        words = []
    [root] = stack
    return root


@pytest.fixture(scope="module")
def root() -> Block:
    return read()


@pytest.fixture(scope="module")
def site(root: Block) -> Block:
    """Give the server that speaks TLS."""
    return next(block for block in root.blocks if block.name == "server" and block.all("ssl_certificate"))


def test_only_tls_of_today_is_spoken_and_every_cipher_has_forward_secrecy(site: Block) -> None:
    assert site.one("ssl_protocols") == "TLSv1.2 TLSv1.3"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(site.one("ssl_ciphers"))
    older = [cipher for cipher in context.get_ciphers() if cipher["protocol"] != "TLSv1.3"]
    assert len(older) == len(site.one("ssl_ciphers").split(":"))
    assert all(cipher["aead"] and cipher["kea"] == "kx-ecdhe" and cipher["strength_bits"] >= 128 for cipher in older)


def test_browsers_are_led_to_https_and_shops_that_call_in_clear_are_refused(root: Block) -> None:
    plain = next(block for block in root.blocks if block.name == "server" and ["80"] in block.all("listen"))
    assert plain.location("/").one("return").startswith("301 https://")
    assert plain.location("/api/").one("return") == "403"
    assert plain.location("/webhooks/").one("return") == "403"


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("Strict-Transport-Security", "max-age=31536000; includeSubDomains"),
        ("X-Content-Type-Options", "nosniff"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Content-Security-Policy", "frame-ancestors 'none'"),
    ],
)
def test_what_the_application_did_not_answer_carries_its_headers_too(
    root: Block, site: Block, header: str, says: str
) -> None:
    [variable] = [words[1] for words in site.all("add_header") if words[0] == header and words[2:] == ["always"]]
    known = f"$upstream_http_{header.lower().replace('-', '_')}"
    [where] = [block for block in root.blocks if block.name == f"map {known} {variable}"]
    [[empty, value]] = where.says
    assert empty == ""
    assert says in value
    assert not [block.name for block in site.blocks if block.all("add_header")]  # One alone would undo all of these.


def test_nothing_a_visitor_says_of_the_way_here_reaches_the_application(site: Block) -> None:
    handed_on = {words[0]: " ".join(words[1:]) for words in site.location("/").all("proxy_set_header")}
    assert handed_on["X-Forwarded-For"] == "$remote_addr"
    assert handed_on["X-Forwarded-Proto"] == "$scheme"
    assert handed_on["X-Forwarded-Host"] == handed_on["Forwarded"] == ""


def test_files_of_pages_alone_are_handed_out_and_no_folder_is_listed(site: Block) -> None:
    everything = [site, *site.blocks]
    assert [block.one("alias") for block in everything if block.all("alias")] == ["/srv/espace-client/static/"]
    assert not [block.name for block in everything if block.all("root") or block.all("autoindex")]
    assert site.location("/static/").one("charset") == "utf-8"
    assert site.location("/metrics").one("return") == "404"


def test_no_address_of_a_visitor_is_logged(site: Block) -> None:
    assert site.one("access_log") == "off"
