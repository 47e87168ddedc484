"""Reading from a shop's address: https and public alone, checked at the moment of connecting, redirects not followed.

The name is resolved here, every address of it must be public, and the connection goes to the address that was checked:
a name that answers differently a second later leads nowhere else (DNS rebinding). TLS is asked for the name.
"""

import ipaddress
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from time import monotonic
from urllib.parse import urlsplit

import httpcore

SECONDS, MOST_SECONDS = 15.0, 120.0
"""How long silence may last, and a whole body."""
MOST_BYTES = 16 * 1024 * 1024
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
PUBLIC_IPV6 = ipaddress.IPv6Network("2000::/3")
"""What has been given out; beside it lie forms that a gateway or an old system may take for an address within."""
NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",  # Protocols (RFC 6890), those two included that Python calls global.
            "192.88.99.0/24",  # Relays of 6to4 (RFC 7526).
            "2001::/23",  # Protocols, Teredo among them, which leads to the IPv4 address that it carries.
            "2001:db8::/32",  # Documentation (RFC 3849, RFC 9637).
            "3fff::/20",
            "2002::/16",  # 6to4, which leads to the IPv4 address that it carries.
        ),
    )
)
"""Where no shop stands, whatever the running version of Python knows of it."""
_TIMEOUTS = {"connect": SECONDS, "read": SECONDS, "write": SECONDS, "pool": SECONDS}


class CallFailed(Exception):
    """The shop did not answer as it should; the text is French and holds neither a key nor a query."""


class ForbiddenAddress(CallFailed):
    """The address is not one that is called: no https, not public, or with a user's name in it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the shop answered; header names are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def require_allowed(url: str, *, local: bool) -> None:
    """Raise ForbiddenAddress unless the address may be called; `local` (development) allows http to this machine."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ForbiddenAddress("Cette adresse ne peut pas être lue.") from None
    if not parts.hostname or parts.username is not None or parts.password is not None:
        raise ForbiddenAddress("Une adresse sans nom d'utilisateur est attendue, par exemple https://boutique.example.")
    if parts.scheme == "https" and port in (None, 443):
        return
    if not (local and parts.scheme in ("http", "https")):
        raise ForbiddenAddress("L'adresse de la boutique doit commencer par https:// et ne pas nommer de port.")


class Caller:
    """A connection to one shop, kept for its pages; close it by `with`."""

    def __init__(self, *, local: bool, context: ssl.SSLContext | None = None) -> None:
        """`local` allows the addresses of this machine, for development."""
        self._local = local
        self._pool = httpcore.ConnectionPool(
            ssl_context=context or httpcore.default_ssl_context(),
            max_connections=1,
            network_backend=_PublicOnly(local=local),
        )

    def __enter__(self) -> "Caller":
        """Give itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close the connection."""
        self._pool.close()

    def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """Return the answer to a GET, whatever its status; a redirect is an answer as any other.

        Raises ForbiddenAddress, and CallFailed when nothing (whole) comes back within 15 s of silence, 120 s of body
        or 16 MiB.
        """
        require_allowed(url, local=self._local)
        sent = {"User-Agent": "espace-client", "Accept-Encoding": "identity", **headers}
        try:
            with self._pool.stream("GET", url, headers=[*sent.items()], extensions={"timeout": _TIMEOUTS}) as response:
                body = _bounded(response.iter_stream())
                names = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
                return Answer(response.status, names, body)
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise CallFailed(f"La boutique ne répond pas comme il faut ({type(error).__name__}).") from None


def _bounded(pieces: Iterable[bytes]) -> bytes:
    body, began_at = bytearray(), monotonic()
    for piece in pieces:
        body += piece
        if monotonic() - began_at > MOST_SECONDS:
            raise CallFailed("La boutique répond trop lentement.")
        if len(body) > MOST_BYTES:
            raise CallFailed("La réponse de la boutique dépasse 16 Mio.")
    return bytes(body)


class _PublicOnly(httpcore.SyncBackend):
    """Connects to the public addresses of a name, and to no others."""

    def __init__(self, *, local: bool) -> None:
        self._local = local

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve, check every address, and connect to one that was checked."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore.ConnectError(type(error).__name__) from None
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        if not addresses or not all(map(self._is_allowed, addresses)):
            raise ForbiddenAddress("L'adresse de la boutique ne mène pas à un serveur public.")
        refused: Exception = httpcore.ConnectError("")
        for address in addresses:
            try:
                return super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                refused = error
        raise refused

    def _is_allowed(self, address: str) -> bool:
        found = ipaddress.ip_address(address.partition("%")[0])
        return _is_public(found) or (self._local and found.is_loopback)


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether the address is one that anybody reaches; of one that a gateway translates (NAT64), what it leads to."""
    if address in NAT64:
        return _is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    given_out = isinstance(address, ipaddress.IPv4Address) or address in PUBLIC_IPV6
    reserved = address.is_multicast or any(address in network for network in NOT_PUBLIC)
    return given_out and address.is_global and not reserved
