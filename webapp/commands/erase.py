"""`liaison erase`: forget one person for good."""

import json
from getpass import getuser

import click

from campaigns.customers import find_customer
from campaigns.privacy import erase_customer
from webapp.cli import Settings


@click.command()
@click.argument("who")
@click.option("--yes", "is_sure", is_flag=True, help="Do it; otherwise it is only said who would be erased.")
@click.option("--json", "is_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(settings: Settings, who: str, is_sure: bool, is_json: bool) -> None:
    """Erase WHO (an address, a number, or #id) everywhere; a keyed hash keeps the address out. Cannot be undone."""
    runtime = settings.runtime
    with runtime.transaction() as session:
        customer = find_customer(session, who)
        number = customer.id
        kept = None
        if is_sure:
            by = f"{getuser()} (command)"
            kept = erase_customer(session, number, runtime.pepper, now=runtime.clock.now(), by=by)
    if is_json:
        click.echo(json.dumps({"customer": number, "is_erased": is_sure, "messages_kept_without_name": kept}))
    elif is_sure:
        click.echo(f"Customer {number} is erased; {kept:,} mails stay counted without a name.")
    else:
        click.echo(f"Customer {number} would be erased; --yes does it, and nothing brings them back.")
