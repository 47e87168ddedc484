"""The API described by the models that check what comes in and make what goes out (OpenAPI 3.1)."""

from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from shops import answers, words
from shops.schema import OrderMessage, RefundMessage, ShipmentReport, SignInMessage

REFUSALS = {
    400: "Ce n'est pas du JSON.",
    401: "La signature manque, ne correspond pas, ou a plus de cinq minutes.",
    403: "La clé n'a pas ce droit.",
    404: "Cette boutique n'a pas de commande de ce numéro.",
    409: "Contredit ce qui est déjà connu\u00a0; rien n'a changé.",
    413: "Le message est trop long.",
    422: "Le message ne passe pas\u00a0: errors dit où et pourquoi\u00a0; rien n'a été gardé.",
    429: "Trop d'appels\u00a0: Retry-After dit quand recommencer.",
    503: "Indisponible pour un instant\u00a0: Retry-After dit quand recommencer.",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One call: its path below /api/v1, the scope of the key it needs, what it takes and answers."""

    name: str
    method: str
    path: str
    scope: str
    summary: str
    says: str
    takes: type[BaseModel] | None
    answers: type[BaseModel]
    done: dict[int, str]
    refusals: tuple[int, ...]
    by_line: bool = False
    kinds: tuple[str, ...] = field(default=("application/json", "application/json"))


_NUMBERED = (401, 403, 404, 413, 429, 503)

OPERATIONS = (
    Operation(
        "put_order",
        "put",
        "/orders/{number}",
        "orders:write",
        "Envoyer une commande, nouvelle ou modifiée",
        "La version la plus haute l'emporte, dans quelque ordre que les appels arrivent\u00a0; recommencer ne change "
        "rien. Les remboursements et les colis se complètent par leur id. Les sommes doivent tomber juste, au centime.",
        OrderMessage,
        answers.Taken,
        {201: "La commande est nouvelle.", 200: "La commande était connue\u00a0: applied dit si elle a changé."},
        (400, 401, 403, 409, 413, 422, 429, 503),
    ),
    Operation(
        "get_order",
        "get",
        "/orders/{number}",
        "orders:read",
        "Savoir où en est une commande, et sa facture",
        "Les liens mènent le client dans son espace\u00a0; ils demandent qu'il y soit connecté.",
        None,
        answers.OrderState,
        {200: "La commande."},
        _NUMBERED,
    ),
    Operation(
        "ship_order",
        "patch",
        "/orders/{number}/shipment",
        "orders:write",
        "Signaler l'expédition",
        "Compte tant qu'aucune version de la commande ne donne de date d'expédition\u00a0; la date la plus tardive "
        "l'emporte.",
        ShipmentReport,
        answers.Taken,
        {200: "C'est noté."},
        (400, *_NUMBERED, 422),
    ),
    Operation(
        "refund_order",
        "post",
        "/orders/{number}/refunds",
        "orders:write",
        "Signaler un remboursement",
        "Il devient un avoir si la commande est facturée. Le même id avec un autre contenu est refusé (409).",
        RefundMessage,
        answers.Taken,
        {201: "Le remboursement est nouveau.", 200: "Il était déjà connu."},
        (400, *_NUMBERED, 409, 422),
    ),
    Operation(
        "put_orders",
        "post",
        "/orders:batch",
        "orders:write",
        "Envoyer beaucoup de commandes",
        "Une commande par ligne (NDJSON), 16 Mio au plus, 1 Mio par ligne\u00a0; la réponse a une ligne par commande, "
        "au fur et à mesure qu'elles sont enregistrées, par cent. Une ligne refusée ne gêne pas les autres.",
        OrderMessage,
        answers.LineResult,
        {200: "Ce qu'est devenue chaque ligne."},
        (401, 403, 409, 413, 422, 429, 503),
        kinds=("application/x-ndjson", "application/x-ndjson"),
        by_line=True,
    ),
    Operation(
        "make_sign_in_link",
        "post",
        "/sign-in-links",
        "sign-in",
        "Ouvrir l'espace client à un client connecté dans la boutique",
        "Le lien sert une fois, dans les 60 secondes\u00a0: demandez-le au moment du clic. La boutique se porte "
        "garante de l'adresse e-mail.",
        SignInMessage,
        answers.SignInLink,
        {201: "Le lien."},
        (400, 401, 403, 409, 413, 422, 429, 503),
    ),
)


def document(public_url: str, shop_name: str) -> dict[str, Any]:
    """Return the description of the API of this installation."""
    models: list[tuple[type[BaseModel], Any]] = [(answers.Problem, "serialization")]
    for each in OPERATIONS:
        models.append((each.answers, "serialization"))
        if each.takes:
            models.append((each.takes, "validation"))
    names, schemas = models_json_schema(models, ref_template="#/components/schemas/{model}")
    paths: dict[str, Any] = {}
    for each in OPERATIONS:
        paths.setdefault(each.path, {})[each.method] = _operation(each, names)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Espace client – {shop_name}", "version": "1"},
        "servers": [{"url": f"{public_url}/api/v1"}],
        "security": [{"key": [], "signature": []}],
        "paths": paths,
        "components": {
            "schemas": {name: _in_words(name, schemas["$defs"][name]) for name in words.MODELS},
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
                "signature": {"type": "apiKey", "in": "header", "name": "X-Signature"},
            },
        },
    }


def _in_words(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a model as people read it: its own words instead of those of the code."""
    schema = schema | {"description": words.MODELS[name]}
    schema.pop("title", None)
    for each, described in schema["properties"].items():
        described["description"] = f"{words.FIELDS[name][each]} {described.get('description', '')}".strip()
        described.pop("title", None)
    return schema


def _operation(each: Operation, names: dict[Any, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": each.name,
        "summary": each.summary,
        "description": f"{each.says} Droit\u00a0: {each.scope}.",
        "responses": {
            str(status): _answer(text, each.kinds[1], names[each.answers, "serialization"], by_line=each.by_line)
            for status, text in each.done.items()
        }
        | {
            str(status): _answer(REFUSALS[status], "application/problem+json", names[answers.Problem, "serialization"])
            for status in sorted(each.refusals)
        },
    }
    if "{number}" in each.path:
        number = OrderMessage.model_json_schema()["properties"]["number"]
        found["parameters"] = [{"name": "number", "in": "path", "required": True, "schema": number}]
    if each.takes:
        content = {"schema": _schema(names[each.takes, "validation"], by_line=each.by_line)}
        if each.takes is OrderMessage and not each.by_line:
            content["example"] = words.EXAMPLE
        found["requestBody"] = {"required": True, "content": {each.kinds[0]: content}}
    return found


def _answer(text: str, kind: str, schema: dict[str, Any], *, by_line: bool = False) -> dict[str, Any]:
    return {"description": text, "content": {kind: {"schema": _schema(schema, by_line=by_line)}}}


def _schema(schema: dict[str, Any], *, by_line: bool) -> dict[str, Any]:
    """Of lines the schema is text: OpenAPI 3.1 has no word for NDJSON, and the description names what each line is."""
    if not by_line:
        return schema
    name = schema["$ref"].rpartition("/")[2]
    return {"type": "string", "description": f"Un objet {name} par ligne."}
