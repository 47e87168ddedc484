"""Calling out: https and public addresses alone, the one that was checked, no redirect, an end to everything."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from calls import http

PUBLIC = "93.184.215.14"
NOT_PUBLIC = [
    "127.0.0.1", "10.0.0.8", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",  # noqa: S104
    "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.8", "2001:db8::1", "64:ff9b::7f00:1", "2002:7f00:1::",
    "64:ff9b:1::a00:1", "::7f00:1", "::ffff:0:7f00:1", "fec0::1", "5f00::1", "192.0.0.1", "192.0.0.9", "192.0.0.10",
    "192.0.0.170", "192.88.99.1", "198.51.100.3", "203.0.113.1", "240.0.0.1", "100.127.255.255", "3fff::1",
    "3fff:fff:ffff::1", "2001:db8:ffff::1", "64:ff9b::a00:8", "64:ff9b::a9fe:a9fe", "64:ff9b::c058:6301",
    "2002:a00:8::", "2002:5db8:d70e::", "::ffff:93.184.215.14", "::ffff:169.254.169.254", "2001:2::1", "2001:20::1",
    "2001:0:4136:e378:8000:63bf:a247:28f1", "2001:0:4136:e378:8000:63bf:f5ff:fff7",
]  # fmt: skip
PUBLIC_TOO = [
    PUBLIC, "1.1.1.1", "9.9.9.9", "192.0.1.1", "191.255.255.1", "192.88.98.1", "192.88.100.1", "223.255.255.254",
    "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "2a00:1450:4007::1", "2001:4860:4860::8888", "2001:200::1",
    "2003::1", "3ffe::1", "3fff:1000::1", "64:ff9b::5db8:d70e",
]  # fmt: skip


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give what makes every name lead to these addresses."""

    def resolve(*addresses: str) -> None:
        def found(_host: str, port: int, *_more: Any, **_options: Any) -> list[Any]:
            families = [socket.AF_INET6 if ":" in one else socket.AF_INET for one in addresses]
            return [
                (family, socket.SOCK_STREAM, 6, "", (one, port))
                for family, one in zip(families, addresses, strict=True)
            ]

        monkeypatch.setattr(socket, "getaddrinfo", found)

    return resolve


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the addresses to which a connection was tried; none is ever made."""
    tried: list[str] = []

    def create_connection(address: tuple[str, int], *_more: Any, **_options: Any) -> socket.socket:
        tried.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", create_connection)
    return tried


def call(url: str, *, local: bool = False) -> http.Answer:
    with http.Caller(local=local) as caller:
        return caller.get(url, {})


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/", "ftp://shop.example/", "https://shop.example:8443/", "https://user@shop.example/",
        "https://user:pass@shop.example/", "https:///x", "//shop.example/", "https://[::1", "file:///etc/passwd",
        "http://127.0.0.1/", "",
    ],
)  # fmt: skip
def test_only_https_without_port_and_user_is_called(url: str, connected: list[str]) -> None:
    with pytest.raises(http.ForbiddenAddress):
        call(url)
    assert connected == []


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_no_name_leads_to_an_address_that_is_not_public(
    address: str, resolve: Callable[..., None], connected: list[str]
) -> None:
    resolve(address)
    with pytest.raises(http.ForbiddenAddress):
        call("https://shop.example/")
    assert connected == []


@pytest.mark.parametrize("address", PUBLIC_TOO)
def test_what_lies_beside_them_is_called(address: str, resolve: Callable[..., None], connected: list[str]) -> None:
    resolve(address)
    with pytest.raises(http.CallFailed):
        call("https://shop.example/")
    assert connected == [address]


def test_one_private_address_among_public_ones_is_enough(resolve: Callable[..., None], connected: list[str]) -> None:
    resolve(PUBLIC, "10.0.0.8")
    with pytest.raises(http.ForbiddenAddress):
        call("https://shop.example/")
    assert connected == []


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::1]"])
def test_an_address_written_otherwise_is_the_same_address(host: str, connected: list[str]) -> None:
    with pytest.raises(http.CallFailed):
        call(f"https://{host}/")
    assert connected == []


def test_the_address_that_was_checked_is_the_one_that_is_called(
    resolve: Callable[..., None], connected: list[str]
) -> None:
    """A name that would lead elsewhere a second later is not asked a second time (DNS rebinding)."""
    resolve(PUBLIC)
    with pytest.raises(http.CallFailed):
        call("https://shop.example/")
    assert connected == [PUBLIC]


@contextmanager
def a_server(answer: Callable[[BaseHTTPRequestHandler], None], certificate: Path | None = None) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 The name is the library's.
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_development_reaches_this_machine_and_production_does_not() -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "2")
        handler.end_headers()
        handler.wfile.write(b"[]")

    with a_server(answer) as url:
        assert call(url, local=True).body == b"[]"
        with pytest.raises(http.ForbiddenAddress):
            call(url)


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        handler.send_response(302)
        handler.send_header("Location", "/elsewhere")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with a_server(answer) as url:
        assert call(f"{url}/here", local=True).status == 302
    assert asked == ["/here"]


def test_more_than_sixteen_mebibytes_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MOST_BYTES", 1000)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1001")
        handler.end_headers()
        handler.wfile.write(b"x" * 1001)

    with a_server(answer) as url, pytest.raises(http.CallFailed, match="dépasse"):
        call(url, local=True)


def test_a_body_that_comes_drop_by_drop_is_not_waited_for_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "monotonic", count(0, http.MOST_SECONDS).__next__)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"1\r\nx\r\n" * 3 + b"0\r\n\r\n")

    with a_server(answer) as url, pytest.raises(http.CallFailed, match="trop lentement"):
        call(url, local=True)


def test_a_line_that_is_cut_is_a_failure_and_says_neither_address_nor_key() -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"[{")

    with a_server(answer) as url, http.Caller(local=True) as caller:
        with pytest.raises(http.CallFailed) as failure:
            caller.get(f"{url}/?key=geheim", {"Authorization": "Basic geheim"})
        assert "geheim" not in str(failure.value)
        assert url not in str(failure.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give key and certificate of shop.example, signed by itself."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("shop.example")]), critical=False)
        .sign(key, SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "shop.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + made.public_bytes(Encoding.PEM))
    return file


@pytest.mark.parametrize(("host", "answers"), [("shop.example", True), ("other.example", False)])
def test_the_certificate_is_asked_of_the_name_though_an_address_is_called(
    certificate: Path, resolve: Callable[..., None], host: str, *, answers: bool
) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    resolve("127.0.0.1")
    with a_server(_say_nothing, certificate) as url, http.Caller(local=True, context=trusting) as caller:
        wanted = url.replace("http://127.0.0.1", f"https://{host}")
        if answers:
            assert caller.get(wanted, {}).status == 200
            return
        with pytest.raises(http.CallFailed):
            caller.get(wanted, {})


def _say_nothing(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "0")
    handler.end_headers()
