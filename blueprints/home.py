"""The front page with its two doors, the legal pages, and the merchant's colour and logo."""

from datetime import UTC, datetime

from flask import Blueprint, Response, abort, current_app, render_template

import clock
from documents.seller import Seller, Shop
from services import data_exports, erasure, sweep

bp = Blueprint("home", __name__)

ACCESSIBILITY_STATED = datetime(2026, 11, 23, tzinfo=UTC)
"""The day of the statement: it changes with what the statement says."""

KEPT = {"Cache-Control": "public, max-age=3600"}


@bp.get("/")
def index() -> str:
    """Show the two doors: sign in, or look one order up."""
    return render_template("home/index.html")


@bp.get("/mentions-legales")
def legal() -> str:
    """Say who sells here, as the seller's file has it today (LCEN, art. 1-1 and 19)."""
    return render_template("legal/legal.html", identity=_seller_of_today().identity)


@bp.get("/confidentialite")
def privacy() -> str:
    """Say what is kept about people, why and for how long (GDPR, art. 13)."""
    return render_template(
        "legal/privacy.html",
        identity=_seller_of_today().identity,
        guests=erasure.GUESTS_KEPT.days // 365,
        unused=erasure.UNUSED_KEPT.days,
        export=data_exports.KEPT.days,
        sessions=sweep.SESSIONS_KEPT.days,
        shop_messages=sweep.MESSAGES_KEPT.days,
        links=sweep.TOKENS_KEPT.days,
        tries=sweep.TRIES_KEPT.days,
        acts=sweep.AUDIT_KEPT.days // 365,
        acts_of_documents=sweep.AUDIT_OF_DOCUMENTS_KEPT.days // 365,
    )


@bp.get("/accessibilite")
def accessibility() -> str:
    """Say how far everybody can use these pages, and whom to tell when somebody cannot."""
    return render_template("legal/accessibility.html", stated=ACCESSIBILITY_STATED)


@bp.get("/marque.css")
def brand() -> Response:
    """Give the merchant's accent colour to the style sheet; our policy allows no inline style."""
    return Response(f":root {{ --brand: {_shop().accent}; }}\n", mimetype="text/css", headers=KEPT)


@bp.get("/logo")
def logo() -> Response:
    """Give the merchant's logo."""
    picture = _shop().logo or abort(404)
    return Response(picture.data, mimetype=picture.mimetype, headers=KEPT)


def _seller_of_today() -> Seller:
    seller: Seller = current_app.extensions["sellers"].at(clock.paris_date(clock.now()))
    return seller


def _shop() -> Shop:
    shop: Shop = current_app.extensions["sellers"].shop
    return shop
