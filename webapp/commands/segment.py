"""`liaison segment`: list segments, count them, list members, tell why somebody is in, save one from a file."""

import json
from typing import Any

import click

from campaigns import reports, segments
from campaigns.customers import find_customer
from campaigns.errors import Invalid
from webapp.cli import Settings

MOST_BYTES = 100_000
"""A rule is never as long as this."""

rule_option = click.option(
    "--rule",
    "rule_file",
    type=click.File("r", encoding="utf-8"),
    help="A rule as JSON instead of a saved segment; - reads it from the input.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="For programs.")
which = click.argument("segment", required=False)


@click.group()
def command() -> None:
    """Segments: list, show, count, members, explain, overlap, fields, save."""


def _rule(session: Any, segment: str | None, rule_file: Any) -> tuple[str, Any]:
    """The name and the rule that were asked for."""
    if (segment is None) == (rule_file is None):
        raise click.UsageError("Name a segment, or give a rule with --rule.")
    if rule_file is None:
        found = segments.find_segment(session, segment or "")
        return found.name, found.rule
    text = rule_file.read(MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise Invalid("The rule is too long.")
    try:
        return "the rule", json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"The rule is not valid JSON: {error}.") from error


def _when(settings: Settings) -> dict[str, Any]:
    runtime = settings.runtime
    return {"now": runtime.clock.now(), "zone": runtime.config.zone}


def _print(found: Any) -> None:
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))


@command.command("list")
@json_option
@click.option("--archived", is_flag=True, help="Those that were put away.")
@click.pass_obj
def list_(settings: Settings, as_json: bool, archived: bool) -> None:
    """All segments with their size when they were last counted."""
    runtime = settings.runtime
    with runtime.reading() as session:
        uses = reports.uses_of_segments(session)
        found = [
            {
                "id": each.id,
                "name": each.name,
                "description": each.description,
                "rule": each.rule,
                "in_words": segments.summary(session, each.rule, runtime.fields),
                "count": each.last_count,
                "counted_at": each.counted_at.isoformat() if each.counted_at else None,
                "newsletters": [use.newsletter_id for use in uses.get(each.id, [])],
            }
            for each in segments.list_segments(session, archived=archived)
        ]
    if as_json:
        _print(found)
        return
    for row in found:
        number = "–" if row["count"] is None else f"{row['count']:,}"
        click.echo(f"{row['id']:>5}  {number:>10}  {row['name']}")
    if not found:
        click.echo("No segment yet; `liaison seed` makes some.")


@command.command()
@which
@rule_option
@click.pass_obj
def show(settings: Settings, segment: str | None, rule_file: Any) -> None:
    """The rule of a segment: in words, and as JSON."""
    with settings.runtime.reading() as session:
        _, rule = _rule(session, segment, rule_file)
        segments.validate(session, rule, settings.runtime.fields)
        click.echo(segments.summary(session, rule, settings.runtime.fields))
    _print(rule)


@command.command()
@which
@rule_option
@json_option
@click.pass_obj
def count(settings: Settings, segment: str | None, rule_file: Any, as_json: bool) -> None:
    """How many customers are in it now, and how many meet each condition alone."""
    with settings.runtime.reading() as session:
        name, rule = _rule(session, segment, rule_file)
        found = segments.counts(session, rule, settings.runtime.fields, **_when(settings))
    if as_json:
        _print({"count": found.total, "everybody": found.everybody, "conditions": found.conditions})
        return
    click.echo(f"{found.total:,} of {found.everybody:,} customers are in {name}.")
    for path, number in found.conditions.items():
        click.echo(f"{number:>12,}  {path}")


@command.command()
@which
@rule_option
@click.option("--limit", type=click.IntRange(1), help="Stop after so many.")
@json_option
@click.pass_obj
def members(
    settings: Settings, segment: str | None, rule_file: Any, limit: int | None, as_json: bool
) -> None:
    """Who is in it now, one a line (id, number, address), by id."""
    with settings.runtime.reading() as session:
        _, rule = _rule(session, segment, rule_file)
        chosen = segments.listed(session, rule, settings.runtime.fields, **_when(settings))
        if limit is not None:
            chosen = chosen.limit(limit)
        before = "["
        for customer in session.scalars(chosen.execution_options(yield_per=1000)):
            if as_json:
                row = {"id": customer.id, "number": customer.number, "email": customer.email}
                click.echo(before + json.dumps(row, ensure_ascii=False))
                before = ","
            else:
                click.echo(f"{customer.id}\t{customer.number or ''}\t{customer.email}")
    if as_json:
        click.echo("[]" if before == "[" else "]")


