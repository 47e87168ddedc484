"""« Télécharger mes données »: asked for by a press, made by a worker, fetched here."""

from flask import Blueprint, Response, abort, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from extensions import DomainError
from forms.auth import PressForm
from services import data_exports
from web.access import signed_in_customer
from web.answers import see_other

bp = Blueprint("data_exports", __name__, url_prefix="/espace-client/mon-compte/mes-donnees")


@bp.get("")
@login_required
def show() -> ResponseReturnValue:
    """Show where the file stands that was asked for last."""
    return _page()


@bp.post("")
@login_required
def request_one() -> ResponseReturnValue:
    """Ask for a file of all that is kept."""
    if not PressForm().validate_on_submit():
        abort(422)
    try:
        data_exports.request(signed_in_customer())
    except DomainError as refusal:
        return _page(422, refusal=str(refusal))
    return see_other(url_for(".show"))


@bp.get("/<int(max=2147483647):export_id>.zip")
@login_required
def download(export_id: int) -> Response:
    """Hand the file out to whom it is about."""
    packed = data_exports.content(signed_in_customer(), export_id) or abort(404)
    disposition = 'attachment; filename="mes-donnees.zip"'
    return Response(packed, mimetype="application/zip", headers={"Content-Disposition": disposition})


def _page(status: int = 200, refusal: str = "") -> ResponseReturnValue:
    last = data_exports.latest(signed_in_customer())
    until = last.made_at + data_exports.KEPT if last and last.made_at else None
    form = PressForm(formdata=None)
    return render_template("data_exports/show.html", form=form, last=last, until=until, refusal=refusal), status
