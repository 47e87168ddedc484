"""The three answers that every view gives, to htmx and to a plain browser alike."""

from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue


def wants_fragment() -> bool:
    """Whether htmx will swap a part of the page: it says 'partial' then, and 'full' for boost and history."""
    return request.headers.get("HX-Request-Type") == "partial" and "HX-History-Restore-Request" not in request.headers


def render(page: str, fragment: str, status: int = 200, **context: Any) -> ResponseReturnValue:
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
        return "", 204, {"HX-Location": url}
    return redirect(url, 303)


def to_sign_in() -> ResponseReturnValue:
    """Lead to the sign-in page, never into a fragment of the page that is open."""
    if "HX-Request" in request.headers:
        return "", 401, {"HX-Redirect": url_for("auth.sign_in")}
    following = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("auth.sign_in", next=following), 303)
