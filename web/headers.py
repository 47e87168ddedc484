"""The headers that every answer carries."""

from flask import Flask, Response, request
from flask_login import current_user

from config import Settings

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
FOR_A_MAIL = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)
"""What a mail may do that is shown as it is, with styles of its own (in development only): be looked at."""
MAILS = ("devmail.message_html", "devmail.preview_html")
UNUSED = (
    "accelerometer", "autoplay", "bluetooth", "browsing-topics", "camera", "clipboard-read", "clipboard-write",
    "display-capture", "encrypted-media", "fullscreen", "gamepad", "geolocation", "gyroscope", "hid",
    "identity-credentials-get", "idle-detection", "keyboard-map", "local-fonts", "magnetometer", "microphone", "midi",
    "otp-credentials", "payment", "picture-in-picture", "publickey-credentials-create", "publickey-credentials-get",
    "screen-wake-lock", "serial", "storage-access", "sync-xhr", "usb", "web-share", "window-management",
    "xr-spatial-tracking",
)  # fmt: skip
"""What browsers can do for a page, and no page of ours asks for."""
ALWAYS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # What `frame-ancestors` says, for who does not know it.
    "Referrer-Policy": "same-origin",  # Under `no-referrer`, posts over https would fail their check of the Referer.
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
OVER_HTTPS = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}


def install(app: Flask, settings: Settings) -> None:
    """Afterwards every answer carries the security headers, and no private page is kept by any cache."""
    fixed = ALWAYS if settings.development else ALWAYS | OVER_HTTPS

    @app.after_request
    def secure(response: Response) -> Response:
        headers = response.headers
        headers.update(fixed)
        if request.endpoint in MAILS and response.status_code == 200:
            headers["Content-Security-Policy"] = FOR_A_MAIL
        response.vary.update(("HX-Request", "HX-Request-Type", "HX-History-Restore-Request"))
        if request.endpoint != "static":
            response.vary.add("Cookie")
            headers.setdefault("Cache-Control", "no-store" if _is_private() else "no-cache")
        if request.endpoint in ("auth.sign_out", "personal_data.deleted"):
            # Not `cookies`: those of the whole domain would go, and with them what lies in the shop's basket.
            headers["Clear-Site-Data"] = '"cache", "storage"'
        return response


def _is_private() -> bool:
    """Only the public pages that hold nobody's data may be kept; everything else is answered afresh."""
    public = ("home.", "health.")
    return not (request.endpoint or "").startswith(public) or bool(current_user and current_user.is_authenticated)
