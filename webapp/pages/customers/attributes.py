"""The declared attributes: what else the team knows of customers, and of which type."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns import customers
from campaigns.errors import Conflict, Invalid
from webapp.context import runtime
from webapp.pages.customers.blueprint import blueprint


def _list(values: dict[str, str] | None = None, faults: dict[str, str] | None = None) -> str:
    with runtime().reading() as session:
        return render_template(
            "customers/attributes.html",
            attributes=customers.attributes(session),
            kinds=customers.KINDS,
            values=values or {},
            faults=faults or {},
        )


def _choices() -> list[str]:
    return request.form.get("choices", "").splitlines()


@blueprint.get("/attributes")
def attributes() -> ResponseReturnValue:
    """All of them, and a form for another."""
    return _list()


@blueprint.post("/attributes")
def declare() -> ResponseReturnValue:
    """Declare one more."""
    form = request.form
    try:
        with runtime().transaction() as session:
            made = customers.declare_attribute(
                session, label=form.get("label", ""), kind=form.get("kind", ""), choices=_choices()
            )
    except (Invalid, Conflict) as error:
        faults = error.faults if isinstance(error, Invalid) else {}
        return _list(form.to_dict(), faults or {"label": str(error)}), 400
    flash(
        f"Customers may have “{made.label}” now; in templates it is customer.attributes.{made.name}.",
        "success",
    )
    return redirect(url_for(".attributes"), 303)


@blueprint.get("/attributes/<name>")
def attribute(name: str) -> ResponseReturnValue:
    """One of them, to be changed."""
    with runtime().reading() as session:
        found = customers.get_attribute(session, name)
        return render_template(
            "customers/attribute.html",
            attribute=found,
            kinds=customers.KINDS,
            values={"label": found.label, "choices": "\n".join(found.choices)},
            faults={},
        )


@blueprint.post("/attributes/<name>")
def change_attribute(name: str) -> ResponseReturnValue:
    """Another label, more choices; the type stays."""
    with runtime().transaction() as session:
        customers.change_attribute(session, name, label=request.form.get("label", ""), choices=_choices())
    flash("Saved.", "success")
    return redirect(url_for(".attributes"), 303)
