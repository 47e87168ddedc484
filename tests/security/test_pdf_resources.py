"""No markup makes the renderer read a file or call anybody: some fifty ways, each tried without the policy as well.

Customers' texts are escaped before they come near it; this is what holds where a text once was not.
"""

import mimetypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from xhtml2pdf.config.resources import PERMISSIVE_POLICY

from documents import page, pdf
from documents.page import RunningParts
from documents.renderer import ASSETS, TEMPLATES

SECRET = "Recette de la maison"
RUNNING = RunningParts(accent="#000000", head="", foot=("x",), page="", watermark="", fallbacks=())
START = (
    '<html xmlns:pdf="http://www.xhtml2pdf.com/"><head><title>x</title><style>'
    f"{(TEMPLATES / 'page.css').read_text(encoding='utf-8')} "
    "@page { size: a4; margin: 2cm } p, ul, li { display: block }</style>"
)
READABLE = "Facture"
OWN = (ASSETS, Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve())
"""Where files may be opened: the fonts of ours, and what Python itself loads."""

HEAD = {
    "a style sheet": '<link rel="stylesheet" type="text/css" href="{http}/x.css"/>',
    "a style sheet of the disk": '<link rel="stylesheet" type="text/css" href="{file}.css"/>',
    "an alternate style sheet": '<link rel="alternate stylesheet" type="text/css" href="{http}/x.css"/>',
    "an icon": '<link rel="icon" href="{http}/x.png"/>',
    "something early": '<link rel="preload" as="image" href="{http}/x.png"/>',
    "an import": '<style>@import url("{http}/x.css");</style>',
    "an import of the disk": '<style>@import url("{file}.css");</style>',
    "an import without url()": '<style>@import "{http}/x.css";</style>',
    "an import for the press": "<style>@import url({http}/x.css) print;</style>",
    "an import by scheme": '<style>@import url("file://{file}.css");</style>',
    "an import with escapes": '<style>@\\69mport url("{http}/x.css");</style>',
    "a font": '<style>@font-face {{ font-family: f; src: url("{http}/x.ttf"); }} p {{ font-family: f }}</style>',
    "a font of the disk": '<style>@font-face {{font-family: f; src: url("{file}.ttf")}} p {{font-family: f}}</style>',
    "a font by scheme": '<style>@font-face {{ font-family: f; src: url("file://{file}.ttf"); }}</style>',
    "a page of paper": '<style>@page {{ background-image: url("{http}/x.png"); }}</style>',
    "a page of paper of the disk": '<style>@page {{ background-image: url("{file}.png"); }}</style>',
    "a page of paper from a PDF": '<style>@page {{ background-image: url("{file}.pdf"); }}</style>',
    "another set of letters": '<style>@charset "utf-7"; @import url("{http}/x.css");</style>',
    "a base": '<base href="{http}/"/><link rel="stylesheet" type="text/css" href="x.css"/>',
    "a refresh": '<meta http-equiv="refresh" content="0;url={http}/x"/>',
}
BODY = {
    "an image": '<img src="{http}/x.png"/>',
    "an image of the disk": '<img src="{file}.png"/>',
    "an image by scheme": '<img src="file://{file}.png"/>',
    "an image by scheme and host": '<img src="file://localhost{file}.png"/>',
    "an image by a scheme in capitals": '<img src="FILE://{file}.png"/>',
    "an image by a bare scheme": '<img src="file:{file}.png"/>',
    "an image over TLS": '<img src="https://{host}/x.png"/>',
    "an image of any scheme": '<img src="//{host}/x.png"/>',
    "an image by capitals": '<img src="HTTP://{host}/x.png"/>',
    "an image by name": '<img src="http://localhost:{port}/x.png"/>',
    "an image by number": '<img src="http://2130706433:{port}/x.png"/>',
    "an image by a short address": '<img src="http://127.1:{port}/x.png"/>',
    "an image by version 6": '<img src="http://[::ffff:127.0.0.1]:{port}/x.png"/>',
    "an image by credentials": '<img src="http://user:pass@{host}/x.png"/>',
    "an image that leads on": '<img src="{http}/elsewhere"/>',
    "an image by FTP": '<img src="ftp://{host}/x.png"/>',
    "an image by gopher": '<img src="gopher://{host}/_x"/>',
    "an image by an archive": '<img src="jar:file://{file}.png!/x"/>',
    "an image of Windows": '<img src="\\\\{host}\\share\\x.png"/>',
    "an image of Windows' device": '<img src="file:////{host}/share/x.png"/>',
    "an image upwards": '<img src="{upwards}.png"/>',
    "an image upwards from the fonts": '<img src="fonts/{upwards}.png"/>',
    "an image out of the fonts": '<img src="fonts/../../pdf.py"/>',
    "an image behind slashes": '<img src="//{file}.png"/>',
    "an image in percents": '<img src="{percents}.png"/>',
    "an image by scheme in percents": '<img src="file://{percents}.png"/>',
    "an image behind a blank": '<img src=" {file}.png "/>',
    "an image behind a line end": '<img src="&#10;{file}.png"/>',
    "an image behind a NUL's picture": '<img src="{file}.png%00.jpg"/>',
    "an image of a process": '<img src="/proc/self/environ"/>',
    "an image of a link": '<img src="{link}"/>',
    "a drawing": '<img src="{file}.svg"/>',
    "a drawing inline": "<img src=\"data:image/svg+xml,&lt;svg xmlns='http://www.w3.org/2000/svg' "
    "xmlns:xlink='http://www.w3.org/1999/xlink'&gt;&lt;image xlink:href='{http}/x.png' width='9' height='9'/&gt;"
    '&lt;/svg&gt;"/>',
    "a drawing of the disk inline": "<img src=\"data:image/svg+xml,&lt;svg xmlns='http://www.w3.org/2000/svg' "
    "xmlns:xlink='http://www.w3.org/1999/xlink'&gt;&lt;image xlink:href='{file}.png' width='9' height='9'/&gt;"
    '&lt;/svg&gt;"/>',
    "a drawing with an entity": '<img src="data:image/svg+xml,&lt;!DOCTYPE svg [&lt;!ENTITY x SYSTEM '
    "'file://{file}.txt'&gt;]&gt;&lt;svg xmlns='http://www.w3.org/2000/svg'&gt;&lt;text&gt;&amp;x;&lt;/text&gt;"
    '&lt;/svg&gt;"/>',
    "a background": '<p style="background-image: url({http}/x.png)">x</p>',
    "a background of the disk": '<p style="background-image: url({file}.png)">x</p>',
    "a background in short": '<div style="background: url({http}/x.png)">x</div>',
    "a background of a table": '<table background="{http}/x.png"><tr><td background="{file}.png">x</td></tr></table>',
    "a point of a list": '<ul style="list-style-image: url({http}/x.png)"><li>x</li></ul>',
    "a content": '<p style="content: url({http}/x.png)">x</p>',
    "an object": '<object data="{http}/x.png" type="image/png">x</object>',
    "an embedded thing": '<embed src="{http}/x.png"/>',
    "a frame": '<iframe src="{file}.txt">x</iframe>',
    "a film": '<video src="{http}/x" poster="{http}/x.png">x</video>',
    "a picture of several": '<picture><source srcset="{http}/x.png"/><img srcset="{http}/x.png" src="x"/></picture>',
    "an input": '<input type="image" src="{http}/x.png"/>',
    "a script": '<script src="{http}/x.js"></script>',
    "an included file": '<pdf:include src="{file}.txt"/><xi:include xmlns:xi="http://www.w3.org/2001/XInclude" '
    'href="{file}.txt" parse="text"/>',
    "a font of the PDF": '<pdf:font name="f" src="{file}.ttf"/>',
    "a template of the PDF": '<pdf:template name="t" background="{file}.png"><pdf:frame name="f" box="1cm 1cm 5cm 5cm"'
    '/></pdf:template><pdf:nexttemplate name="t"/><pdf:nextpage/><p>x</p>',
    "a watermark": '<pdf:watermark src="{http}/x.png"/><p style="pdf-watermark: url({file}.png)">x</p>',
    "a background for a run of pages": '<pdf:pagebackground name="x" src="{file}.png"/>',
    "a barcode": '<pdf:barcode value="x" type="qr" image="{file}.png"/>',
}
ENTITIES = {
    "an entity": '<!DOCTYPE html [<!ENTITY x SYSTEM "file://{file}.txt">]>',
    "an entity of the network": '<!DOCTYPE html [<!ENTITY x SYSTEM "{http}/x">]>',
    "a definition": '<!DOCTYPE html SYSTEM "{http}/x.dtd" [<!ENTITY x "x">]>',
    "an entity of parameters": '<!DOCTYPE html [<!ENTITY % p SYSTEM "{http}/x.dtd"> %p; <!ENTITY x "x">]>',
}
VECTORS = (
    {f"head: {name}" for name in HEAD} | {f"body: {name}" for name in BODY} | {f"xml: {name}" for name in ENTITIES}
)

