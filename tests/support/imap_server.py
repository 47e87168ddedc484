"""A small IMAP server in a thread: one folder, and as much of RFC 3501 as reading and marking its messages takes."""

import contextlib
import re
import socketserver
import ssl
import threading
from types import TracebackType

USER, PASSWORD = "retours@boutique.example", 'une "longue" phrase'


class ImapServer:
    """A folder with its messages, by UID, and how the server behaves.

    `keywords` says whether it takes flags that are not the standard's. `drops` is a command at which it hangs up once,
    `silent` one that it never answers. `commands` is what it was asked, passwords left out.
    """

    def __init__(self, *messages: bytes, keywords: bool = True, folder: str = "INBOX") -> None:
        self.messages: dict[int, bytes] = {}
        self.flags: dict[int, set[str]] = {}
        for content in messages:
            self.receive(content)
        self.keywords = keywords
        self.folder = folder
        self.drops = self.silent = ""
        self.tls: ssl.SSLContext | None = None
        self.implicit = False
        self.commands: list[str] = []
        self.longest = 0

    def __enter__(self) -> "ImapServer":
        server = self

        class Handler(socketserver.StreamRequestHandler):
            disable_nagle_algorithm = True  # Each answer is several packets, held back by 40 ms otherwise.

            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    Conversation(server, self).hold()

        self._listener = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._listener.daemon_threads = True
        self._thread = threading.Thread(target=self._listener.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._listener.shutdown()
        self._thread.join()
        self._listener.server_close()

    def receive(self, content: bytes) -> int:
        """Afterwards the message lies in the folder, under the UID that is returned."""
        uid = len(self.messages) + 7
        self.messages[uid], self.flags[uid] = content, set()
        return uid

    @property
    def address(self) -> str:
        """Host and port; the host is the one that certificates are made out to."""
        return f"localhost:{self._listener.server_address[1]}"

    @property
    def url(self) -> str:
        """The BOUNCES_URL of this server."""
        return f"imap://retours%40boutique.example:une%20%22longue%22%20phrase@{self.address}/{self.folder}"


class Conversation:
    """One connection, from the greeting to its end."""

    def __init__(self, server: ImapServer, handler: socketserver.StreamRequestHandler) -> None:
        self.server = server
        self.handler = handler
        self.socket = handler.request
        self.signed_in = self.ended = False
        if server.implicit:
            self.encrypt()

    def encrypt(self) -> None:
        """Talk on in TLS."""
        assert self.server.tls is not None
        self.socket = self.server.tls.wrap_socket(self.socket, server_side=True)
        self.file = self.socket.makefile("rb")

    def hold(self) -> None:
        """Greet, and answer one command after the other."""
        if not self.server.implicit:
            self.file = self.socket.makefile("rb")
        self.say("* OK ready")
        while not self.ended and (line := self.file.readline().decode("utf-8").rstrip("\r\n")):
            tag, name, arguments = [*line.split(" ", 2), ""][:3]
            if name == "UID":
                name, _, arguments = arguments.partition(" ")
            self.server.commands.append(name if name == "LOGIN" else f"{name} {arguments}".strip())
            if self.server.drops == name:
                self.server.drops = ""
                break
            if self.server.silent == name:
                self.file.read()  # Until the other side gives up.
                break
            self.say(f"{tag} {getattr(self, name.lower())(arguments)}")
            if name == "STARTTLS":
                self.encrypt()
        self.file.close()
        self.socket.close()

    def say(self, line: str) -> None:
        """Send one line."""
        self.socket.sendall(line.encode() + b"\r\n")

    def capability(self, _arguments: str) -> str:
        self.say("* CAPABILITY IMAP4rev1" + (" STARTTLS" if self.server.tls else ""))
        return "OK done"

    def starttls(self, _arguments: str) -> str:
        return "OK done"

    def login(self, arguments: str) -> str:
        self.signed_in = quoted(arguments) == [USER, PASSWORD]
        return "OK done" if self.signed_in else f"NO I was told {arguments}"

    def select(self, arguments: str) -> str:
        if not self.signed_in or quoted(arguments) != [self.server.folder]:
            return "NO there is no such folder"
        self.say(f"* {len(self.server.messages)} EXISTS")
        flags = r"\Deleted \Seen \*" if self.server.keywords else r"\Deleted \Seen"
        self.say(f"* OK [PERMANENTFLAGS ({flags})] kept")
        return "OK [READ-WRITE] done"

    def search(self, arguments: str) -> str:
        unmarked = re.fullmatch(r"(?:UNKEYWORD (\w+)|UNSEEN) UNDELETED", arguments)
        assert unmarked is not None
        flag = unmarked[1] or r"\Seen"
        found = (uid for uid, flags in self.server.flags.items() if not flags & {flag, r"\Deleted"})
        self.say(" ".join(["* SEARCH", *map(str, found)]))
        return "OK done"

    def fetch(self, arguments: str) -> str:
        asked = re.fullmatch(r"(\d+) \(BODY\.PEEK\[\]<0\.(\d+)>\)", arguments)
        assert asked is not None
        content = self.server.messages.get(int(asked[1]))
        if content is None:
            return "NO it cannot be read"
        part = content[: int(asked[2])]
        self.server.longest = max(self.server.longest, len(part))
        self.socket.sendall(b"* 1 FETCH (UID %d BODY[]<0> {%d}\r\n%b)\r\n" % (int(asked[1]), len(part), part))
        return "OK done"

    def store(self, arguments: str) -> str:
        asked = re.fullmatch(r"(\d+) \+FLAGS\.SILENT \((\S+)\)", arguments)
        assert asked is not None
        if not self.server.keywords and not asked[2].startswith("\\"):
            return "NO no keywords here"
        self.server.flags[int(asked[1])].add(asked[2])
        return "OK done"

    def logout(self, _arguments: str) -> str:
        self.say("* BYE")
        self.ended = True
        return "OK done"


def quoted(arguments: str) -> list[str]:
    """Return the quoted strings in there, without their quotes."""
    return [re.sub(r"\\(.)", r"\1", word) for word in re.findall(r'"((?:[^"\\]|\\.)*)"', arguments)]
