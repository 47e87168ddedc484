"""Versioned addresses of what pages load: a changed file has a new address, so that browsers keep each for good."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, request

FOR_GOOD = "public, max-age=31536000, immutable"


def install(app: Flask) -> None:
    """Afterwards `url_for("static", …)` says the file's version (`v`), and its answer may be kept for a year.

    Another version than the file's own, asked for while a deployment is under way, is answered but never kept.
    """

    @app.url_defaults
    def say_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "v" not in values:
            values["v"] = version_of(app, values["filename"])

    @app.after_request
    def keep(response: Response) -> Response:
        if request.endpoint == "static" and response.status_code in (200, 304):
            current = version_of(app, (request.view_args or {})["filename"])
            response.headers["Cache-Control"] = FOR_GOOD if request.args.get("v") == current else "no-cache"
        return response


def version_of(app: Flask, filename: str) -> str | None:
    """Return the version of a file under `static/`, None when there is none of that name."""
    file = Path(app.static_folder or "") / filename
    try:
        state = file.stat()
    except OSError:
        return None
    return _digest(file, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=64)
def _digest(file: Path, _changed_at: int, _size: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]
