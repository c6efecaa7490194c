"""The command `liaison`: the joint, the only file that knows campaigns, scheduler and webapp at once."""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click

from campaigns.config import Config, load
from campaigns.errors import Invalid, LiaisonError
from campaigns.runtime import Runtime, assemble

COMMANDS = (
    "bounces",
    "check",
    "demo",
    "dkim",
    "erase",
    "export",
    "hits",
    "import_files",
    "inspect",
    "letters",
    "migrate",
    "newsletter",
    "scores",
    "seed",
    "segment",
    "serve",
    "suppressions",
    "user",
)
"""Modules of `webapp/commands/`; each has one click command or group called `command`."""


class Liaison(click.Group):
    """Loads a command's module only when it is asked for, so that `liaison --help` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        here = Path(__file__).parent / "commands"
        return sorted(self._spoken(name) for name in COMMANDS if (here / f"{name}.py").exists())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = import_module(f"webapp.commands.{'import_files' if cmd_name == 'import' else cmd_name}")
        return module.command  # type: ignore[no-any-return]

    @staticmethod
    def _spoken(name: str) -> str:
        return "import" if name == "import_files" else name


class Settings:
    """What the commands get as `ctx.obj`: the configuration, and a runtime when one is needed."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._runtime: Runtime | None = None

    @property
    def config(self) -> Config:
        return load(self.path)

    @property
    def runtime(self) -> Runtime:
        if self._runtime is None:
            self._runtime = assemble(self.config)
        return self._runtime


@click.group(cls=Liaison, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=None,
    envvar="LIAISON_CONFIG",
    help="The settings file; config.toml in this folder if there is one.",
)
@click.pass_context
def cli(ctx: click.Context, path: Path | None) -> None:
    """Liaison: relationship marketing by e-mail."""
    here = Path("config.toml")
    ctx.obj = Settings(path or (here if here.exists() else None))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; an error raised on purpose is one plain sentence and exit code 1, never a traceback."""
    try:
        cli.main(
            args=list(arguments) if arguments is not None else None,
            prog_name="liaison",
            standalone_mode=False,
        )
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Abort:
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except LiaisonError as error:
        click.echo(str(error), err=True)
        if isinstance(error, Invalid):
            for what, sentence in error.faults.items():
                click.echo(f"  {what}: {sentence}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
