"""A certificate of our own for the mail server of the tests."""

import ssl
import subprocess
from pathlib import Path

import pytest


class Certificate(ssl.SSLContext):
    """A server's TLS context that knows where its certificate lies, so that a test can choose to trust it."""

    path: str


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Give the TLS context of `localhost`, signed by nobody but itself."""
    folder: Path = tmp_path_factory.mktemp("certificate")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout key.pem -out cert.pem"
    name = "-subj /CN=localhost -addext subjectAltName=DNS:localhost"
    subprocess.run([*command.split(), *name.split()], cwd=folder, check=True, capture_output=True)
    context = Certificate(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    context.path = str(folder / "cert.pem")
    return context
