"""« Reprendre un fichier »: an admin hands one in, sees what it would change, and says whether it does."""

from contextlib import closing

from flask import Blueprint, Response, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from extensions import DomainError, db
from forms.auth import PressForm
from forms.uploads import UploadForm
from models import Upload
from parties import texts
from services import shops, tally, uploads
from shops.notation import Notation
from web.access import admin_required, signed_in_customer
from web.recent import recently_proven

bp = Blueprint("uploads", __name__, url_prefix="/admin/fichiers")


@bp.get("")
@admin_required
def index() -> ResponseReturnValue:
    """Show the form, and the files handed in last."""
    return _page(_form())


@bp.post("")
@admin_required
def hand_in() -> ResponseReturnValue:
    """Write a file down; it is tried at once, and changes nothing yet."""
    form = _form()
    if not form.validate_on_submit():
        return _page(form, 422)
    sent, notation = form.file.data, Notation(form.encoding.data, form.decimals.data, form.dates.data)
    try:
        with closing(sent):
            shop, content = shops.by_name(form.shop.data or ""), sent.read()
        facts = {"shape": form.shape.data, "notation": notation, "shop": shop}
        upload = uploads.hand_in(signed_in_customer(), texts.tidy(sent.filename or ""), content, **facts)
    except DomainError as refusal:
        form.file.errors = (str(refusal),)
        return _page(form, 422)
    return redirect(url_for(".show", upload_id=upload.id), 303)


@bp.get("/<int(max=2147483647):upload_id>")
@admin_required
def show(upload_id: int) -> str:
    """Show what a file would change, or has changed."""
    upload = _or_404(upload_id)
    return render_template("admin/upload.html", upload=upload, labels=tally.labels(upload.shape))


@bp.post("/<int(max=2147483647):upload_id>/confirmer")
@admin_required
@recently_proven
def confirm(upload_id: int) -> ResponseReturnValue:
    """Take the file in; pressing twice takes it in once."""
    return _decided(upload_id, uploads.confirm(_pressed(upload_id), signed_in_customer()), _("La reprise commence."))


@bp.post("/<int(max=2147483647):upload_id>/abandonner")
@admin_required
def discard(upload_id: int) -> ResponseReturnValue:
    """Give the file up; nothing of it is kept."""
    return _decided(upload_id, uploads.discard(_pressed(upload_id), signed_in_customer()), _("Le fichier est oublié."))


@bp.get("/<int(max=2147483647):upload_id>/rapport.csv")
@admin_required
def report(upload_id: int) -> Response:
    """Hand out what was refused, row by row."""
    data = _or_404(upload_id).report or abort(404)
    headers = {"Content-Disposition": f'attachment; filename="rapport-{upload_id}.csv"', "Cache-Control": "no-store"}
    return Response(data, mimetype="text/csv", headers=headers)


def _form() -> UploadForm:
    form = UploadForm()
    form.offer(*(each.name for each in shops.every()))
    return form


def _page(form: UploadForm, status: int = 200) -> ResponseReturnValue:
    return render_template("admin/uploads.html", form=form, uploads=uploads.latest()), status


def _or_404(upload_id: int) -> Upload:
    return db.session.get(Upload, upload_id) or abort(404)


def _pressed(upload_id: int) -> int:
    _or_404(upload_id)
    if not PressForm().validate_on_submit():
        abort(422)
    return upload_id


def _decided(upload_id: int, done: bool, said: str) -> ResponseReturnValue:
    flash(said if done else _("C'était déjà fait\u00a0: rien n'a été fait deux fois."), "success" if done else "info")
    return redirect(url_for(".show", upload_id=upload_id), 303)
