"""A snapshot's page as a PDF: laid out by xhtml2pdf with our own embedded fonts and nothing from outside."""

from __future__ import annotations

import threading
from io import BytesIO

from reportlab import rl_config
from xhtml2pdf.config.resources import ResourceAccessPolicy, render_budget, use_policy
from xhtml2pdf.default import DEFAULT_PAGE_NAME
from xhtml2pdf.document import pisaStory
from xhtml2pdf.util import reset_caches

from documents import archive, facturx, page, tagging
from documents.archive import About
from documents.canvas import NumberedDocument
from documents.renderer import ASSETS
from documents.snapshot import Snapshot
from documents.tagging import Node, TaggedContext

# The same snapshot gives the same bytes: no clock and no random identifier in the file.
rl_config.invariant = 1
rl_config.useA85 = 0

POLICY = ResourceAccessPolicy.server(ASSETS, allow_remote=False)
_one_at_a_time = threading.RLock()


def render(snapshot: Snapshot) -> bytes:
    """The PDF of a snapshot; equal snapshots give equal bytes, in any process.

    Raises whatever the layout raises: the caller treats that as « not rendered yet », the number stays.
    """
    xml = facturx.xml(snapshot)
    with _one_at_a_time, use_policy(POLICY), render_budget(POLICY):
        try:
            drawn, structure = _lay_out(snapshot)
        finally:
            reset_caches()
    about = About(
        title=page.title(snapshot),
        author=snapshot.seller.identity.name,
        subject=f"Commande {snapshot.order.number}",
        creator=snapshot.seller.shop_name,
        language=snapshot.language,
        day=snapshot.issue_date,
    )
    return archive.seal(drawn, xml, about, structure)


def warm_up() -> None:
    """Afterwards the fonts and the template are read, so that the first document takes no longer than the next."""
    page.warm_up()


def _lay_out(snapshot: Snapshot) -> tuple[bytes, Node]:
    """xhtml2pdf's own steps, with our document class: it knows the number of pages after a single layout."""
    base = str(ASSETS / "page.html")  # Relative addresses of the template are looked up beside this name.
    context = TaggedContext(base)
    context = pisaStory(page.html(snapshot), base, default_css="", context=context, resource_policy=POLICY)
    if context.err:
        raise ValueError(f"xhtml2pdf found {context.err} error(s) in the page of {snapshot.number}")
    out = BytesIO()
    document = NumberedDocument(
        out,
        running=page.running(snapshot),
        foot=context.root.append("p"),
        pagesize=context.pageSize,
        allowSplitting=1,
    )
    templates = dict(context.templateList)
    document.addPageTemplates([templates.pop(DEFAULT_PAGE_NAME), *templates.values()])
    document.pisaPositioned = context.positioned
    document.build(context.story)
    return out.getvalue(), tagging.tree(context.root)
