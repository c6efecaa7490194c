"""`liaison serve`: the pages, the clock and the senders under one parent; or one of them alone."""

import logging
import os
import signal
import socket
from collections.abc import Callable

import click

from campaigns.config import Config
from campaigns.db.migrate import current, head, upgrade
from campaigns.errors import ConfigError, LiaisonError
from campaigns.runtime import Runtime, assemble
from campaigns.tracking import ReturnsListener, forget_unused_inlets, note_inlet
from webapp.cli import Settings
from webapp.supervise import Child, Supervisor, python, stop_event, watch_parent

SEEN_SECONDS = 30
"""The listener for returned mail says so often that it is at work."""

PARTS = ("web", "clock", "sender", "inbox", "returns")


@click.command()
@click.option(
    "--only",
    type=click.Choice(PARTS),
    help="Run one part alone in this process, for a supervisor of your own or another machine.",
)
@click.pass_obj
def command(settings: Settings, only: str | None) -> None:
    """Serve the pages, run the clock and send, until Ctrl-C."""
    if only is None:
        start(settings)
        return
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s {only:7} %(message)s", datefmt="%H:%M:%S")
    {"web": _web, "clock": _clock, "sender": _sender, "inbox": _inbox, "returns": _returns}[only](settings)


def start(settings: Settings, *, is_ready: Callable[[], None] | None = None) -> None:
    """Run all parts of this configuration under a supervising parent, until it is told to stop."""
    config = settings.config
    prepare(settings.runtime)
    settings.runtime.database.dispose()  # the children open their own connections
    refuse_taken_ports(config)

    def said() -> None:
        click.echo(f"Liaison is at {config.web.base_url} (stop it with Ctrl-C).")

    supervisor = Supervisor(children(settings), lambda words: click.echo(words, err=True))
    supervisor.stop_on_signals()
    code = supervisor.run(is_up=lambda: answers(config.web.host, config.web.port), is_ready=is_ready or said)
    click.echo("Stopped." if code == 0 else "Stopped; not every part ended in time.", err=True)
    if code:
        raise SystemExit(code)


def children(settings: Settings) -> list[Child]:
    """The processes of this configuration; the inbox stops after those who write to it."""
    config = settings.config
    at = ("--config", str(settings.path)) if settings.path else ()

    def child(name: str, part: str, wave: int = 0) -> Child:
        return Child(name, python(*at, "serve", "--only", part), wave=wave)

    count = config.sending.processes or min(2, os.cpu_count() or 1)
    senders = [child(f"sender {n + 1}" if count > 1 else "sender", "sender") for n in range(count)]
    inbox = [child("inbox", "inbox", wave=1)] if config.inbox.is_on else []
    returns = [child("returns", "returns", wave=1)] if config.returns.is_on else []
    return [*inbox, *returns, child("web", "web"), child("clock", "clock"), *senders]


def prepare(runtime: Runtime) -> None:
    """Give an empty database its tables; refuse, in words, one of another version."""
    there = current(runtime.database)
    if there is None:
        upgrade(runtime.database)
    elif there != head():
        raise LiaisonError(
            f"The database is at version {there}, this Liaison needs {head()}: run `liaison migrate` first."
        )
    with runtime.transaction() as session:
        forget_unused_inlets(session, runtime.config)


def refuse_taken_ports(config: Config) -> None:
    """Raise ConfigError if a port we need is in use: said once, before anything starts."""
    needed = [("web.port", config.web.host, config.web.port)]
    if config.inbox.is_on:
        needed.append(("inbox.port", config.inbox.host, config.inbox.port))
    if config.returns.is_on:
        needed.append(("returns.port", config.returns.host, config.returns.port))
    faults = {
        path: f"{host}:{port} is in use by another program; stop it or choose another port."
        for path, host, port in needed
        if port and not is_free(host, port)
    }
    if faults:
        raise ConfigError(faults)


def is_free(host: str, port: int) -> bool:
    """Whether we could listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def answers(host: str, port: int) -> bool:
    """Whether somebody listens there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def _web(settings: Settings) -> None:
    from granian.constants import Interfaces
    from granian.server import Server

    config = settings.config
    if settings.path is not None:
        os.environ["LIAISON_CONFIG"] = str(settings.path)  # read by the factory, in granian's own process
    Server(
        f"{__name__}:application",
        factory=True,
        interface=Interfaces.WSGI,
        address=config.web.host,
        port=config.web.port,
        workers=1,
        blocking_threads=8,
        workers_kill_timeout=25,
        log_enabled=False,
    ).serve()


def application() -> object:
    """Made in granian's worker: leaves when the parent of all is gone, or granian itself."""
    from webapp.wsgi import create

    watch_parent(lambda: os.kill(os.getpid(), signal.SIGTERM))
    return create()


def _clock(settings: Settings) -> None:
    from scheduler.engines.embedded import run_clock
    from scheduler.timetable import timetable

    stop = stop_event()
    run_clock(settings.runtime, timetable(settings.config), stop)


def _sender(settings: Settings) -> None:
    from campaigns.db import connect
    from campaigns.messages import run_sender

    config = settings.config
    small = connect(config.database.url, cache_megabytes=4)
    run_sender(assemble(config, database=small), stop_event())


def _inbox(settings: Settings) -> None:
    from campaigns.mail.inbox import Inbox

    logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd tells every command
    config, stop = settings.config, stop_event()
    inbox = Inbox(config.data.folder / "inbox", config.inbox.host, config.inbox.port)
    inbox.start()
    stop.wait()
    inbox.stop()


def _returns(settings: Settings) -> None:
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    runtime, stop = settings.runtime, stop_event()
    listener = ReturnsListener(runtime)
    listener.start()
    try:
        while not stop.is_set():
            with runtime.transaction() as session:
                note_inlet(session, "listener", now=runtime.clock.now())
            stop.wait(SEEN_SECONDS)
    finally:
        listener.stop()
