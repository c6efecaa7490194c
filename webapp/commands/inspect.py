"""`liaison inspect`: what Liaison makes of a returned mail or a user agent, without touching anything."""

import json
import sys
from pathlib import Path

import click

from campaigns.tracking import Returned, mails_in, read_agent, read_returned


@click.group()
def command() -> None:
    """Look at returned mails and user agents; nothing is changed."""


@command.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "is_json", is_flag=True, help="One mail a line.")
def bounce(paths: tuple[Path, ...], is_json: bool) -> None:
    """What each mail in FILE, DIR, MBOX or MAILDIR says: kind, recipients, cause, evidence."""
    for path in paths:
        for name, raw in mails_in(path):
            facts = {"file": name, **facts_of(read_returned(raw))}
            click.echo(json.dumps(facts, ensure_ascii=False) if is_json else _in_words(facts))


@command.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
@click.option("--json", "is_json", is_flag=True, help="One judgement a line.")
def agent(file: Path, is_json: bool) -> None:
    """Who each user agent in FILE is, one a line (- reads standard input): human, machine or proxied."""
    lines = sys.stdin.buffer if str(file) == "-" else file.open("rb")
    with lines:
        for raw in lines:
            text = raw.decode("utf-8", "replace").rstrip("\r\n")
            judged = read_agent(text)
            facts = {
                "user_agent": text,
                "judgement": judged.who,
                "open": judged.who,
                "click": judged.who_clicks,
                "reason": judged.reason,
            }
            click.echo(
                json.dumps(facts, ensure_ascii=False)
                if is_json
                else f"{judged.who:<8} {judged.reason:<16} {text}"
            )


def facts_of(returned: Returned) -> dict[str, object]:
    """A returned mail for programs."""
    return {
        "kind": returned.kind,
        "recipients": [
            {
                "address": recipient.address,
                "class": recipient.class_,
                "cause": recipient.cause,
                "status": recipient.status,
                "is_delayed": recipient.is_delayed,
                "rule": recipient.rule,
                "evidence": recipient.evidence,
            }
            for recipient in returned.recipients
        ],
        "rule": returned.rule,
        "message_ids": list(returned.message_ids),
    }


def _in_words(facts: dict[str, object]) -> str:
    lines = [f"{facts['file']}: {facts['kind']}"]
    for recipient in facts["recipients"]:  # type: ignore[attr-defined]
        lines.append(
            f"  {recipient['address'] or '(no address)'}  {recipient['class']}  {recipient['cause']}  {recipient['status']}"
        )
        lines += [f"    | {line}" for line in recipient["evidence"].splitlines()[:4]]
    return "\n".join(lines)
