"""`liaison dkim`: make the keys that sign our letters, and show what to publish."""

import click

from campaigns.mail.dkim import Key, new_key, read_key
from webapp.cli import Settings


@click.group()
def command() -> None:
    """Keys that sign our letters (DKIM)."""


@command.command()
@click.argument("selector")
@click.option(
    "--ed25519", "is_ed25519", is_flag=True, help="A key of the shorter kind (RFC 8463), beside the RSA key."
)
@click.pass_obj
def new(settings: Settings, selector: str, is_ed25519: bool) -> None:
    """Make a key under SELECTOR, a name of your choice such as autumn2026."""
    config = settings.config
    folder = config.data.folder / "dkim"
    key = new_key(folder, domain=config.sender.domain, selector=selector, is_ed25519=is_ed25519)
    click.echo(f"The private key is kept in {folder / (selector + '.pem')}.")
    _tell(key)
    setting = "ed25519_selector" if is_ed25519 else "selector"
    click.echo(f'When the record can be found, set in config.toml: [dkim] {setting} = "{selector}"')


@command.command()
@click.argument("selector")
@click.pass_obj
def show(settings: Settings, selector: str) -> None:
    """Show the DNS record of the key SELECTOR."""
    config = settings.config
    _tell(read_key(config.data.folder / "dkim", domain=config.sender.domain, selector=selector))


def _tell(key: Key) -> None:
    name, text = key.record()
    click.echo(f"Publish this TXT record:\n  {name}\n  {text}")
