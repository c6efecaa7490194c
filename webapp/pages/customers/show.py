"""The list with its search, one customer's page with the timeline, and the list as a file."""

from collections.abc import Iterator

from flask import Response, render_template, request, stream_with_context
from flask.typing import ResponseReturnValue

from campaigns import customers, purchases, reports, scoring, segments, signals, staff, suppression
from campaigns.db import page
from webapp.context import runtime
from webapp.pages.customers.blueprint import blueprint

CONSENTS = {
    "mail": "May be written to",
    "no_mail": "May not be written to",
    "tracking": "May be measured",
}
ORDERS_SHOWN = 10


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Everybody, or those whom search and filters leave."""
    text, tag = request.args.get("text", "").strip()[:200], request.args.get("tag", "")
    consent = request.args.get("consent", "")
    consent = consent if consent in CONSENTS else ""
    with runtime().reading() as session:
        found = customers.search(text, tag=tag, consent=consent)
        shown = page(session, found, request.args.get("page", 1, type=int), size=25)
        keys = [customer.address_key for customer in shown.rows]
        return render_template(
            "customers/list.html",
            page=shown,
            text=text,
            tag=tag,
            consent=consent,
            consents=CONSENTS,
            all_tags=customers.tags(session),
            tags=customers.tags_of(session, [customer.id for customer in shown.rows]),
            scores={c.id: scoring.score_of(session, c.id) for c in shown.rows},
            classes=scoring.CLASS_BY_NAME,
            silenced={key: suppression.causes_in_force(session, key) for key in keys},
            causes=suppression.CAUSES,
            is_filtered=bool(text or tag or consent),
        )


@blueprint.get("/<int:customer_id>")
def detail(customer_id: int) -> ResponseReturnValue:
    """One customer: who they are, what they agreed to, what they bought, what it means, what happened."""
    house = runtime()
    kind = request.args.get("kind", "")
    kinds = frozenset([kind]) if kind in reports.KINDS else frozenset()
    with house.reading() as session:
        customer = customers.get_customer(session, customer_id)
        orders = page(session, purchases.of_customer(customer_id), 1, size=ORDERS_SHOWN)
        return render_template(
            "customers/detail.html",
            customer=customer,
            birthday=customers.birthday_words(customer),
            attributes=customers.attributes(session),
            tags=customers.tags_of(session, [customer_id])[customer_id],
            all_tags=[tag for tag, _ in customers.tags(session)],
            consents=customers.consents(session, customer_id),
            purposes=customers.PURPOSES,
            bases=customers.LEGAL_BASES,
            orders=orders,
            lines=purchases.lines_of(session, [order.id for order in orders.rows]),
            order_words=purchases.STATUSES,
            card=scoring.card(session, customer_id, config=house.config),
            behaviours=scoring.BEHAVIOURS,
            attitudes=scoring.ATTITUDES,
            endings=scoring.ENDING_LABELS,
            risks=scoring.RISK_LABELS,
            phases=scoring.PHASE_WORDS,
            classes=scoring.CLASS_BY_NAME,
            reasons=scoring.REASONS,
            owners={each.id: each.name or each.email for each in staff.list_users(session)},
            sentences=scoring.explain(session, customer_id, now=house.clock.now(), config=house.config),
            register=page(session, suppression.of_address(customer.address_key)).rows,
            causes=suppression.CAUSES,
            complaints=signals.open_complaints_of(session, customer_id),
            timeline=reports.timeline(
                session, customer_id, number=request.args.get("page", 1, type=int), size=25, kinds=kinds
            ),
            kind=kind,
            kinds=reports.KINDS,
            faults={},
        )


@blueprint.get("/export.csv")
def export() -> ResponseReturnValue:
    """All customers, or the members of `?segment=`, with the columns chosen, as a file."""
    house = runtime()
    columns = request.args.getlist("column")
    segment_id = request.args.get("segment", type=int)
    with house.reading() as session:
        customers.export_rows(session, columns)  # a wrong name is refused before the answer begins

    def pieces() -> Iterator[bytes]:
        with house.reading() as session:
            chosen = None
            if segment_id is not None:
                rule = segments.get_segment(session, segment_id).rule
                chosen = segments.members(
                    session, rule, house.fields, now=house.clock.now(), zone=house.config.zone
                )
            yield from customers.export_csv(customers.export_rows(session, columns, chosen=chosen))

    return Response(
        stream_with_context(pieces()),
        mimetype="text/csv",
        headers={"Content-Disposition": 'attachment; filename="customers.csv"'},
    )


@blueprint.get("/export")
def choose_export() -> ResponseReturnValue:
    """Which customers, which columns."""
    with runtime().reading() as session:
        return render_template(
            "customers/export.html",
            columns=customers.export_columns(session),
            segments=[(segment.id, segment.name) for segment in segments.list_segments(session)],
            total=customers.count_customers(session),
        )
