"""A real SMTP server that delivers nothing: each message becomes one `.eml` file."""

import argparse
import asyncio
import os
import signal
import socket
from datetime import UTC, datetime
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

LARGEST = 33_554_432  # bytes, as common providers allow


class Catcher:
    """Writes each accepted message into the folder, under a name that sorts by arrival."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.count = 0

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep the message exactly as it came; the answer 250 is given once the file is whole."""
        self.count += 1
        content = envelope.content or b""
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{self.count:05d}.eml"
        unfinished = self.folder / f".{name}.part"
        unfinished.write_bytes(content if isinstance(content, bytes) else content.encode())
        unfinished.rename(self.folder / name)
        print(f"{', '.join(envelope.rcpt_tos)} <- {name}", flush=True)
        return "250 2.0.0 kept"


async def serve(listener: socket.socket, folder: Path) -> None:
    """Catch mail on that listening socket until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    catcher = Catcher(folder)
    server = await loop.create_server(
        lambda: SMTP(catcher, hostname="localhost", data_size_limit=LARGEST, enable_SMTPUTF8=True, loop=loop),
        sock=listener,
    )
    async with server:
        await stop.wait()


def main() -> None:
    """Serve on an inherited socket, so that the port cannot be lost between its choice and its use."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--fd", type=int, required=True)
    options.add_argument("--folder", type=Path, required=True)
    chosen = options.parse_args()
    os.set_inheritable(chosen.fd, False)
    asyncio.run(serve(socket.socket(fileno=chosen.fd), chosen.folder))


if __name__ == "__main__":
    main()
