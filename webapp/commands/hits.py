"""`liaison hits`: judge the whole history anew, or read the journals now."""

import json

import click

from campaigns.errors import Invalid
from campaigns.tracking import NEWEST, RULES, count_judgements, ingest, judge_history
from webapp.cli import Settings


@click.group()
def command() -> None:
    """Clicks and opens: judge, ingest."""


@command.command()
@click.option("--rules", type=int, default=NEWEST, show_default=True, help="The rule set to judge by.")
@click.option("--json", "is_json", is_flag=True, help="For programs.")
@click.pass_obj
def judge(settings: Settings, rules: int, is_json: bool) -> None:
    """Judge every hit ever kept by one rule set; the same rules give the same figures, always."""
    if rules not in RULES:
        raise Invalid(f"There is no rule set {rules}; there are {', '.join(map(str, RULES))}.")
    changed = judge_history(settings.runtime, version=rules)
    with settings.runtime.reading() as session:
        figures = count_judgements(session)
    if is_json:
        click.echo(json.dumps({"rules": rules, "changed": changed, "hits": figures}))
        return
    for kind, counts in figures.items():
        click.echo(
            f"{kind:<8} " + "  ".join(f"{count:>8,} {judgement}" for judgement, count in counts.items())
        )
    click.echo(f"{changed:,} judgements changed by rule set {rules}.")


@command.command("ingest")
@click.pass_obj
def ingest_(settings: Settings) -> None:
    """Read the hit journals into events once; the clock does so by itself while it runs."""
    click.echo(f"{ingest(settings.runtime):,} hits kept.")
