"""The list of segments, and one of them: its rule in words, its size, its members, why somebody is in."""

from collections.abc import Iterator
from typing import Any

from flask import Response, flash, redirect, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue

from campaigns import reports, segments
from campaigns.customers import find_customer
from campaigns.db.paging import page
from campaigns.errors import Invalid, LiaisonError
from webapp.context import runtime, user
from webapp.pages.segments.blueprint import blueprint, ways

SAMPLE = 8


@blueprint.get("")
def show() -> ResponseReturnValue:
    """All segments, those put away apart; and the ready-made ones that are not there yet."""
    is_archived = request.args.get("show") == "archived"
    with runtime().reading() as session:
        found = segments.list_segments(session, archived=is_archived)
        kept = found if not is_archived else segments.list_segments(session)
        away = found if is_archived else segments.list_segments(session, archived=True)
        names = {each.name for each in (*kept, *away)}
        return render_template(
            "segments/list.html",
            segments=found,
            is_archived=is_archived,
            kept=len(kept),
            away=len(away),
            uses=reports.uses_of_segments(session),
            words={each.id: segments.summary(session, each.rule, runtime().fields) for each in found},
            ready=[each for each in segments.READY if each.name not in names],
        )


@blueprint.post("/ready/<key>")
def copy_ready(key: str) -> ResponseReturnValue:
    """Make a ready-made segment the team's own."""
    with runtime().transaction() as session:
        made = segments.copy_ready(session, key, by=user().id, **ways())
    flash(f"“{made.name}” is yours now: change it as you like.", "success")
    return redirect(url_for(".detail", segment_id=made.id), 303)


@blueprint.get("/<int:segment_id>")
def detail(segment_id: int) -> ResponseReturnValue:
    """One segment. `?customer=` asks why somebody is in, `?with=` compares with another segment."""
    who, other_id = request.args.get("customer", "").strip(), request.args.get("with", type=int)
    with runtime().reading() as session:
        segment = segments.get_segment(session, segment_id)
        try:
            counts = segments.counts(session, segment.rule, **ways())
        except Invalid as error:  # a field it asked for is gone
            return render_template("segments/broken.html", segment=segment, fault=str(error))
        return render_template(
            "segments/detail.html",
            segment=segment,
            counts=counts,
            told=segments.tell(session, segment.rule, runtime().fields),
            sample=segments.sample(session, segment.rule, **ways(), size=SAMPLE),
            uses=reports.uses_of_segments(session).get(segment_id, []),
            sizes=segments.sizes(session, segment_id),
            who=who,
            why=_why(session, segment.rule, who),
            others=[
                (each.id, each.name) for each in segments.list_segments(session) if each.id != segment_id
            ],
            other=segments.get_segment(session, other_id) if other_id else None,
            overlap=_overlap(session, segment.rule, other_id),
        )


def _why(session: Any, rule: Any, who: str) -> segments.Explanation | str | None:
    """The explanation, a sentence on what is wrong with the question, or None if nothing was asked."""
    if not who:
        return None
    try:
        return segments.explain(session, rule, find_customer(session, who).id, **ways())
    except LiaisonError as error:
        return str(error)


def _overlap(session: Any, rule: Any, other_id: int | None) -> segments.Overlap | None:
    if not other_id:
        return None
    return segments.overlap(session, rule, segments.get_segment(session, other_id).rule, **ways())


@blueprint.get("/<int:segment_id>/members")
def members(segment_id: int) -> ResponseReturnValue:
    """Everybody in it now, page by page."""
    with runtime().reading() as session:
        segment = segments.get_segment(session, segment_id)
        found = segments.listed(session, segment.rule, **ways())
        return render_template(
            "segments/members.html",
            segment=segment,
            page=page(session, found, request.args.get("page", 1, type=int)),
        )


@blueprint.get("/<int:segment_id>/members.csv")
def members_csv(segment_id: int) -> ResponseReturnValue:
    """Everybody in it now, as a file for a spreadsheet."""
    with runtime().reading() as session:
        segments.get_segment(session, segment_id)

    def rows() -> Iterator[tuple[Any, ...]]:
        with runtime().reading() as session:
            rule = segments.get_segment(session, segment_id).rule
            found = segments.listed(session, rule, **ways()).execution_options(yield_per=1000)
            for each in session.scalars(found):
                yield each.number, each.email, each.first_name, each.last_name, each.language, each.country

    heads = ("Customer number", "E-mail", "First name", "Last name", "Language", "Country")
    lines = stream_with_context(reports.csv_lines(heads, rows()))
    return Response(
        lines,
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="segment-{segment_id}.csv"'},
    )


@blueprint.post("/<int:segment_id>/recount")
def recount(segment_id: int) -> ResponseReturnValue:
    """Count afresh and note it."""
    with runtime().transaction() as session:
        segments.recount(session, segments.get_segment(session, segment_id), **ways())
    return redirect(url_for(".detail", segment_id=segment_id), 303)


@blueprint.post("/<int:segment_id>/copy")
def copy(segment_id: int) -> ResponseReturnValue:
    """A copy, to be changed."""
    with runtime().transaction() as session:
        made = segments.duplicate_segment(session, segment_id, by=user().id, **ways())
    return redirect(url_for(".edit", segment_id=made.id), 303)


@blueprint.post("/<int:segment_id>/archive")
def archive(segment_id: int) -> ResponseReturnValue:
    """Put it away; what was planned with it goes on."""
    with runtime().transaction() as session:
        segments.archive(session, segment_id, now=runtime().clock.now())
    flash("Put away. What was planned with it goes on.", "success")
    return redirect(url_for(".show"), 303)


@blueprint.post("/<int:segment_id>/unarchive")
def unarchive(segment_id: int) -> ResponseReturnValue:
    """Take it back."""
    with runtime().transaction() as session:
        segments.unarchive(session, segment_id, now=runtime().clock.now())
    return redirect(url_for(".detail", segment_id=segment_id), 303)
