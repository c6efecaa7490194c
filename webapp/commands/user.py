"""`liaison user`: who may log in."""

import json
import sys

import click

from campaigns.errors import Invalid
from campaigns.staff import ROLES, User, add_user, change_password, get_user, list_users, set_active
from webapp.cli import Settings


@click.group()
def command() -> None:
    """Who may log in."""


@command.command()
@click.argument("email")
@click.option("--name", default="", help="The person's name; the address if left away.")
@click.option("--role", type=click.Choice(list(ROLES)), default="administrator", show_default=True)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.pass_obj
def add(settings: Settings, email: str, name: str, role: str, password_stdin: bool) -> None:
    """Make a user. The password is asked for, or read from standard input; never given as an argument."""
    password = _password(password_stdin)
    runtime = settings.runtime
    with runtime.transaction() as session:
        user = add_user(
            session, email=email, name=name, password=password, role=role, now=runtime.clock.now()
        )
        said = f"{user.email} may log in at {runtime.config.web.base_url}/login as {user.role}."
    click.echo(said)


@command.command("list")
@click.option("--json", "is_json", is_flag=True, help="For programs.")
@click.pass_obj
def show(settings: Settings, is_json: bool) -> None:
    """All users with their roles."""
    with settings.runtime.reading() as session:
        users = [_facts(user) for user in list_users(session)]
    if is_json:
        click.echo(json.dumps(users, ensure_ascii=False, indent=2))
        return
    for user in users:
        state = "" if user["is_active"] else "  (switched off)"
        click.echo(f"{user['email']:<40} {user['role']:<14} {user['name']}{state}")
    if not users:
        click.echo("Nobody yet: liaison user add you@example.org")


@command.command()
@click.argument("email")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.pass_obj
def password(settings: Settings, email: str, password_stdin: bool) -> None:
    """Give a user a new password; all browsers of this user are logged out."""
    with settings.runtime.reading() as session:
        get_user(session, email)  # an unknown address is said before the password is asked for
    word = _password(password_stdin)
    with settings.runtime.transaction() as session:
        change_password(session, get_user(session, email), word)
    click.echo(f"{email} has a new password; other logins have ended.")


@command.command()
@click.argument("email")
@click.pass_obj
def disable(settings: Settings, email: str) -> None:
    """Switch a user off: all logins end at once."""
    with settings.runtime.transaction() as session:
        set_active(session, get_user(session, email), False)
    click.echo(f"{email} can no longer log in.")


@command.command()
@click.argument("email")
@click.pass_obj
def enable(settings: Settings, email: str) -> None:
    """Let a user who was switched off log in again."""
    with settings.runtime.transaction() as session:
        set_active(session, get_user(session, email), True)
    click.echo(f"{email} may log in again.")


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise Invalid("There is no terminal to ask for the password: use --password-stdin.")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _facts(user: User) -> dict[str, object]:
    return {
        "email": user.email,
        "name": user.name,
        "role": user.role,
        "is_active": user.is_active,
        "created_at": user.created_at.isoformat(),
        "last_login_at": user.last_login_at.isoformat() if user.last_login_at else None,
    }
