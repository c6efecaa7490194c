"""`liaison demo`: a demonstration shop of its own, with an inbox that receives what it sends."""

import secrets
import shutil
import socket
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import click

from campaigns import demonstration
from campaigns.customers import count_customers
from campaigns.errors import Invalid
from campaigns.runtime import Runtime
from campaigns.staff import add_user, count_users
from webapp.cli import Settings
from webapp.commands.serve import is_free, prepare, start

FOLDER = Path("data") / "demo"
EMAIL = "admin@shop.example"
WEB_PORT, MAIL_PORT = 8025, 2525

CONFIG = """\
# Written by `liaison demo`; use it with the other commands: liaison --config {folder}/config.toml newsletter list

[shop]
name = "{shop}"
address = "12 rue des Exemples, 75011 Paris"
site = "https://shop.example"

[sender]
name = "{shop}"
email = "hello@shop.example"

[database]
url = "sqlite:///{folder}/liaison.db"

[data]
folder = "{folder}"

[web]
port = {web}
base_url = "http://127.0.0.1:{web}"

[smtp]
port = {mail}

[inbox]
is_on = true
port = {mail}
"""


@click.command()
@click.option(
    "--purchases",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Real orders instead of invented ones: a CSV file.",
)
@click.option("--fresh", is_flag=True, help="Throw the last demonstration away and begin anew.")
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER, show_default=True)
@click.option("--prepare-only", is_flag=True, help="Make everything, start nothing.")
def command(purchases: Path | None, fresh: bool, folder: Path, prepare_only: bool) -> None:
    """Start a demonstration shop: pages, clock, sender and an inbox, with data to try things on."""
    if fresh:
        _throw_away(folder)
    settings = Settings(_config(folder))
    runtime = settings.runtime
    prepare(runtime)
    _fill(runtime, purchases)
    password = _login(runtime, folder)
    if prepare_only:
        runtime.database.dispose()
        return
    start(settings, is_ready=lambda: _welcome(settings, password))


def _config(folder: Path) -> Path:
    """The settings of the demonstration; other ports than the last time only where these are taken."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.toml"
    web, mail = WEB_PORT, MAIL_PORT
    if path.exists():
        last = tomllib.loads(path.read_text(encoding="utf-8"))
        web, mail = last["web"]["port"], last["inbox"]["port"]
    web, mail = _free_port(web), _free_port(mail)
    text = CONFIG.format(folder=folder.as_posix(), shop=demonstration.SHOP_NAME, web=web, mail=mail)
    path.write_text(text, encoding="utf-8")
    return path


def _free_port(wanted: int) -> int:
    if is_free("127.0.0.1", wanted):
        return wanted
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    click.echo(f"Port {wanted} is in use; taking {port} instead.")
    return port


def _throw_away(folder: Path) -> None:
    if not folder.exists():
        return
    is_ours = (folder / "config.toml").exists() and "liaison demo" in (folder / "config.toml").read_text()
    if not is_ours:
        raise Invalid(f"{folder} was not made by `liaison demo`; it is left as it is.")
    shutil.rmtree(folder)


def _fill(runtime: Runtime, purchases: Path | None) -> None:
    with runtime.reading() as session:
        there = count_customers(session)
    if there:
        if purchases is not None:
            raise Invalid("There is a demonstration already; add --fresh to make one of this file.")
        return
    began = time.monotonic()
    say = _progress()
    if purchases is None:
        demonstration.build(runtime, now=runtime.clock.now(), progress=say)
    else:
        demonstration.load_purchases_file(runtime, purchases, now=runtime.clock.now(), progress=say)
    click.echo(f"The shop is ready after {time.monotonic() - began:.0f} s.")


def _progress() -> Callable[[str], None]:
    def say(words: str) -> None:
        click.echo(f"  {words} …")

    return say


def _login(runtime: Runtime, folder: Path) -> str:
    """The password of the demonstration's user: made once, kept beside its data."""
    path = folder / "password.txt"
    with runtime.reading() as session:
        is_new = count_users(session) == 0
    if not is_new:
        return path.read_text(encoding="ascii").strip() if path.exists() else "(yours)"
    password = f"demo-{secrets.token_hex(5)}"
    with runtime.transaction() as session:
        add_user(
            session,
            email=EMAIL,
            name="Camille Demo",
            password=password,
            role="administrator",
            now=runtime.clock.now(),
        )
    path.touch(mode=0o600)
    path.write_text(password + "\n", encoding="ascii")
    return password


def _welcome(settings: Settings, password: str) -> None:
    address = settings.config.web.base_url
    click.echo(
        f"""
  {demonstration.SHOP_NAME} is open at  {address}
  Log in as      {EMAIL}
  with           {password}

  What to try
    1. Segments: who bought twice and has been quiet since? Save that as a segment.
    2. Newsletters: send one to it now, and watch it leave.
    3. Inbox: read it as a customer does, click a link in it, unsubscribe from another.
    4. Customers: see the click, the score and the consent on the customer's page.
    5. Letters: whose birthday comes next?

  All of it lies in {settings.config.data.folder}; nothing leaves this machine. Ctrl-C stops it."""
    )
