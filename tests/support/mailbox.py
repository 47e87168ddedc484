"""A real SMTP server in a thread that keeps what it accepts and refuses what a test tells it to."""

from asyncio.base_events import Server
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class OnFreePort(Controller):
    """Takes the port that the system gives, which aiosmtpd would not look up before it tries its server.

    It ends its loop a moment after its connections: a socket left open would be blamed on a later test.
    """

    def cancel_tasks(self, stop_loop: bool = True) -> None:
        """Cancel every conversation, and stop the loop once their sockets are closed."""
        super().cancel_tasks(stop_loop=False)
        if stop_loop:
            self.loop.call_later(0.05, self.loop.stop)

    def _trigger_server(self) -> None:
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class Mailbox:
    """What the server accepted; set `answer_to_rcpt` or `answer_to_data` to refuse (« 451 4.7.1 later »)."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.answer_to_rcpt = ""
        self.answer_to_data = ""
        self.controller = OnFreePort(self, hostname="127.0.0.1", port=0, enable_SMTPUTF8=True)

    @property
    def url(self) -> str:
        """The SMTP_URL of this server."""
        return f"smtp://127.0.0.1:{self.controller.port}"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.answer_to_rcpt:
            return self.answer_to_rcpt
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if self.answer_to_data:
            return self.answer_to_data
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode()
        self.messages.append(message_from_bytes(raw, policy=policy.default))
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 2.0.0 kept"

    def last(self) -> EmailMessage:
        """The newest message; raises IndexError when there is none."""
        return self.messages[-1]
