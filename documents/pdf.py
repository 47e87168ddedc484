"""A snapshot's page as a PDF: laid out by xhtml2pdf with our own embedded fonts and nothing from outside."""

from __future__ import annotations

import threading
from io import BytesIO
from typing import Self
from xml.dom import minidom  # nosec B408  # Our own markup alone: see below.

from reportlab import rl_config
from xhtml2pdf.config.resources import ResourceAccessPolicy, render_budget, use_policy
from xhtml2pdf.default import DEFAULT_PAGE_NAME
from xhtml2pdf.parser import pisaLoop, pisaPreLoop
from xhtml2pdf.util import reset_caches
from xhtml2pdf.xhtml2pdf_reportlab import PmlFrame

from documents import archive, facturx, page, renderer, tagging
from documents.archive import About
from documents.canvas import NumberedDocument
from documents.page import RunningParts
from documents.renderer import ASSETS
from documents.snapshot import Snapshot
from documents.tagging import Node, TaggedContext
from documents.words import words

# The same snapshot gives the same bytes: no clock and no random identifier in the file.
rl_config.invariant = 1
# Streams as bytes: as text they would be a quarter longer.
rl_config.useA85 = 0

POLICY = ResourceAccessPolicy.server(ASSETS, allow_remote=False)
_one_at_a_time = threading.RLock()


class _LightFrame(PmlFrame):
    """A frame that is copied as it is: the library does so for every cell that it measures."""

    def __deepcopy__(self, memo: object) -> Self:
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin


def render(snapshot: Snapshot) -> bytes:
    """The file of a snapshot: PDF/A-3b, tagged, its Factur-X inside. Equal snapshots give equal bytes, in any process.

    Raises whatever the layout raises: the caller treats that as « not rendered yet », the number stays.
    """
    xml = facturx.xml(snapshot)
    drawn, structure = lay_out(page.html(snapshot), page.running(snapshot))
    about = About(
        title=page.title(snapshot),
        author=snapshot.seller.identity.name,
        subject=f"{words(snapshot.language).order} {snapshot.order.number}",
        creator=snapshot.seller.shop_name,
        language=snapshot.language,
        day=snapshot.issue_date,
    )
    return archive.seal(drawn, xml, about, structure)


def warm_up() -> None:
    """Afterwards the fonts and templates are read and hashed: the first document takes no longer than the next."""
    page.warm_up()
    renderer.fingerprint()


def lay_out(html: str, running: RunningParts) -> tuple[bytes, Node]:
    """The pages of some well-formed HTML and their structure: the number of pages is known after one layout.

    Raises ValueError where xhtml2pdf met an error, and what it raises itself.
    """
    with _one_at_a_time, use_policy(POLICY), render_budget(POLICY):
        try:
            return _laid_out(html, running)
        finally:
            reset_caches()


def _laid_out(html: str, running: RunningParts) -> tuple[bytes, Node]:
    base = str(ASSETS / "page.html")  # Relative addresses of the template are looked up beside this name.
    context = TaggedContext(base)
    context.resource_policy = POLICY
    # The library's own steps, but for its parser of any HTML there is, which takes ten times as long as this one.
    markup = minidom.parseString(html)  # nosec B318  # noqa: S318  Our own: the texts of others are escaped in it.
    pisaPreLoop(markup, context)
    context.parseCSS()
    pisaLoop(markup, context)
    if context.err:
        raise ValueError(f"xhtml2pdf found {context.err} error(s) in the page")
    out = BytesIO()
    foot = context.root.append("p")
    document = NumberedDocument(out, running=running, foot=foot, pagesize=context.pageSize, allowSplitting=1)
    templates = dict(context.templateList)
    for template in templates.values():
        for frame in template.frames:
            frame.__class__ = _LightFrame
    document.addPageTemplates([templates.pop(DEFAULT_PAGE_NAME), *templates.values()])
    document.pisaPositioned = context.positioned
    document.build(context.story)
    return out.getvalue(), tagging.tree(context.root)
