"""Imports: upload a file, say what its columns are, see what it would do, then let it in."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from flask import flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from campaigns import customers
from campaigns.customers import Import, Options
from campaigns.db import page
from campaigns.errors import Invalid
from campaigns.suppression import suppressed_keys
from webapp.context import runtime, user
from webapp.security import admin_blueprint

blueprint = admin_blueprint("imports")

AT_ONCE = 2_000_000
"""Bytes of a file that is tried within the request; a larger one is tried by the clock, with its progress shown."""
DAY_ORDERS = (
    ("", "Not needed"),
    ("day_first", "Day first: 31/12/2025"),
    ("month_first", "Month first: 12/31/2025"),
)
DECIMAL_MARKS = ((".", "Point: 1,234.56"), (",", "Comma: 1 234,56"))
ROWS = (("line", "One line of an order"), ("order", "A whole order"))
FATES = {
    "new": ("New", "will be added", "were added"),
    "changed": ("Changed", "are known, and the file says more or otherwise", "were brought up to date"),
    "unchanged": ("Unchanged", "are known exactly so", "were known exactly so"),
    "suppressed": (
        "Left unwritten",
        "are suppressed or withdrew: kept up to date, never revived",
        "are suppressed or withdrew: kept up to date, not revived",
    ),
    "rejected": (
        "Rejected",
        "cannot be used; each with its reason",
        "could not be used; each with its reason",
    ),
}
"""What becomes of a line: its name, and what it means before and after."""


@dataclass(frozen=True)
class Form:
    """What the mapping page sent."""

    options: Options
    source: str
    legal_basis: str

    @classmethod
    def read(cls, form: Mapping[str, str], kept: Options) -> "Form":
        """Over the options that are kept: what is not on the page stays."""
        mapping = {
            position: form[f"column-{position}"]
            for position in range(len(kept.header))
            if form.get(f"column-{position}")
        }
        return cls(
            replace(
                kept,
                mapping=mapping,
                day_order=form.get("day_order", kept.day_order),
                decimal_mark="," if form.get("decimal_mark", kept.decimal_mark) == "," else ".",
                zone=form.get("zone") or kept.zone,
                currency=form.get("currency", kept.currency).strip().upper(),
                tags=tuple(form.get("tags", "").split(",")),
                may_track=form.get("may_track") == "yes",
                wording=form.get("wording", "").strip()[:100],
                row=form.get("row", kept.row),
            ),
            form.get("source", ""),
            form.get("legal_basis", ""),
        )


@blueprint.get("")
def show() -> ResponseReturnValue:
    """All imports, newest first."""
    with runtime().reading() as session:
        shown = page(session, customers.list_imports(), request.args.get("page", 1, type=int), size=25)
        return render_template(
            "imports/list.html", page=shown, kinds=runtime().import_kinds, share=customers.share_done
        )


@blueprint.get("/new")
def new() -> ResponseReturnValue:
    """Choose a file."""
    return render_template(
        "imports/new.html",
        kinds=[(kind.name, kind.label) for kind in runtime().import_kinds.values()],
        kind=request.args.get("kind", "customers"),
        megabytes=runtime().config.security.upload_megabytes,
    )


@blueprint.post("/new")
def create() -> ResponseReturnValue:
    """Keep the file and find out how it is written; nothing of it is imported yet."""
    house = runtime()
    kind = house.import_kinds.get(request.form.get("kind", ""))
    file = request.files.get("file")
    if kind is None or file is None or not file.filename:
        raise Invalid("Choose a file, and say what it holds.")
    kept = customers.receive(
        file.stream, house.config.data.folder, limit=house.config.security.upload_megabytes << 20
    )
    with house.transaction() as session:
        row = customers.open_upload(
            session,
            kind,
            kept,
            filename=file.filename,
            zone=house.config.shop.zone,
            currency=house.config.shop.currency,
            by=user().id,
            now=house.clock.now(),
        )
    return redirect(url_for(".detail", import_id=row.id), 303)


@blueprint.get("/<int:import_id>")
def detail(import_id: int) -> ResponseReturnValue:
    """Where this import stands: its mapping, what it would do, its progress, what it did."""
    return _page(import_id)


def _page(import_id: int, form: Form | None = None, faults: Mapping[str, str] = {}) -> str:
    with runtime().reading() as session:
        row = customers.get_import(session, import_id)
        kind = runtime().import_kinds[row.kind]
        preview = customers.preview(row) if row.status in ("uploaded", "checked") else None
        return render_template(
            "imports/detail.html",
            row=row,
            kind=kind,
            preview=preview,
            options=form.options if form else Options.stored(row.options),
            source=form.source if form else row.source,
            legal_basis=form.legal_basis if form else row.legal_basis,
            targets=kind.targets(session),
            bases=customers.LEGAL_BASES,
            encodings=customers.ENCODINGS,
            delimiters=customers.DELIMITERS,
            day_orders=DAY_ORDERS,
            decimal_marks=DECIMAL_MARKS,
            rows=ROWS,
            faults=faults,
            **_progress(row),
        )


def _progress(row: Import) -> dict[str, object]:
    return {
        "fates": FATES,
        "share": customers.share_done(row),
        "is_moving": row.status in ("checking", "running"),
    }


@blueprint.get("/<int:import_id>/progress")
def progress(import_id: int) -> ResponseReturnValue:
    """The part of the page that moves; when it has come to rest the whole page is asked for."""
    with runtime().reading() as session:
        row = customers.get_import(session, import_id)
        if row.status not in ("checking", "running"):
            return "", 204, {"HX-Refresh": "true"}
        return render_template("imports/progress.html", row=row, **_progress(row))


@blueprint.post("/<int:import_id>/again")
def again(import_id: int) -> ResponseReturnValue:
    """Read the file with another encoding or delimiter than was found."""
    form = request.form
    with runtime().reading() as session:
        folder = Path(customers.get_import(session, import_id).path)
    seen = customers.look_at(
        folder,
        encoding=form.get("encoding", ""),
        delimiter=form.get("delimiter", ""),
        has_header=form.get("has_header") == "yes",
    )
    with runtime().transaction() as session:
        row = customers.get_import(session, import_id)
        customers.read_again(session, row, runtime().import_kinds[row.kind], seen)
    return redirect(url_for(".detail", import_id=import_id), 303)


@blueprint.post("/<int:import_id>/check")
def check(import_id: int) -> ResponseReturnValue:
    """Keep the mapping and try the file dry."""
    house = runtime()
    with house.reading() as session:
        row = customers.get_import(session, import_id)
        form = Form.read(request.form, Options.stored(row.options))
        is_small = row.size <= AT_ONCE
    try:
        with house.transaction() as session:
            row = customers.get_import(session, import_id)
            kind = house.import_kinds[row.kind]
            customers.set_options(
                session, row, kind, form.options, source=form.source, legal_basis=form.legal_basis
            )
            customers.begin_check(session, row, now=house.clock.now() if is_small else None)
    except Invalid as error:
        return _page(import_id, form, error.faults), 400
    if is_small:
        customers.check_import(
            house.database, import_id, house.import_kinds, suppressed=suppressed_keys(), clock=house.clock
        )
    return redirect(url_for(".detail", import_id=import_id), 303)


@blueprint.post("/<int:import_id>/run")
def run(import_id: int) -> ResponseReturnValue:
    """Let it in; the clock does the work."""
    with runtime().transaction() as session:
        customers.begin_run(session, customers.get_import(session, import_id))
    return redirect(url_for(".detail", import_id=import_id), 303)


@blueprint.post("/<int:import_id>/stop")
def stop(import_id: int) -> ResponseReturnValue:
    """Read no further."""
    with runtime().transaction() as session:
        customers.stop_import(session, customers.get_import(session, import_id), now=runtime().clock.now())
    flash("Stopped. What was imported stays; the same file counts nothing twice.", "info")
    return redirect(url_for(".detail", import_id=import_id), 303)


@blueprint.get("/<int:import_id>/rejected.csv")
def rejected(import_id: int) -> ResponseReturnValue:
    """The refused lines with line number and reason; mended, they can be imported as they are."""
    with runtime().reading() as session:
        path = customers.rejected_file(customers.get_import(session, import_id))
    return send_file(
        path.resolve(), mimetype="text/csv", as_attachment=True, download_name=f"rejected-{import_id}.csv"
    )
