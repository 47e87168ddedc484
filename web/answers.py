"""The three answers that every view gives, to htmx and to a plain browser alike."""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.urls import iri_to_uri

from web import signed_in


def wants_fragment() -> bool:
    """Whether htmx will swap a part of the page: it says 'partial' then, and 'full' for boost and history."""
    return request.headers.get("HX-Request-Type") == "partial" and "HX-History-Restore-Request" not in request.headers


def render(page: str, fragment: str, status: int = 200, /, **context: Any) -> ResponseReturnValue:
    """Answer with the fragment and the flash when htmx swaps a part of the page, with the whole page otherwise."""
    if wants_fragment():
        return render_template(fragment, **context) + render_template("_flash.html", out_of_band=True), status
    return render_template(page, **context), status


def changed(fragment: str, url: str, **context: Any) -> ResponseReturnValue:
    """Answer a change: the new fragment to htmx, whose fetch would follow a 303 into the target; a 303 to others."""
    if wants_fragment():
        return render_template(fragment, **context) + render_template("_flash.html", out_of_band=True), 200
    return redirect(url, 303)


def see_other(url: str) -> ResponseReturnValue:
    """Lead to another page after a change, whoever asks: htmx loads it as a page, a browser follows the 303."""
    if "HX-Request" in request.headers:
        return "", 204, {"HX-Location": iri_to_uri(url)}
    return redirect(url, 303)


def to_sign_in() -> ResponseReturnValue:
    """Lead to the sign-in page, never into a fragment of the page that is open, and from there back to that page."""
    from_htmx = "HX-Request" in request.headers
    if request.method == "GET" and not from_htmx:
        return redirect(url_for("auth.sign_in", next=request.full_path.rstrip("?")), 303)
    flash(_("Votre session a expiré. Reconnectez-vous pour continuer."), "warning")
    address = url_for("auth.sign_in", next=_path_of_ours(request.headers.get("HX-Current-URL") or request.referrer))
    return ("", 401, {"HX-Redirect": address}) if from_htmx else redirect(address, 303)


def _path_of_ours(address: str | None) -> str | None:
    """Return the path of a page of this site, None of any other; the header holds whatever its sender likes."""
    try:
        page = urlsplit(address or "")
    except ValueError:
        return None
    return signed_in.own_path(urlunsplit(("", "", page.path, page.query, ""))) if page.netloc == request.host else None
