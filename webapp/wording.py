"""How figures, money and moments are written on pages, and what the menu holds."""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from hashlib import sha256
from pathlib import Path

from flask import Flask, Response, current_app, g, request, url_for
from markupsafe import Markup

from campaigns.messages import gap_open, halted
from campaigns.purchases import digits as decimals
from campaigns.staff import may
from webapp.context import runtime

STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True)
class Entry:
    """One line of the menu: the page's name, what it is called, its icon of Bootstrap Icons."""

    page: str
    label: str
    icon: str


MENU = (
    ("", (Entry("today", "Today", "sun"),)),
    (
        "People",
        (
            Entry("customers", "Customers", "people"),
            Entry("segments", "Segments", "funnel"),
            Entry("scores", "Scores", "bar-chart-steps"),
            Entry("accounts", "Key accounts", "gem"),
            Entry("suppressions", "Suppressions", "slash-circle"),
            Entry("imports", "Imports", "box-arrow-in-down"),
        ),
    ),
    (
        "Writing",
        (
            Entry("templates", "Templates", "file-earmark-richtext"),
            Entry("newsletters", "Newsletters", "megaphone"),
            Entry("letters", "Letters", "envelope-paper-heart"),
            Entry("journeys", "Journeys", "signpost-split"),
            Entry("simulations", "Simulations", "fast-forward"),
            Entry("tasks", "Tasks", "person-check"),
            Entry("programmes", "Programmes", "collection"),
        ),
    ),
    (
        "Results",
        (
            Entry("reports", "Reports", "graph-up"),
            Entry("messages", "Sending", "send"),
            Entry("deliverability", "Deliverability", "mailbox-flag"),
            Entry("inbox", "Inbox", "inbox"),
        ),
    ),
    ("House", (Entry("settings", "Settings", "sliders"), Entry("staff", "Staff", "person-badge"))),
)
"""The menu: groups of pages. One that is not built, or not this person's to read, is left out."""


def register(app: Flask) -> None:
    """Give the words to all templates."""
    app.jinja_env.filters.update(
        number=number,
        percent=percent,
        money=money,
        moment=moment,
        ago=ago,
        day=day,
        plural=plural,
        plain_json=plain_json,
        browser=browser,
    )
    app.after_request(_keep_assets)
    app.jinja_env.globals.update(
        asset=asset,
        menu=menu,
        here=here,
        may_write=may_write,
        shop_name=shop_name,
        page_url=page_url,
        standing=standing,
    )


def number(value: float | Decimal | None, digits: int = 0) -> str:
    """12345.6 → "12,346"; nothing → "–"."""
    return "–" if value is None else f"{value:,.{digits}f}"


def percent(part: float | None, whole: float | None = 1, digits: int = 1) -> str:
    """A share as "12.3 %"; "–" when there is no whole to have a part of."""
    if part is None or not whole:
        return "–"
    return f"{100 * part / whole:.{digits}f} %"


def money(minor: int | None, currency: str | None = None, digits: int | None = None) -> str:
    """Minor units as an amount: 123456 → "1,234.56 EUR", 1990 JPY → "1,990 JPY"; `digits` may show fewer."""
    if minor is None:
        return "–"
    code = currency or runtime().config.shop.currency
    places = decimals(code)
    return f"{minor / 10**places:,.{places if digits is None else min(digits, places)}f} {code}"


def moment(at: datetime | None, form: str = "%-d %b %Y, %H:%M") -> Markup | str:
    """An instant in the team's zone, as a `<time>` element that carries the exact one."""
    if at is None:
        return "–"
    local = at.astimezone(runtime().config.zone)
    exact = local.strftime("%Y-%m-%d %H:%M:%S %Z")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        at.isoformat(), exact, local.strftime(form)
    )


def day(on: date | datetime | None) -> str:
    """A date: "23 Nov 2026"; an instant is dated in the team's zone."""
    if on is None:
        return "–"
    if isinstance(on, datetime):
        on = on.astimezone(runtime().config.zone).date()
    return on.strftime("%-d %b %Y")


def ago(at: datetime | None) -> Markup | str:
    """How long ago (or in how long), in one unit, with the exact moment behind it."""
    if at is None:
        return "never"
    gap = runtime().clock.now() - at
    words = span(abs(gap))
    if words == "a moment":
        text = "just now" if gap >= timedelta(0) else "in a moment"
    else:
        text = f"{words} ago" if gap >= timedelta(0) else f"in {words}"
    exact = at.astimezone(runtime().config.zone).strftime("%-d %b %Y, %H:%M")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(at.isoformat(), exact, text)


