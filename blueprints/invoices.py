"""« Mes factures »: the list, each document as it was issued, and « Corriger »."""

from decimal import Decimal
from functools import partial
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_decimal
from flask_babel import gettext as _
from flask_login import login_required

from documents import page
from extensions import DomainError
from forms.corrections import CorrectionForm
from models import Invoice
from services import corrections, data_exports, files, invoices, issuing, year_packs
from web.access import own_document_or_404, own_invoice_or_404, signed_in_customer
from web.answers import changed, render, see_other, wants_fragment
from web.changes import changes

bp = Blueprint("invoices", __name__, url_prefix="/espace-client/factures")

KINDS = {"factures": "invoice", "avoirs": "credit_note"}
"""What the list may be narrowed to besides a year, by the word that the address says."""
LONGEST_SEARCH = 100


@bp.get("")
@login_required
def index() -> ResponseReturnValue:
    """Show the customer's invoices and credit notes by year, a run at a time, narrowed to what the address says."""
    run = _run()
    if wants_fragment() and run["before"]:
        return render_template("invoices/_run.html", **run)
    return render("invoices/index.html", "invoices/_list.html", **run)


@bp.get("/annees/<int(min=2000, max=9999):year>")
@login_required
def pack(year: int) -> ResponseReturnValue:
    """Show how far the pack of a year has come: the fragment that asks for itself again, or the list to a browser."""
    shown = _pack(year)
    if not wants_fragment():
        return redirect(_year(year), 303)
    return render_template("invoices/_pack.html", pack=shown, **_words())


@bp.post("/annees/<int(min=2000, max=9999):year>")
@login_required
def make_pack(year: int) -> ResponseReturnValue:
    """Ask for one file with all documents of a year; pressing twice makes one."""
    year_packs.request(signed_in_customer(), year)
    return changed("invoices/_pack.html", _year(year), pack=_pack(year), focus=True, **_words())


@bp.get("/annees/<int(min=2000, max=9999):year>.zip")
@login_required
def download_pack(year: int) -> Response:
    """Hand out all documents of a year, piece by piece; to their owner only."""
    size, pieces = year_packs.content(signed_in_customer(), year) or abort(404)
    answer = Response(pieces, mimetype="application/zip")
    answer.headers["Content-Disposition"] = f'attachment; filename="factures-{year}.zip"'
    answer.headers["Content-Length"], answer.headers["Cache-Control"] = str(size), "no-store"
    return answer


@bp.get("/<number>.pdf")
@login_required
def pdf(number: str) -> Response:
    """Hand out the document, byte for byte as it was mailed; to its owner only."""
    return _file(files.read(own_document_or_404(number)), f"{number}.pdf", "application/pdf")


@bp.get("/<number>.xml")
@login_required
def xml(number: str) -> Response:
    """Hand out the data that the PDF carries (Factur-X), for programs; to its owner only."""
    return _file(files.read_xml(own_document_or_404(number)), f"{number}.xml", "application/xml")


@bp.get("/<number>.html")
@login_required
def twin(number: str) -> str:
    """Show the document as a page that every browser and screen reader can read, from what was frozen at its issue."""
    document = own_document_or_404(number)
    entry = next(each for each in invoices.entries(document.order.documents) if each.document is document)
    return render_template("invoices/twin.html", entry=entry, said=page.contents(issuing.frozen(document)))


@bp.route("/<number>/corriger", methods=["GET", "POST"])
@login_required
def correct(number: str) -> ResponseReturnValue:
    """Show what the invoice says of its buyer, then what would change; a second press corrects."""
    invoice = own_invoice_or_404(number)
    said = issuing.frozen(invoice)
    wants = partial(corrections.buyer_problems, said)
    form = CorrectionForm(obj=said.buyer, purchase_order=said.order.purchase_order, sale_wants=wants)
    if not form.is_submitted() or form.only_shows():
        return _form(invoice, form)
    if not form.validate():
        return _form(invoice, form, 422)
    return _submit(invoice, form) if form.confirms() else _preview(invoice, form)


def _run() -> dict[str, Any]:
    """Return one run of the list, as the address says: from where on (`avant`), and narrowed to what."""
    customer, said = signed_in_customer(), request.args
    search, kind = said.get("q", "").strip()[:LONGEST_SEARCH], said.get("type", "")
    year = said.get("annee", 0, type=int)
    kind, before = kind if kind in KINDS else "", said.get("avant", "")
    found = invoices.listing(customer, before, search=search, year=year, kind=KINDS.get(kind, ""))
    whole = not (search or kind)
    packs = year_packs.of(customer, [each.year for each in found.years if not each.goes_on]) if whole else {}
    return {
        "listing": found,
        "packs": packs,
        **_words(),
        "before": before,
        "search": search,
        "year": year,
        "kind": kind,
    }


def _pack(year: int) -> year_packs.Pack:
    """Return where the pack of a year stands; 404 where the customer has no document of that year."""
    shown = year_packs.of(signed_in_customer(), [year])[year]
    return shown if shown.state or shown.missing else abort(404)


def _words() -> dict[str, Any]:
    """Return what the page says of a pack that is made: its size, and until when it stays."""
    return {"size": _size, "until": lambda pack: pack.made_at + data_exports.KEPT}


def _size(pack: year_packs.Pack) -> str:
    if pack.size < 100_000:
        return str(_("%(size)s ko", size=max(1, round(pack.size / 1000))))
    return str(_("%(size)s Mo", size=format_decimal(Decimal(pack.size) / 1_000_000, "#,##0.0")))


def _year(year: int) -> str:
    return url_for(".index", annee=year, _anchor=f"annee-{year}")


def _form(invoice: Invoice, form: CorrectionForm, status: int = 200) -> ResponseReturnValue:
    """Show the form, or lead back to the list with the reason when there is nothing to correct any more."""
    try:
        corrections.require_correctable(invoice)
    except DomainError as refusal:
        flash(str(refusal), "info")
        return see_other(url_for(".index"))
    return render("invoices/correct.html", "invoices/_correction_form.html", status, invoice=invoice, form=form)


def _preview(invoice: Invoice, form: CorrectionForm) -> ResponseReturnValue:
    try:
        proposal = corrections.propose(invoice, form.details(), form.purchase_order.data or "")
    except DomainError as refusal:
        flash(str(refusal), "error")
        return _form(invoice, form, 422)
    said = issuing.frozen(invoice)
    shown: dict[str, Any] = {
        "proposal": proposal,
        "changes": changes(said, proposal.details, proposal.purchase_order),
        "unpaid": said.payment.left > 0,
        "form": form,
        "invoice": invoice,
    }
    return render("invoices/preview.html", "invoices/_preview.html", **shown)


def _submit(invoice: Invoice, form: CorrectionForm) -> ResponseReturnValue:
    try:
        correction = corrections.submit(invoice, form.details(), form.purchase_order.data or "", signed_in_customer())
    except DomainError as refusal:
        flash(str(refusal), "info")
        return see_other(url_for(".index"))
    if correction.state == "requested":
        flash(_("Votre demande de correction est envoyée\u00a0: nous vous répondrons par e-mail."), "success")
    else:
        flash(_("Votre facture est corrigée\u00a0: l'avoir et la nouvelle facture partent par e-mail."), "success")
    return see_other(url_for(".index"))


def _file(data: bytes | None, name: str, mimetype: str) -> Response:
    """Answer a file to keep, which no cache keeps; 404 where there is none."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(data or abort(404), mimetype=mimetype, headers=headers)
