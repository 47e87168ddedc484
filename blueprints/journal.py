"""« Journal »: who did what, when and from where, as a page with a filter and as a table to keep."""

from flask import Blueprint, Response, abort, render_template, request
from flask.typing import ResponseReturnValue

from forms.journal import JournalForm
from services import history_words, journal
from web.access import admin_required

bp = Blueprint("journal", __name__, url_prefix="/admin")


@bp.get("/journal")
@admin_required
def index() -> ResponseReturnValue:
    """Show what was done, the newest first."""
    form = JournalForm(request.args)
    is_good = form.validate()
    found = journal.page(form.wanted(), request.args.get("before", "")) if is_good else journal.Page(())
    shown = {name: text for name, text in request.args.items() if name in form.data and text}
    page = render_template(
        "admin/journal.html",
        form=form,
        page=found,
        shown=shown,
        acts=history_words.ACTIONS,
        actor=history_words.actor,
        detail_of=history_words.detail,
    )
    return page, 200 if is_good else 422


@bp.get("/journal.csv")
@admin_required
def table() -> Response:
    """Hand out what the same filter finds, all of it."""
    form = JournalForm(request.args)
    if not form.validate():
        abort(422)
    headers = {"Content-Disposition": 'attachment; filename="journal.csv"', "Cache-Control": "no-store"}
    return Response(journal.table(form.wanted()), mimetype="text/csv", headers=headers)
