"""Adding and changing a customer; tags and consents by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns import customers
from campaigns.customers import Customer, birthday_words
from campaigns.errors import Conflict, Invalid
from campaigns.privacy import erase_customer
from webapp.context import runtime, user
from webapp.pages.customers.blueprint import blueprint

FIELDS = ("email", "number", "first_name", "last_name", "birthday", "language", "zone", "country")
OWN = "attributes."


@dataclass(frozen=True)
class Form:
    """What the form sent: the fields everybody has, and the declared attributes by name."""

    values: dict[str, str]
    attributes: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, form: Mapping[str, str]) -> "Form":
        """Parse a request's form."""
        own = {key.removeprefix(OWN): form[key] for key in form if key.startswith(OWN)}
        return cls({name: form.get(name, "") for name in FIELDS}, own)

    @classmethod
    def of(cls, customer: Customer) -> "Form":
        """As it stands."""
        values = {name: getattr(customer, name) or "" for name in FIELDS if name != "birthday"}
        values["birthday"] = birthday_words(customer)
        own = {
            name: ("yes" if value else "no") if isinstance(value, bool) else str(value)
            for name, value in customer.attributes.items()
        }
        return cls(values, own)


def _form(form: Form, *, customer: Customer | None = None, faults: Mapping[str, str] = {}) -> str:
    with runtime().reading() as session:
        return render_template(
            "customers/form.html",
            customer=customer,
            values=form.values,
            own=form.attributes,
            attributes=customers.attributes(session),
            faults=faults,
        )


def _faults(error: Invalid | Conflict) -> Mapping[str, str]:
    if isinstance(error, Invalid):
        return error.faults
    return {"number" if "number" in str(error) else "email": str(error)}


@blueprint.get("/new")
def new() -> ResponseReturnValue:
    """An empty form."""
    return _form(Form.read({}))


@blueprint.post("/new")
def create() -> ResponseReturnValue:
    """Keep a new customer; writing to them needs a consent of its own."""
    form = Form.read(request.form)
    try:
        with runtime().transaction() as session:
            values: dict[str, Any] = {**form.values, "source": f"by hand: {user().email}"[:200]}
            customer = customers.add_customer(
                session, **values, attributes=form.attributes, now=runtime().clock.now()
            )
    except (Invalid, Conflict) as error:
        return _form(form, faults=_faults(error)), 400
    flash(f"{customer.email} is known now. Nobody is written to without a consent: note it below.", "success")
    return redirect(url_for(".detail", customer_id=customer.id), 303)


@blueprint.get("/<int:customer_id>/edit")
def edit(customer_id: int) -> ResponseReturnValue:
    """The form with what is there."""
    with runtime().reading() as session:
        customer = customers.get_customer(session, customer_id)
        session.expunge(customer)
    return _form(Form.of(customer), customer=customer)


@blueprint.post("/<int:customer_id>/edit")
def change(customer_id: int) -> ResponseReturnValue:
    """Keep what was changed."""
    form = Form.read(request.form)
    try:
        with runtime().transaction() as session:
            customers.change_customer(
                session, customer_id, **form.values, attributes=form.attributes, now=runtime().clock.now()
            )
    except (Invalid, Conflict) as error:
        with runtime().reading() as session:
            customer = customers.get_customer(session, customer_id)
            session.expunge(customer)
        return _form(form, customer=customer, faults=_faults(error)), 400
    flash("Saved.", "success")
    return redirect(url_for(".detail", customer_id=customer_id), 303)


@blueprint.post("/<int:customer_id>/tags")
def tag(customer_id: int) -> ResponseReturnValue:
    """Tie a tag, or untie the one named by `remove`."""
    with runtime().transaction() as session:
        if gone := request.form.get("remove"):
            customers.remove_tag(session, customer_id, gone)
        else:
            customers.add_tag(session, customer_id, request.form.get("tag", ""))
    return redirect(url_for(".detail", customer_id=customer_id), 303)


@blueprint.post("/<int:customer_id>/consent")
def consent(customer_id: int) -> ResponseReturnValue:
    """Write down an act of agreeing or withdrawing that somebody told us; the proof is asked for."""
    form = request.form
    source, evidence = form.get("source", "").strip(), form.get("evidence", "").strip()
    is_granted = form.get("is_granted") == "yes"
    if is_granted and not source:
        raise Invalid("Say where the person agreed: at the counter, by telephone, on a form.")
    with runtime().transaction() as session:
        customers.record_consent(
            session,
            customer_id,
            purpose=form.get("purpose", ""),
            is_granted=is_granted,
            act="staff",
            source=source,
            legal_basis="consent" if is_granted else "",
            evidence=f"{evidence} (noted by {user().email})".strip(),
            now=runtime().clock.now(),
        )
    flash("Noted." if is_granted else "Noted. What waits for this person is held back at sending.", "success")
    return redirect(url_for(".detail", customer_id=customer_id), 303)


@blueprint.post("/<int:customer_id>/erase")
def erase(customer_id: int) -> ResponseReturnValue:
    """Forget the person for good."""
    with runtime().transaction() as session:
        erase_customer(session, customer_id, runtime().pepper, now=runtime().clock.now(), by=user().email)
    flash("Erased. The address is kept out by a hash that only this installation can read.", "success")
    return redirect(url_for(".show"), 303)
