"""The error pages, in French, and as `problem+json` (RFC 9457) for machines."""

from collections.abc import Iterable
from datetime import timedelta
from math import ceil

from flask import Flask, current_app, g, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import AnonymousUserMixin, current_user
from flask_wtf.csrf import CSRFError
from gunicorn.http.errors import ParseException
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from werkzeug.exceptions import HTTPException, SecurityError

import clock
from extensions import DomainError, NotTheirs, db
from sealing import WrongKeysSecret
from services import history
from services.issuing import WrongMode
from services.limits import TooMany
from shops.problems import FieldProblem
from web import logs
from web.answers import wants_fragment
from web.formats import paris_datetime

DENIED = {403: "role.exceeded", 404: "object.withheld", 429: "tries.exceeded"}
"""What the audit calls an answer that denies somebody something."""
MACHINE_PATHS = ("/api/", "/webhooks/")
IN_A_MINUTE = {"Retry-After": "60"}


def _texts(status: int) -> tuple[str, str]:
    """Return title and advice of an error page."""
    pages = {
        403: (_("Accès en lecture"), _("Votre rôle permet de tout voir, et de ne rien changer. Rien n'a été fait.")),
        404: (_("Page introuvable"), _("Cette page n'existe pas, ou elle ne vous est pas destinée.")),
        422: (_("Demande impossible"), _("Nous n'avons pas pu lire votre demande. Revenez en arrière et réessayez.")),
        429: (_("Trop d'essais"), _("Vous avez essayé trop souvent. Patientez un peu avant de recommencer.")),
        503: (_("Service indisponible"), _("Le service est indisponible pour un instant. Réessayez dans une minute.")),
    }
    broken = (
        _("Une erreur est survenue"),
        _("L'erreur vient de nous. Elle a été notée, et rien de ce qui était enregistré n'est perdu."),
    )
    unread = (_("Demande refusée"), _("Nous n'avons pas pu traiter cette demande. Revenez en arrière et réessayez."))
    return pages.get(status, broken if status >= 500 else unread)


def _too_often(seconds: int) -> str:
    """Say when it may be tried again: by the clock where that is not soon."""
    minutes = ceil(seconds / 60)
    if minutes > 60:
        when = paris_datetime(clock.now() + timedelta(seconds=seconds))
        return str(_("Vous avez essayé trop souvent. Vous pourrez recommencer %(when)s.", when=when))
    again = ngettext("Recommencez dans une minute.", "Recommencez dans %(num)d minutes.", minutes)
    return f"{_('Vous avez essayé trop souvent.')} {again}"


def answer(
    status: int, detail: str = "", headers: dict[str, str] | None = None, problems: Iterable[FieldProblem] = ()
) -> ResponseReturnValue:
    """Answer an error: a page to people, a sentence in the flash to htmx, `problem+json` to machines.

    `problems` are what is wrong with what a machine sent, field by field.
    """
    title, advice = _texts(status)
    if status >= 500:
        g._login_user = AnonymousUserMixin()  # Flask-Login would ask the database, which may be the trouble.
    if request.path.startswith(MACHINE_PATHS):
        problem: dict[str, object] = {"type": "about:blank", "status": status, "title": title}
        problem["detail"] = detail or advice
        problem["errors"] = [{"field": each.path, "message": each.message} for each in problems]
        return problem, status, {"Content-Type": "application/problem+json", **(headers or {})}
    if wants_fragment():
        message = [("error", detail or advice)]
        extra = {"HX-Reswap": "none", **(headers or {})}
        return render_template("_flash.html", out_of_band=True, messages=message), status, extra
    return (
        render_template("errors/error.html", status=status, title=title, advice=detail or advice),
        status,
        headers or {},
    )


def _note(status: int) -> None:
    """Leave a trace of what was denied to whom; of what nobody has only where it may be somebody else's."""
    page = request.endpoint
    strays = status == 404 and (not current_user.is_authenticated or current_user.is_admin or page in (None, "static"))
    if status in DENIED and not strays:
        db.session.rollback()
        try:
            history.once_an_hour(DENIED[status], detail=f"{request.method} {page}")
        except DBAPIError as error:  # It is denied all the same.
            db.session.rollback()
            current_app.logger.warning("denial not recorded", extra={"error": logs.name(error)})


def install(app: Flask) -> None:
    """Afterwards no visitor meets a bare or English error page."""
    _install_outages(app)

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> ResponseReturnValue:
        if error.code is None or error.code < 400:
            return error
        _note(error.code)
        return answer(error.code)

    @app.errorhandler(SecurityError)
    def unknown_host(_error: SecurityError) -> ResponseReturnValue:
        # Under a name that is not ours no address can be built, hence no page.
        return _("Cette adresse n'est pas celle de ce site."), 400, {"Content-Type": "text/plain; charset=utf-8"}

    @app.errorhandler(ParseException)
    def unreadable_body(_error: ParseException) -> ResponseReturnValue:
        return answer(400)  # gunicorn finds out what is wrong with a body in chunks while a view reads it.

    @app.errorhandler(CSRFError)
    def stale_form(_error: CSRFError) -> ResponseReturnValue:
        return answer(400, _("Ce formulaire a expiré. Rechargez la page et envoyez-le de nouveau."))

    @app.errorhandler(TooMany)
    def too_many(error: TooMany) -> ResponseReturnValue:
        _note(429)
        return answer(429, _too_often(error.retry_after), {"Retry-After": str(error.retry_after)})

    @app.errorhandler(DomainError)
    def refused(error: DomainError) -> ResponseReturnValue:
        return answer(422, str(error))

    @app.errorhandler(NotTheirs)
    def not_theirs(_error: NotTheirs) -> ResponseReturnValue:
        _note(404)
        return answer(404)

    @app.errorhandler(Exception)
    def broken(error: Exception) -> ResponseReturnValue:
        db.session.rollback()
        app.logger.error("unhandled error", exc_info=error)
        return answer(500)


def _install_outages(app: Flask) -> None:
    """Afterwards what is away, or what only the merchant can put right, is a 503 that says when to come back."""

    @app.errorhandler(OperationalError)
    @app.errorhandler(InterfaceError)
    @app.errorhandler(InternalError)  # Such as a server that stands by and takes no writing (PostgreSQL).
    @app.errorhandler(NoFreeConnection)
    def database_away(error: Exception) -> ResponseReturnValue:
        db.session.rollback()
        app.logger.error("database unusable", extra={"error": logs.name(error)})
        return answer(503, headers=IN_A_MINUTE)

    @app.errorhandler(OSError)
    def documents_away(error: OSError) -> ResponseReturnValue:
        # Whatever a view reads beside the database lies in the documents folder.
        app.logger.error("documents unreadable", extra={"error": logs.name(error)})
        sentence = _("Ce document ne peut pas être lu pour l'instant. Réessayez dans une minute.")
        return answer(503, sentence, IN_A_MINUTE)

    @app.errorhandler(WrongMode)
    def issuing_stopped(error: WrongMode) -> ResponseReturnValue:
        app.logger.error("nothing can be issued", extra={"error": str(error)})
        sentence = _("Aucun document ne peut être émis pour l'instant : un réglage de la boutique est à corriger.")
        return answer(503, sentence, IN_A_MINUTE)

    @app.errorhandler(WrongKeysSecret)
    def secret_unreadable(error: WrongKeysSecret) -> ResponseReturnValue:
        app.logger.error("secret unreadable", extra={"place": error.place})
        sentence = _("L'espace client ne peut plus lire le secret de cette boutique. Son exploitant doit le rétablir.")
        return answer(503, sentence, IN_A_MINUTE)
