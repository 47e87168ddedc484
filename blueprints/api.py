"""The API for shops (`/api/v1/`): orders in, shipments, refunds, where an invoice stands, a way in for customers."""

import io
import json
from collections.abc import Iterator
from itertools import chain, islice
from typing import TypeVar

from flask import Blueprint, Response, current_app, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from pydantic import BaseModel

from extensions import csrf, db
from models import Order, Shop
from services import batches, door, intake, reports, shop_sign_in
from shops import answers, contract_json, openapi, strict_json, words
from shops.candidates import Candidate, UnreadableFile
from shops.problems import FieldProblem
from shops.schema import (
    MAX_ORDER_BYTES,
    InvalidMessage,
    OrderMessage,
    RefundMessage,
    ShipmentReport,
    SignInMessage,
)
from web import errors
from web.order_state import order_state, taken
from web.signed_call import signed

MAX_BATCH_BYTES = 16 * 1024 * 1024

bp = Blueprint("api", __name__, url_prefix="/api/v1")
csrf.exempt(bp)  # A signature says who calls; no browser sends one by itself.
Message = TypeVar("Message", OrderMessage, RefundMessage, ShipmentReport, SignInMessage)


@bp.get("/")
def reference() -> str:
    """Show what the API takes and answers, for people."""
    example = json.dumps(words.EXAMPLE, ensure_ascii=False, indent=2)
    return render_template("api/reference.html", document=_document(), operations=openapi.OPERATIONS, example=example)


@bp.get("/openapi.json")
def description() -> ResponseReturnValue:
    """Give the same for machines (OpenAPI 3.1)."""
    return _document()


@bp.put("/orders/<number>")
@signed("orders:write", most_bytes=MAX_ORDER_BYTES)
def put(shop: Shop, number: str) -> ResponseReturnValue:
    """Take an order in, new or changed."""
    message = _sent(OrderMessage)
    if message.number != number:
        raise InvalidMessage((FieldProblem("number", _("Ce numéro n'est pas celui de l'adresse appelée.")),))
    receipt = intake.receive(message, source="api", strict=True, shop=shop)
    return _said(taken(receipt), 201 if receipt.outcome == "new" else 200)


@bp.get("/orders/<number>")
@signed("orders:read", most_bytes=MAX_ORDER_BYTES)
def show(shop: Shop, number: str) -> ResponseReturnValue:
    """Tell where an order and its invoice stand."""
    return _said(order_state(_order(shop, number)))


@bp.patch("/orders/<number>/shipment")
@signed("orders:write", most_bytes=MAX_ORDER_BYTES)
def ship(shop: Shop, number: str) -> ResponseReturnValue:
    """Note that an order has left."""
    return _said(taken(reports.ship(shop, number, _sent(ShipmentReport))))


@bp.post("/orders/<number>/refunds")
@signed("orders:write", most_bytes=MAX_ORDER_BYTES)
def refund(shop: Shop, number: str) -> ResponseReturnValue:
    """Note that money went back."""
    receipt = reports.refund(shop, number, _sent(RefundMessage))
    return _said(taken(receipt), 201 if receipt.applied else 200)


@bp.post("/orders:batch")
@signed("orders:write", most_bytes=MAX_BATCH_BYTES)
def batch(shop: Shop) -> ResponseReturnValue:
    """Take many orders in, one a line; the answer has one line each, as they are committed."""
    candidates = contract_json.read(io.BytesIO(request.get_data()))
    lines = batches.taken_in(candidates, source="api", strict=True, shop=shop)
    begun = list(islice(lines, 1))  # What is no batch, or meets no database, is refused before the answer begins.
    return Response(_results(chain(begun, lines)), mimetype="application/x-ndjson")


@bp.post("/sign-in-links")
@signed("sign-in", most_bytes=MAX_ORDER_BYTES)
def sign_in_link(_shop: Shop) -> ResponseReturnValue:
    """Give a link that leads the shop's signed-in customer into their customer area, once, within 60 seconds."""
    message = _sent(SignInMessage)
    issued = shop_sign_in.issue(message.email)
    url = url_for("auth.enter", token=issued.token, next=message.next or None, _external=True)
    return _said(answers.SignInLink(url=url, expires_at=issued.expires_at), 201)


@bp.errorhandler(door.NotAdmitted)
def not_admitted(error: door.NotAdmitted) -> ResponseReturnValue:
    """Say why the call opens nothing."""
    return errors.answer(error.status, str(error), {"WWW-Authenticate": "Bearer"} if error.status == 401 else None)


@bp.errorhandler(door.BeingAnswered)
def being_answered(_error: door.BeingAnswered) -> ResponseReturnValue:
    """Say that the equal call is not over yet."""
    return errors.answer(409, _("Le même appel est en cours de traitement."), {"Retry-After": "1"})


@bp.errorhandler(strict_json.NotJson)
def not_json(error: strict_json.NotJson) -> ResponseReturnValue:
    """Say where the text stops being JSON."""
    return errors.answer(400, error.reason, problems=[FieldProblem(error.path, error.reason)])


@bp.errorhandler(UnreadableFile)
def no_batch(error: UnreadableFile) -> ResponseReturnValue:
    """Say why nothing of it can be read."""
    return errors.answer(422, str(error), problems=[FieldProblem("", str(error))])


@bp.errorhandler(InvalidMessage)
@bp.errorhandler(intake.Refused)
def invalid(error: InvalidMessage | intake.Refused) -> ResponseReturnValue:
    """Say what is wrong, field by field; nothing was kept."""
    return errors.answer(_status(error), str(error), problems=error.problems)


@bp.errorhandler(reports.UnknownOrder)
def unknown_order(_error: reports.UnknownOrder) -> ResponseReturnValue:
    """Say that this shop has no such order."""
    return errors.answer(404, _("Cette boutique n'a pas de commande de ce numéro."))


def _document() -> dict[str, object]:
    shop = current_app.extensions["sellers"].shop
    return openapi.document(url_for("home.index", _external=True).rstrip("/"), shop.name)


def _sent(kind: type[Message]) -> Message:
    """Return what was sent, checked. Raises NotJson, InvalidMessage."""
    return kind.checked(strict_json.loads(request.get_data()))


def _said(answer: BaseModel, status: int = 200) -> ResponseReturnValue:
    return Response(answer.model_dump_json(), status, mimetype="application/json")


def _order(shop: Shop, number: str) -> Order:
    found = reports.find(shop, number)
    if found is None:
        raise reports.UnknownOrder
    return found


def _results(lines: Iterator[tuple[Candidate, batches.Result]]) -> Iterator[str]:
    for candidate, result in lines:
        yield _line(candidate, result).model_dump_json() + "\n"
    db.session.rollback()  # Nothing is held while the last piece travels.


def _line(candidate: Candidate, result: batches.Result) -> answers.LineResult:
    said = answers.LineResult(line=candidate.first_line, number=result.number, status=200, applied=False)
    if isinstance(result, intake.Refused):
        fields = [answers.FieldError(field=each.path, message=each.message) for each in result.problems]
        return said.model_copy(update={"status": _status(result), "errors": fields})
    return said.model_copy(update={"status": 201 if result.outcome == "new" else 200, "applied": result.applied})


def _status(error: Exception) -> int:
    conflicts = (intake.VersionConflict, intake.NumberTaken, reports.Contradiction)
    return 409 if isinstance(error, conflicts) else 422
