"""Scores: the classes of customers, the grid behind them, who moved, who has fallen silent."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns import letters, reports, scoring
from campaigns.db import page
from campaigns.errors import NotFound
from webapp.context import runtime, user
from webapp.security import admin_blueprint

blueprint = admin_blueprint("scores")

SHOWN_STALE = 500


@dataclass(frozen=True)
class Choice:
    """Which customers a number of this page stands for: a class, a field of the grid, or who moved."""

    rfm_class: str
    r: int
    f: int
    since: str
    until: str
    source: str
    is_doubtful: bool

    @classmethod
    def read(cls) -> "Choice":
        """From the address; what no list has is not found."""
        given = request.args
        choice = cls(
            given.get("class", ""),
            _level(given.get("r")),
            _level(given.get("f")),
            _day(given.get("since")),
            _day(given.get("until")),
            given.get("from", ""),
            "doubtful" in given,
        )
        if any(name and name not in scoring.CLASS_BY_NAME for name in (choice.rfm_class, choice.source)):
            raise NotFound("There is no such class of customers.")
        return choice

    @property
    def is_movement(self) -> bool:
        return bool(self.since and self.until and self.rfm_class)

    @property
    def title(self) -> str:
        """What the list is called."""
        if self.is_movement:
            source = scoring.CLASS_BY_NAME[self.source].label if self.source else "Not known yet"
            return f"{source} → {scoring.CLASS_BY_NAME[self.rfm_class].label}"
        if self.rfm_class:
            return scoring.CLASS_BY_NAME[self.rfm_class].label
        if self.is_doubtful:
            return "More likely gone than not"
        return f"Recency {self.r}, frequency {self.f}" if self.r and self.f else "All customers by amount"

    @property
    def conditions(self) -> dict[str, Any]:
        """What a segment of them would ask, field by field; empty where no rule says the same."""
        if self.is_movement or self.is_doubtful:
            return {}
        if self.rfm_class:
            return {"score.class": self.rfm_class}
        return {"score.r": self.r, "score.f": self.f} if self.r and self.f else {}

    @property
    def lead(self) -> str:
        """What they have in common."""
        if self.is_movement:
            return f"Between {self.since} and {self.until}."
        if self.rfm_class:
            return scoring.CLASS_BY_NAME[self.rfm_class].definition
        if self.is_doubtful:
            return "Two orders or more, and by their own rhythm a probability below 50 % of still being customers."
        return "The highest amount first."


@blueprint.get("")
def show() -> ResponseReturnValue:
    """The whole page."""
    config, now = runtime().config, runtime().clock.now()
    with runtime().reading() as session:
        days = scoring.snapshot_days(session)
        since, until = _span(days)
        return render_template(
            "scores/show.html",
            refreshed_at=scoring.refreshed_at(session),
            sizes=scoring.class_sizes(session),
            grid=scoring.grid(session),
            limits=scoring.limit_words(session, config=config),
            definitions={name: scoring.definition(name, config) for name in scoring.DEFINITIONS},
            days=days,
            since=since,
            until=until,
            movement=scoring.movement(session, since, until) if since and until else {},
            classes=scoring.CLASSES,
            rows=[("", "Not known yet"), *((each.name, each.label) for each in scoring.CLASSES)],
            outlook=scoring.outlook(session),
            why_no_forecast=scoring.why_no_forecast(session, now),
            stale=scoring.count_stale(session, config.stale, now),
            rule=config.stale,
        )


@blueprint.post("/refresh")
def refresh() -> ResponseReturnValue:
    """Score those about whom something came in."""
    with runtime().transaction() as session:
        count = scoring.refresh(session, now=runtime().clock.now(), config=runtime().config)
    flash(
        "Everything was up to date." if not count else f"{count:,} customers were scored afresh.", "success"
    )
    return redirect(url_for(".show"), 303)


@blueprint.get("/customers")
def customers() -> ResponseReturnValue:
    """The customers behind a number."""
    choice = Choice.read()
    ids = None
    if choice.is_movement:
        ids = scoring.moved(choice.since, choice.until, choice.source, choice.rfm_class)
    elif choice.rfm_class:
        ids = scoring.in_class(choice.rfm_class)
    elif choice.is_doubtful:
        ids = scoring.doubtful()
    elif choice.r and choice.f:
        ids = scoring.in_cell(choice.r, choice.f)
    with runtime().reading() as session:
        found = page(session, scoring.rows(ids), request.args.get("page", 1, type=int))
        return render_template(
            "scores/customers.html",
            choice=choice,
            page=found,
            by_name=scoring.CLASS_BY_NAME,
            crumb=("Scores", "scores.show"),
        )


@blueprint.get("/export.csv")
def export() -> ResponseReturnValue:
    """Every score as a CSV file, as of now or of `?as_of=` (a date)."""
    now = runtime().clock.now()
    as_of = _day(request.args.get("as_of")) or now.astimezone(runtime().config.zone).date().isoformat()
    with runtime().reading() as session:
        rows = scoring.export_rows(session, config=runtime().config, now=_end_of(as_of, now))
        text = "".join(reports.csv_lines(scoring.COLUMNS, (list(row.values()) for row in rows)))
    headers = {"Content-Disposition": f"attachment; filename=scores-{as_of}.csv"}
    return Response(text, mimetype="text/csv", headers=headers)


@blueprint.get("/stale")
def stale() -> ResponseReturnValue:
    """Who would be left alone from now on, before anything is done, and the last calls that run."""
    rule, now = runtime().config.stale, runtime().clock.now()
    with runtime().reading() as session:
        rows = session.execute(scoring.stale_candidates(session, rule, now).limit(SHOWN_STALE)).all()
        return render_template(
            "scores/stale.html",
            rows=rows,
            preview=scoring.preview_sunset(session, rule, now),
            evidence={row.customer_id: scoring.stale_evidence(row, rule) for row in rows},
            rule=rule,
            running=session.execute(scoring.running_sunsets().limit(SHOWN_STALE)).all(),
            has_letter=letters.is_called_by(session, "last_call"),
        )


@blueprint.post("/stale")
def retire() -> ResponseReturnValue:
    """Leave the chosen ones alone at once."""
    chosen = request.form.getlist("customer", type=int)
    with runtime().transaction() as session:
        count = scoring.retire_stale(
            session, runtime().config.stale, now=runtime().clock.now(), by=user().email, only=chosen
        )
    if count:
        words = "address is" if count == 1 else "addresses are"
        flash(f"{count:,} {words} left alone from now on; the register says why.", "success")
    else:
        flash("Nobody was chosen, or all of them gave a sign meanwhile.", "info")
    return redirect(url_for(".stale"), 303)


@blueprint.post("/stale/call")
def call() -> ResponseReturnValue:
    """Write the chosen ones a last letter."""
    chosen = request.form.getlist("customer", type=int)
    with runtime().transaction() as session:
        count = scoring.begin_sunset(
            session, runtime().config.stale, now=runtime().clock.now(), by=user().email, only=chosen
        )
    if count:
        flash(f"{count:,} {'customer gets' if count == 1 else 'customers get'} a last letter.", "success")
    else:
        flash("Nobody was chosen, or all of them gave a sign meanwhile.", "info")
    return redirect(url_for(".stale"), 303)


@blueprint.post("/stale/<int:sunset_id>/stop")
def stop_call(sunset_id: int) -> ResponseReturnValue:
    """End a last call without consequence."""
    with runtime().transaction() as session:
        is_done = scoring.stop_sunset(session, sunset_id, now=runtime().clock.now())
    flash("Stopped; nothing follows from it." if is_done else "It had ended already.", "info")
    return redirect(url_for(".stale"), 303)


def _span(days: list[str]) -> tuple[str, str]:
    """The two dates of the movement: those asked for, or about a quarter apart up to the newest."""
    asked = _day(request.args.get("since")), _day(request.args.get("until"))
    if not days:
        return "", ""
    until = asked[1] or days[0]
    earlier = [day for day in days if day < until]
    quarter = [day for day in earlier if (date.fromisoformat(until) - date.fromisoformat(day)).days >= 85]
    return asked[0] or (quarter or earlier or [until])[0 if quarter else -1], until


def _end_of(day: str, now: datetime) -> datetime:
    """The end of that day in the team's zone, or now if that is earlier."""
    end = datetime.combine(date.fromisoformat(day) + timedelta(days=1), time(), runtime().config.zone)
    return min(end, now)


def _level(text: str | None) -> int:
    return int(text) if text in ("1", "2", "3", "4", "5") else 0


def _day(text: str | None) -> str:
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return ""
    return day.isoformat() if 1970 <= day.year <= 9000 else ""
