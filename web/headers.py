"""The headers that every answer carries."""

from flask import Flask, Response, request
from flask_login import current_user

from config import Settings

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def install(app: Flask, settings: Settings) -> None:
    """Afterwards every answer carries the security headers, and no private page is kept by any cache."""

    @app.after_request
    def secure(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        if not settings.development:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
        response.vary.update(("HX-Request", "HX-Request-Type", "HX-History-Restore-Request"))
        if request.endpoint != "static":
            response.vary.add("Cookie")
            headers.setdefault("Cache-Control", "no-store" if _is_private() else "no-cache")
        return response


def _is_private() -> bool:
    """Only the public pages that hold nobody's data may be kept; everything else is answered afresh."""
    public = ("home.", "health.")
    return not (request.endpoint or "").startswith(public) or bool(current_user and current_user.is_authenticated)
