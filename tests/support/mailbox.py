"""A real SMTP server in a thread that keeps what it accepts, and misbehaves at the step that a test names."""

import asyncio
import re
from asyncio.base_events import Server
from collections.abc import Callable, MutableMapping, Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from typing import Any, AnyStr

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

FOR_EVER = 3600.0
STEPS = ("connect", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "content", "message", "RSET")
"""Where a server can misbehave: `content` is after its 354, `message` after the final dot."""


class Mailbox:
    """What the server accepted, and how it behaves.

    `modes` says what it does instead of agreeing: its key is one of STEPS, or from RCPT on a step and a recipient
    (« RCPT claire@example.org »); its value is a reply (« 451 4.7.1 later »), `hang`, `drop` (the connection),
    `slow 0.5` (seconds, then it agrees), and of the message `keep, drop` or `keep, hang` too: accepted, and nobody
    hears of it. With `once ` before it the mode goes when it has been met. Anybody may sign in, where that is offered.
    """

    def __init__(self, modes: MutableMapping[str, str] | None = None, *, port: int = 0, **options: Any) -> None:
        self.modes: MutableMapping[str, str] = {} if modes is None else modes
        self.messages: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.senders: list[str | None] = []
        self.recipients: list[list[str]] = []
        self.connections = 0
        self.heard: Callable[[bytes, Sequence[str]], None] = lambda _raw, _recipients: None
        usual: dict[str, Any] = {"enable_SMTPUTF8": True, "authenticator": _anybody}
        self.controller = OnFreePort(self, hostname="127.0.0.1", port=port, **(usual | options))

    @property
    def url(self) -> str:
        """The SMTP_URL of this server."""
        return f"smtp://{self.address}"

    @property
    def address(self) -> str:
        """Its host and port."""
        return f"127.0.0.1:{self.controller.port}"

    def mode(self, step: str, recipients: Sequence[str]) -> str:
        """Return what the server does at that step instead of agreeing, or nothing."""
        for key in (*(f"{step} {one}" for one in recipients), step):
            mode = self.modes.get(key, "")
            if mode.startswith("once "):
                del self.modes[key]
            if mode:
                return mode.removeprefix("once ")
        return ""

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep the message, unless the mode says otherwise."""
        assert isinstance(server, Conversation)
        mode = self.mode("message", envelope.rcpt_tos)
        if mode.startswith("keep, "):
            self._keep(envelope)
            return await server.behave(mode.removeprefix("keep, "))
        reply = await server.behave(mode)
        if not reply:
            self._keep(envelope)
        return reply or "250 2.0.0 kept"

    def last(self) -> EmailMessage:
        """The newest message; raises IndexError when there is none."""
        return self.messages[-1]

    def _keep(self, envelope: Envelope) -> None:
        raw = envelope.original_content or b""
        self.heard(raw, envelope.rcpt_tos)
        self.raw.append(raw)
        self.senders.append(envelope.mail_from)
        self.recipients.append(list(envelope.rcpt_tos))
        self.messages.append(message_from_bytes(raw, policy=policy.default))


class Conversation(SMTP):
    """One conversation, in which each command meets the mode of its step first."""

    def __init__(self, mailbox: Mailbox, **options: Any) -> None:
        super().__init__(mailbox, **options)
        self.mailbox = mailbox
        for step in STEPS:
            if step in self._smtp_methods:
                self._smtp_methods[step] = partial(self._command, step, self._smtp_methods[step])

    async def behave(self, mode: str) -> str:
        """Do what the mode says; return the reply to give, or nothing when the server agrees after all."""
        what, _, seconds = mode.partition(" ")
        if what not in ("hang", "slow", "drop"):
            return mode
        if what == "drop":
            assert isinstance(self.transport, asyncio.Transport)
            self.transport.abort()
        await asyncio.sleep(float(seconds) if what == "slow" else FOR_EVER)  # The end of the connection cancels it.
        return ""

    async def push(self, status: AnyStr) -> None:
        """Give a reply; the one that asks for the message is followed by a mode of its own."""
        await super().push(status)
        if str(status).startswith("354 ") and self.envelope is not None:
            await self.behave(self.mailbox.mode("content", self.envelope.rcpt_tos))

    async def _handle_client(self) -> None:
        self.mailbox.connections += 1
        try:
            reply = await self.behave(self.mailbox.mode("connect", ()))
        except asyncio.CancelledError:
            self._writer.close()
            raise
        await (self._refuse(reply, last=True) if reply else super()._handle_client())

    async def _command(self, step: str, agree: Callable[[str | None], Any], argument: str | None) -> None:
        assert self.envelope is not None
        named = re.findall(r"<(.*)>", argument or "") if step == "RCPT" else self.envelope.rcpt_tos
        reply = await self.behave(self.mailbox.mode(step, named))
        await (self._refuse(reply, last=reply.startswith("421")) if reply else agree(argument))

    async def _refuse(self, reply: str, *, last: bool) -> None:
        await self.push(reply)
        if last and self.transport is not None:
            self.transport.close()


class OnFreePort(Controller):
    """Takes the port that the system gives, which aiosmtpd would not look up before it tries its server.

    It ends its loop a moment after its connections: a socket left open would be blamed on a later test.
    """

    def factory(self) -> SMTP:
        """Return one conversation."""
        return Conversation(self.handler, **self.SMTP_kwargs)

    def cancel_tasks(self, stop_loop: bool = True) -> None:
        """Cancel every conversation, and stop the loop once their sockets are closed."""
        super().cancel_tasks(stop_loop=False)
        if stop_loop:
            self.loop.call_later(0.05, self.loop.stop)

    def _trigger_server(self) -> None:
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()
        self.handler.connections = 0


def _anybody(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, _data: Any) -> AuthResult:
    return AuthResult(success=True)
