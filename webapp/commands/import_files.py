"""`liaison import`: bring in a file of customers, purchases or signals, or only tell what it would do."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from campaigns import customers
from campaigns.customers import FATES, Import, Options
from campaigns.errors import Invalid
from campaigns.suppression import suppressed_keys
from webapp.cli import Settings

LONGEST_MAPPING = 100_000


@click.command()
@click.argument("kind", type=click.Choice(["customers", "purchases", "signals"]))
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--mapping",
    default="",
    help='Which column is what: JSON {"E-mail": "email", …}, or a file that holds it.',
)
@click.option("--source", default="", help="Where the data comes from; kept with every consent.")
@click.option(
    "--legal-basis", type=click.Choice(sorted(customers.LEGAL_BASES)), help="On what ground it may be used."
)
@click.option("--dry-run", is_flag=True, help="Only tell what the file would do.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--encoding", default="", help="If it is not found rightly: utf-8, cp1252, utf-16.")
@click.option("--delimiter", default="", help="If it is not found rightly; \\t for a tab.")
@click.option(
    "--header/--no-header", "has_header", default=None, help="Whether the first line names the columns."
)
@click.option(
    "--dates", type=click.Choice(["day-first", "month-first"]), help="How 03/04/2025 is to be read."
)
@click.option("--decimal", type=click.Choice([".", ","]), help="The decimal mark.")
@click.option("--currency", default="", help="Of purchases, where no column says it.")
@click.option("--zone", default="", help="Time zone of the times in the file; the shop's if not told.")
@click.option("--row", type=click.Choice(["line", "order"]), help="What a row of purchases is.")
@click.option("--tag", "tags", multiple=True, help="A tag for all customers of the file; may be repeated.")
@click.option("--tracking", is_flag=True, help="They also agreed that opens and clicks are noted.")
@click.option("--wording", default="", help="Version of the text they agreed to.")
@click.pass_obj
def command(settings: Settings, kind: str, file: Path, **told: Any) -> None:
    """Import FILE (CSV, plain or .gz) of customers, purchases or signals (complaints, baskets, …).

    It is tried dry first; with --dry-run that is all. Interrupted, it is continued by the clock, or by importing
    the same file again: nothing counts twice.
    """
    house = settings.runtime
    number = _open(settings, kind, file, told)
    ways = {"suppressed": suppressed_keys(), "clock": house.clock}
    checked = customers.check_import(house.database, number, house.import_kinds, **ways)
    if told["dry_run"]:
        _tell(checked, checked.checked, is_dry=True, as_json=told["as_json"])
        with house.transaction() as session:
            found = customers.get_import(session, number)
            if found.status == "checked":
                customers.stop_import(session, found, now=house.clock.now())
    else:
        with house.transaction() as session:
            customers.begin_run(session, customers.get_import(session, number), now=house.clock.now())
        show = None if told["as_json"] or not sys.stderr.isatty() else _show_progress
        done = customers.run_import(house.database, number, house.import_kinds, on_progress=show, **ways)
        checked = done
        _tell(done, done.counts, is_dry=False, as_json=told["as_json"])
    if checked.status == "failed":
        raise Invalid(checked.error)


def _open(settings: Settings, kind_name: str, file: Path, told: dict[str, Any]) -> int:
    house = settings.runtime
    kind = house.import_kinds[kind_name]
    if not told["source"]:
        raise click.UsageError("Say with --source where the data comes from.")
    if told["legal_basis"] is None:
        if kind_name == "customers":
            raise click.UsageError("Say with --legal-basis on what ground these people's data may be used.")
        told["legal_basis"] = "contract"
    delimiter = "\t" if told["delimiter"] in ("\\t", "tab") else told["delimiter"]
    try:
        with file.open("rb") as stream:
            kept = customers.receive(
                stream,
                house.config.data.folder,
                encoding=told["encoding"],
                delimiter=delimiter,
                has_header=told["has_header"],
            )
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}.") from error
    with house.transaction() as session:
        row = customers.open_upload(
            session,
            kind,
            kept,
            filename=file.name,
            zone=told["zone"] or house.config.shop.zone,
            currency=told["currency"].upper() or house.config.shop.currency,
            now=house.clock.now(),
        )
        options = _options(Options.stored(row.options), told, customers.preview(row).day_order_is_open)
        customers.set_options(
            session, row, kind, options, source=told["source"], legal_basis=told["legal_basis"]
        )
        number = row.id
        customers.begin_check(session, row, now=house.clock.now())
        return number


def _options(guessed: Options, told: dict[str, Any], is_open: bool) -> Options:
    if is_open and not told["dates"] and not told["mapping"]:
        raise Invalid(
            "Dates like 03/04/2025 can be read two ways: say --dates day-first or --dates month-first."
        )
    return replace(
        guessed,
        mapping=_mapping(told["mapping"], guessed) if told["mapping"] else guessed.mapping,
        day_order=told["dates"].replace("-", "_") if told["dates"] else guessed.day_order,
        decimal_mark=told["decimal"] or guessed.decimal_mark,
        row=told["row"] or guessed.row,
        tags=told["tags"],
        may_track=told["tracking"],
        wording=told["wording"],
    )


def _mapping(text: str, guessed: Options) -> dict[int, str]:
    """`{"heading": "target"}` as `{position: target}`; a heading that is not there is a fault."""
    if not text.lstrip().startswith("{"):
        try:
            with Path(text).open(encoding="utf-8") as file:
                text = file.read(LONGEST_MAPPING)
        except (OSError, UnicodeDecodeError) as error:
            raise Invalid(f"The mapping {text[:80]} cannot be read.") from error
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"The mapping is not valid JSON: {error}.") from error
    if not isinstance(told, dict) or not all(isinstance(target, str) for target in told.values()):
        raise Invalid('The mapping is JSON like {"E-mail": "email"}: heading and what it is.')
    missing = [heading for heading in told if heading not in guessed.header]
    if missing:
        raise Invalid(f"The file has no column “{missing[0]}”; it has {', '.join(guessed.header)}.")
    return {guessed.header.index(heading): target for heading, target in told.items() if target}


def _show_progress(row: Import) -> None:
    click.echo(f"\r{row.lines:,} lines, {customers.share_done(row):.0%}", nl=False, err=True)


def _tell(row: Import, counts: dict[str, Any], *, is_dry: bool, as_json: bool) -> None:
    path = ""
    if counts.get("rejected"):
        path = str(customers.rejected_file(row))
    figures = {fate: counts.get(fate, 0) for fate in FATES}
    if as_json:
        told = {"import": row.id, "status": row.status, "is_dry": is_dry, "lines": row.lines, **figures}
        told |= {"examples": counts.get("examples", {}), "rejected_file": path, "error": row.error}
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    verb = "would be" if is_dry else "were"
    click.echo(f"\r{row.lines:,} lines read. As customers or orders they {verb}:")
    for fate, count in figures.items():
        click.echo(f"  {count:>10,}  {fate}")
    for example in counts.get("examples", {}).get("rejected", []):
        click.echo(f"  line {example['line']}: {example['what']}")
    if path:
        click.echo(f"Rejected lines with their reasons: {path}")
