"""« Mes factures »: the list, and each document as it was issued."""

from flask import Blueprint, Response, abort, render_template
from flask_login import login_required

from services import files, invoices
from web.access import own_document_or_404, signed_in_customer

bp = Blueprint("invoices", __name__, url_prefix="/espace-client/factures")


@bp.get("")
@login_required
def index() -> str:
    """Show the customer's invoices, newest first."""
    return render_template("invoices/index.html", invoices=invoices.of(signed_in_customer()))


@bp.get("/<number>.pdf")
@login_required
def pdf(number: str) -> Response:
    """Hand out the document, byte for byte as it was mailed; to its owner only."""
    data = files.read(own_document_or_404(number)) or abort(404)
    headers = {"Content-Disposition": f'attachment; filename="{number}.pdf"', "Cache-Control": "no-store"}
    return Response(data, mimetype="application/pdf", headers=headers)
