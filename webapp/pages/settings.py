"""How Liaison is set up: every setting with its value, to be read only; it is changed in config.toml."""

from flask import render_template
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from campaigns.config import Config
from webapp.context import runtime
from webapp.security import admin_blueprint

blueprint = admin_blueprint("settings")

TITLES = {
    "shop": "Shop",
    "sender": "Sender",
    "database": "Database",
    "data": "Files",
    "web": "Web pages",
    "smtp": "Mail server",
    "inbox": "Built-in inbox",
    "sending": "Sending",
    "pacing": "Paces",
    "tracking": "Opens and clicks",
    "scores": "Scores",
    "stale": "Silent customers",
    "security": "Security",
}


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Section by section; what differs from the default is marked."""
    return render_template("settings/show.html", sections=sections(runtime().config))


def sections(config: Config) -> list[tuple[str, str, list[tuple[str, str, bool]]]]:
    """(name, title, [(key, value in words, is it the default)]) of each section; no secret is in it."""
    return [
        (name, TITLES.get(name, name.title()), _rows(name, getattr(config, name)))
        for name in type(config).model_fields
    ]


def _rows(section: str, values: BaseModel) -> list[tuple[str, str, bool]]:
    fields = type(values).model_fields
    rows = []
    for key, field in fields.items():
        value = getattr(values, key)
        rows.append((key, _words(section, key, value), value == field.default))
    return rows


def _words(section: str, key: str, value: object) -> str:
    if (section, key) == ("database", "url"):
        return _without_password(str(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "–"
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_one_line(each)}" for name, each in value.items()) or "–"
    text = str(value)  # a pydantic SecretStr writes itself as stars
    return text if text else "–"


def _one_line(value: object) -> str:
    """A small section of its own: what is set in it."""
    if not isinstance(value, BaseModel):
        return str(value)
    told = {key: each for key, each in value if each}
    return ", ".join(
        f"{key.replace('_', ' ')} {' '.join(map(str, each)) if isinstance(each, list) else each}"
        for key, each in told.items()
    )


def _without_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if "@" not in rest:
        return url
    who, _, where = rest.rpartition("@")
    return f"{scheme}{separator}{who.partition(':')[0]}{':***' if ':' in who else ''}@{where}"
