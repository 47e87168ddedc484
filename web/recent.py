"""Recent authentication: who has not shown for half an hour who they are is asked again before a dangerous act."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from flask import render_template, request
from flask.typing import ResponseReturnValue

from forms.second_factor import ProofForm
from services import accounts, second_factor
from web import signed_in
from web.access import signed_in_customer

P = ParamSpec("P")
R = TypeVar("R")


def recently_proven(view: Callable[P, R]) -> Callable[P, R]:
    """Answer a press with a page that asks for the password, and for a code where one is asked; then it goes on.

    The page carries what was sent, so that nothing is typed twice. Stands below the guard that signs people in.
    """

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if request.method == "GET" or second_factor.is_recent(signed_in_customer()):
            return view(*args, **kwargs)
        return _asked() or view(*args, **kwargs)

    guarded.asks_again = True  # type: ignore[attr-defined]  # By it a test lists the dangerous acts.
    return cast("Callable[P, R]", guarded)


def _asked() -> ResponseReturnValue | None:
    """Return the page that asks, or nothing once it was answered well."""
    form = ProofForm(formdata=request.form if "proof_password" in request.form else None)
    if not second_factor.is_on(signed_in_customer()):
        del form.proof_code
    if form.proof_password.raw_data and form.validate() and _proven(form):
        return None
    own = {"proof_password", "proof_code", "username", "csrf_token"}
    sent = [(name, text) for name, text in request.form.items(multi=True) if name not in own]
    return render_template("second_factor/prove.html", form=form, sent=sent), 401


def _proven(form: ProofForm) -> bool:
    try:
        code = form.proof_code.data if "proof_code" in form else ""
        second_factor.prove(signed_in_customer(), form.proof_password.data or "", code or "")
    except accounts.WrongPassword as refusal:
        form.proof_password.errors = [str(refusal)]
    except second_factor.WrongCode as refusal:
        form.proof_code.errors = [str(refusal)]
    else:
        signed_in.prove()
        return True
    return False