THROUGH = {
    "head: a style sheet", "head: a style sheet of the disk", "head: an import", "head: an import by scheme",
    "head: an import for the press", "head: an import of the disk", "head: an import without url()",
    "head: another set of letters", "head: a font", "head: a font by scheme", "head: a font of the disk",
    "body: an image", "body: an image of the disk", "body: an image by scheme", "body: an image by scheme and host",
    "body: an image by a bare scheme", "body: an image by capitals", "body: an image by name",
    "body: an image that leads on", "body: an image behind slashes", "body: an image upwards",
    "body: an image upwards from the fonts", "body: an image out of the fonts", "body: an image of a link",
    "body: an image of a process", "body: a drawing", "body: a background", "body: a background in short",
    "body: a background of the disk", "body: a point of a list",
}  # fmt: skip
"""What reads or calls where nothing is forbidden; the others this version of the library does not know, or not yet."""


@dataclass
class Watch:
    """What this process has opened and called while somebody looked, and what our server was asked."""

    address: tuple[str, int]
    folder: Path
    opened: list[str] = field(default_factory=list)
    called: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    looking: bool = False

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        """Take an event of the interpreter's audit in."""
        if not self.looking:
            return
        if event == "open" and isinstance(args[0], str | bytes):
            self.opened.append(args[0] if isinstance(args[0], str) else args[0].decode(errors="replace"))
        elif event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "urllib.Request"):
            self.called.append(f"{event} {args[1:3]}")

    @contextmanager
    def looked_at(self) -> Iterator[None]:
        """Listen, and forget what was heard before."""
        self.opened, self.called, self.looking = [], [], True
        self.asked.clear()
        try:
            yield
        finally:
            self.looking = False

    def foreign(self) -> list[str]:
        """Return what was opened outside of our own folders, called or asked."""
        paths = [path for path in self.opened if not any(Path(path).resolve().is_relative_to(own) for own in OWN)]
        return [*paths, *self.called, *self.asked]


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    """Give a secret in many shapes, a server that has it too, and an ear on what this process does."""
    folder = tmp_path_factory.mktemp("secret")
    picture = BytesIO()
    Image.new("RGB", (3, 3), "red").save(picture, "png")
    contents = {"txt": SECRET.encode(), "png": picture.getvalue(), "css": b"p { color: red }", "ttf": _a_font()}
    contents["svg"] = f'<svg xmlns="http://www.w3.org/2000/svg"><text>{SECRET}</text></svg>'.encode()
    contents["pdf"] = b"%PDF-1.4\n%%EOF"
    for kind, content in contents.items():
        (folder / f"secret.{kind}").write_bytes(content)
    (folder / "link.png").symlink_to(folder / "secret.png")

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.asked.append(self.path)
            kind = self.path.rpartition(".")[2]
            self.send_response(200 if kind in contents else 302)
            self.send_header("Location", f"file://{folder}/secret.png")
            self.end_headers()
            self.wfile.write(contents.get(kind, b""))

        def log_message(self, *_args: Any) -> None:
            """Say nothing: a test reads `asked`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    heard = Watch(("127.0.0.1", server.server_address[1]), folder)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    sys.addaudithook(heard.hear)  # Nobody can take it away again; it hears nothing more once `looking` is over.
    page.warm_up()
    mimetypes.init()
    assert lay_out(f"{START}</head><body><p>x</p></body></html>")
    yield heard
    server.shutdown()
    server.server_close()


def _a_font() -> bytes:
    return next((ASSETS / "fonts").glob("*.ttf")).read_bytes()


def page_with(vector: str, watch: Watch) -> str:
    """Return a well-formed page that holds the vector, as a customer's unescaped text would."""
    kind, _, name = vector.partition(": ")
    host, port = watch.address
    file = str(watch.folder / "secret")
    words = {
        "http": f"http://{host}:{port}", "host": f"{host}:{port}", "port": port, "file": file,
        "upwards": "../" * 20 + file.lstrip("/"), "percents": "".join(f"%{ord(sign):02x}" for sign in file),
        "link": str(watch.folder / "link.png"),
    }  # fmt: skip
    text = {"head": HEAD, "body": BODY, "xml": ENTITIES}[kind][name].format(**words)
    head, body = (text, "") if kind == "head" else ("", "&x;" if kind == "xml" else text)
    return f"{text if kind == 'xml' else ''}{START}{head}</head><body><p>{READABLE}</p>{body}</body></html>"


def lay_out(html: str) -> bytes:
    """Lay a page out by the project's own renderer; give nothing where it refuses the whole page."""
    with suppress(Exception):  # « Not rendered yet » is one of its answers; what it read on the way is what counts.
        return pdf.lay_out(html, RUNNING)[0]
    return b""


@pytest.mark.parametrize("vector", sorted(VECTORS))
def test_nothing_is_read_and_nobody_is_called(watch: Watch, vector: str) -> None:
    html = page_with(vector, watch)
    with watch.looked_at():
        content = lay_out(html)
    assert watch.foreign() == []
    assert b"/Subtype /Image" not in content


def test_without_the_policy_the_same_markup_reads_and_calls(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "POLICY", PERMISSIVE_POLICY)
    through = set()
    for vector in sorted(VECTORS):
        html = page_with(vector, watch)
        with watch.looked_at():
            lay_out(html)
        if watch.foreign():
            through.add(vector)
    assert through >= THROUGH
