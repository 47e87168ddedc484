"""What is wrong with a message, field by field, in French."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

_MAX_PROBLEMS = 50

_MESSAGES = {
    "missing": "Ce champ est obligatoire.",
    "extra_forbidden": "Ce champ est inconnu.",
    "string_type": "Un texte est attendu.",
    "too_long": "Ce texte est trop long\u00a0: {max_length} caractères au plus.",
    "too_short": "Ce texte ne peut pas être vide.",
    "greater_than_equal": "La valeur doit être au moins {ge}.",
    "less_than_equal": "La valeur doit être au plus {le}.",
    "literal_error": "Valeur inconnue\u00a0; valeurs possibles\u00a0: {expected}.",
    "model_type": "Un objet est attendu.",
    "model_attributes_type": "Un objet est attendu.",
    "dict_type": "Un objet est attendu.",
}


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing that is wrong: where (`lines[3].unit_price`; empty for the whole message) and what, in French."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}\u00a0: {self.message}" if self.path else self.message


def from_validation(error: ValidationError) -> tuple[FieldProblem, ...]:
    """Return what pydantic found, in French; at most 50 problems, and the last then says that there are more."""
    found = error.errors(include_url=False, include_input=False)
    problems = [FieldProblem(_path(each["loc"]), _message(each)) for each in found[:_MAX_PROBLEMS]]
    if len(found) > _MAX_PROBLEMS:
        problems.append(FieldProblem("", f"Et {len(found) - _MAX_PROBLEMS} autres erreurs."))
    return tuple(problems)


def _path(location: Sequence[int | str]) -> str:
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += f".{_printable(step)}" if path else _printable(step)
    return path


def _printable(name: str) -> str:
    """The name of an unknown field comes from outside: it may be long or hold control characters."""
    return "".join(sign if sign.isprintable() else "?" for sign in name[:60])


def _message(error: Mapping[str, Any]) -> str:
    if error["type"].startswith("shop_"):
        return str(error["msg"])
    template = _MESSAGES.get(error["type"], "Cette valeur n'est pas acceptée.")
    context = dict(error.get("ctx", {}))
    if "expected" in context:
        context["expected"] = str(context["expected"]).replace("'", "").replace(" or ", ", ")
    return template.format_map(context)
