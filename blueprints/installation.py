"""« Réglages »: how this installation is set up, and a mail to try it with."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, abort, current_app, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import make_url

import clock
import config
from forms.admin import TryMailForm
from models import Delivery
from services import invoicing, testmail
from web.access import admin_required, signed_in_customer
from web.answers import changed, wants_fragment

bp = Blueprint("installation", __name__, url_prefix="/admin/reglages")

SOON = timedelta(minutes=10)


@bp.get("")
@admin_required
def show() -> ResponseReturnValue:
    """Show the settings without their secrets; `essai` names the test mail whose outcome is shown."""
    tried = _tried(request.args.get("essai", ""))
    if wants_fragment():
        return render_template("admin/_test_mail.html", **tried)
    settings = config.current()
    return render_template(
        "admin/settings.html",
        settings=settings,
        seller=current_app.extensions["sellers"].at(clock.paris_date(clock.now())),
        invoice_from=invoicing.invoice_from(),
        places={name: _place(getattr(settings, name)) for name in ("smtp_url", "bounces_url", "redis_url")},
        database=make_url(settings.database_url),
        signs_in="@" in urlsplit(settings.smtp_url).netloc,
        **tried,
    )


@bp.post("/essai")
@admin_required
def try_mail() -> ResponseReturnValue:
    """Send a test mail to the admin's own address; pressing twice sends one."""
    form = TryMailForm()
    if not form.validate_on_submit():
        abort(422)
    press = form.press.data or ""
    testmail.send(signed_in_customer(), press)
    return changed("admin/_test_mail.html", url_for(".show", essai=press), **_tried(press))


def _tried(press: str) -> dict[str, Any]:
    mail = testmail.find(signed_in_customer(), press) if press else None
    form = TryMailForm(formdata=None, press=testmail.press())
    return {"mail": mail, "press": press, "form": form, "soon": mail and _ends_soon(mail), "now": clock.now()}


def _ends_soon(mail: Delivery) -> bool:
    """Whether looking again is worth it."""
    return mail.state in ("pending", "sending") and clock.now() - mail.created_at < SOON


def _place(url: str) -> str:
    """Return where an address leads, without the account and the options that stand in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if url else ""
