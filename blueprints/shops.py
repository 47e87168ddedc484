"""« Boutiques »: the shops that are connected, how they are doing, and the messages that wait for a person."""

from collections.abc import Callable

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from forms.auth import PressForm
from services import inbox, shops
from web.access import admin_required

bp = Blueprint("shops", __name__, url_prefix="/admin/boutiques")


@bp.get("")
@admin_required
def index() -> str:
    """Show the shops, and the messages that could not be taken in, the newest first."""
    waiting, failed = inbox.failed(), inbox.count_failed()
    every = [(shop, shops.unreadable(shop)) for shop in shops.every()]
    return render_template("admin/shops.html", shops=every, waiting=waiting, failed=failed)


@bp.post("/messages/<int(max=2147483647):message_id>/reessayer")
@admin_required
def retry(message_id: int) -> ResponseReturnValue:
    """Take a message in again; pressing twice tries once."""
    return _decide(inbox.retry, message_id, _("Le message est traité de nouveau."))


@bp.post("/messages/<int(max=2147483647):message_id>/ignorer")
@admin_required
def ignore(message_id: int) -> ResponseReturnValue:
    """Leave a message alone, for good."""
    return _decide(inbox.ignore, message_id, _("Le message est ignoré."))


def _decide(decide: Callable[[int], bool], message_id: int, said: str) -> ResponseReturnValue:
    if not PressForm().validate_on_submit():
        abort(422)
    if decide(message_id):
        flash(said, "success")
    else:
        flash(_("C'était déjà fait\u00a0: rien n'a été fait deux fois."), "info")
    return redirect(url_for(".index"), 303)