def span(gap: timedelta) -> str:
    """A duration in its largest unit: "3 hours"."""
    seconds = int(gap.total_seconds())
    for size, unit in (
        (31536000, "year"),
        (2592000, "month"),
        (86400, "day"),
        (3600, "hour"),
        (60, "minute"),
    ):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "a moment"


def plural(count: float, one: str, many: str | None = None) -> str:
    """`3 | plural("customer")` → "3 customers"."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def plain_json(value: object) -> str:
    """Data for a `<script type="application/json">`, with nothing in it that could end the element."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704


def browser(agent: str) -> str:
    """A user agent in words that its owner knows: "Firefox on Linux"."""
    programs = (
        ("Edg", "Edge"),
        ("OPR", "Opera"),
        ("Firefox", "Firefox"),
        ("Chrome", "Chrome"),
        ("Safari", "Safari"),
    )
    systems = (
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("Windows", "Windows"),
        ("Mac OS", "Mac"),
        ("Linux", "Linux"),
    )
    program = next((name for sign, name in programs if sign in agent), "A browser")
    system = next((name for sign, name in systems if sign in agent), "")
    return f"{program} on {system}" if system else program


def asset(name: str) -> str:
    """The address of a built file; it changes with the content, so that browsers may keep it for a year."""
    return url_for("static", filename=name, v=_stamp(name, _mtime(name)))


def _keep_assets(response: Response) -> Response:
    """Browsers keep a built file for a year: its address changes with its content."""
    if request.endpoint == "static" and "v" in request.args and response.status_code == 200:
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


def _mtime(name: str) -> int:
    path = STATIC / name
    return path.stat().st_mtime_ns if path.exists() else 0


@cache
def _stamp(name: str, _mtime_ns: int) -> str:
    path = STATIC / name
    return sha256(path.read_bytes()).hexdigest()[:12] if path.exists() else "unbuilt"


def menu() -> list[tuple[str, list[Entry]]]:
    """The groups of the menu with what this person may read."""
    config = runtime().config
    is_on = config.inbox.is_on or config.sandbox.is_on
    groups = []
    for title, entries in MENU:
        shown = [
            entry
            for entry in entries
            if entry.page in current_app.blueprints
            and may(g.user.role, entry.page, "read")
            and (entry.page != "inbox" or is_on)
        ]
        if shown:
            groups.append((title, shown))
    return groups


def standing() -> list[tuple[str, str, str, str]]:
    """What holds for all sending now and is said on every page: (tone, sentence, words of a link, its address)."""
    found, sandbox = [], runtime().config.sandbox
    with runtime().reading() as session:
        halt, gap = halted(session), gap_open(session)
    if halt is not None:
        why = f": {halt.because}" if halt.because else ""
        found.append(("danger", f"All sending is stopped, by {halt.by}{why}.", "Look at it", "/today"))
    if gap is not None:
        words = "Mails that were due while Liaison was off wait for a decision."
        if gap.cause == "restored":
            words = "This database was restored from a backup. Mails that may have left already wait for a decision."
        found.append(("warning", words, "Look at them", "/messages/late"))
    if sandbox.is_on:
        but = f" but {', '.join(sandbox.allowed)}" if sandbox.allowed else ""
        words = f"Sandbox: nobody{but} gets mail; it goes to the built-in inbox."
        found.append(("info", words, "Open the inbox", "/inbox"))
    return found


def here() -> str:
    """The name of the page that is shown."""
    return request.blueprint or ""


def may_write(page: str | None = None) -> bool:
    """Whether this person may change something on `page` (the present one): hide buttons that would be refused."""
    return "user" in g and may(g.user.role, page or here(), "write")


def shop_name() -> str:
    """Who writes."""
    return runtime().config.shop.name


def page_url(**changes: object) -> str:
    """The present address with other query arguments: `page_url(page=2)`; None takes one away."""
    arguments: dict[str, object] = {
        **(request.view_args or {}),
        **request.args.to_dict(flat=False),
        **changes,
    }
    return url_for(
        str(request.endpoint), **{key: value for key, value in arguments.items() if value is not None}
    )
