"""« Mes factures »: the list, each document as it was issued, and « Corriger »."""

from functools import partial
from typing import Any

from flask import Blueprint, Response, abort, flash, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from documents import page
from extensions import DomainError
from forms.corrections import CorrectionForm
from models import Invoice
from services import corrections, files, invoices, issuing
from web.access import own_document_or_404, own_invoice_or_404, signed_in_customer
from web.answers import render, see_other
from web.changes import changes

bp = Blueprint("invoices", __name__, url_prefix="/espace-client/factures")


@bp.get("")
@login_required
def index() -> str:
    """Show the customer's latest invoices and credit notes, newest first."""
    latest = invoices.latest(signed_in_customer())
    return render_template("invoices/index.html", entries=latest.entries, more=latest.more)


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