@command.command()
@click.argument("segment", required=False)
@click.option("--customer", required=True, help="Address, customer number, or id as #12.")
@rule_option
@json_option
@click.pass_obj
def explain(settings: Settings, segment: str | None, customer: str, rule_file: Any, as_json: bool) -> None:
    """Why a customer is in it or not, rule by rule with the customer's values."""
    with settings.runtime.reading() as session:
        name, rule = _rule(session, segment, rule_file)
        person = find_customer(session, customer)
        told = segments.explain(session, rule, person.id, settings.runtime.fields, **_when(settings))
    if as_json:
        _print(
            {
                "customer": person.id,
                "email": person.email,
                "is_in": told.is_in,
                "reason": _reason(told.reason),
            }
        )
        return
    click.echo(f"{person.email} is {'in' if told.is_in else 'not in'} {name}.")
    _tell(told.reason, 0)


def _reason(reason: segments.Reason) -> dict[str, Any]:
    made: dict[str, Any] = {"path": reason.path, "holds": reason.holds, "sentence": reason.sentence}
    if reason.parts:
        return made | {"parts": [_reason(part) for part in reason.parts]}
    return made | {"value": reason.value}


def _tell(reason: segments.Reason, depth: int) -> None:
    mark, value = "✓" if reason.holds else "✗", f": {reason.value}" if reason.value else ""
    click.echo(f"{'  ' * depth}{mark} {reason.sentence}{value}")
    for part in reason.parts:
        _tell(part, depth + 1)


@command.command()
@click.argument("first")
@click.argument("second")
@json_option
@click.pass_obj
def overlap(settings: Settings, first: str, second: str, as_json: bool) -> None:
    """How many are in both of two segments, and in one only."""
    with settings.runtime.reading() as session:
        one, other = (segments.find_segment(session, each) for each in (first, second))
        found = segments.overlap(session, one.rule, other.rule, settings.runtime.fields, **_when(settings))
    if as_json:
        _print({"both": found.both, "first_only": found.first_only, "second_only": found.second_only})
        return
    click.echo(f"{found.both:>12,}  in both")
    click.echo(f"{found.first_only:>12,}  in {one.name} only")
    click.echo(f"{found.second_only:>12,}  in {other.name} only")


@command.command()
@json_option
@click.pass_obj
def fields(settings: Settings, as_json: bool) -> None:
    """Everything that a rule may ask."""
    with settings.runtime.reading() as session:
        catalogue = settings.runtime.fields.catalogue(session)
    found = [
        {
            "name": each.name,
            "label": each.label,
            "heading": each.heading,
            "kind": each.kind,
            "operators": [operator.name for operator in segments.operators(each)],
            "filters": [filter_.name for filter_ in each.filters],
            "may_be_unknown": each.may_be_unknown,
            "note": each.note,
        }
        for each in catalogue.values()
    ]
    if as_json:
        _print(found)
        return
    for row in found:
        click.echo(f"{row['name']:<28} {row['kind']:<12} {row['heading']}: {row['label']}")


@command.command()
@click.argument("name")
@click.option("--description", default="")
@click.option(
    "--rule", "rule_file", type=click.File("r", encoding="utf-8"), required=True, help="A rule as JSON."
)
@click.pass_obj
def save(settings: Settings, name: str, description: str, rule_file: Any) -> None:
    """Keep a rule under a new name, or put it in the place of the one that has this name."""
    with settings.runtime.transaction() as session:
        _, rule = _rule(session, None, rule_file)
        known = next((each for each in segments.list_segments(session) if each.name == name), None)
        saved = segments.save_segment(
            session,
            known.id if known else None,
            name=name,
            description=description or (known.description if known else ""),
            rule=rule,
            fields=settings.runtime.fields,
            **_when(settings),
        )
        click.echo(f"{saved.name}: {saved.last_count:,} customers.")
