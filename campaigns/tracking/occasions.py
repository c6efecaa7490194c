"""Occasions that lie in what a customer did with our mails: a link followed, a document taken."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from campaigns.content import Version
from campaigns.db.expressions import fold_ascii, json_at, json_object, scanned
from campaigns.merge import MergeField
from campaigns.messages import Mailing
from campaigns.occasions import Occasion, Option, Options, waiting
from campaigns.signals import Signal
from campaigns.tracking.model import Event

HEADING = "What they do with our mails"
DOCUMENTS = (
    "pdf", "epub", "doc", "docx", "odt", "xls", "xlsx", "ods", "ppt", "pptx", "odp", "zip", "csv", "ics", "mp3", "mp4",
)  # fmt: skip
"""Ends of addresses behind which lies a file to keep."""
MOST_INTERESTS = 200
MOST_LINKS = 500


def _link(event: Any, what: str) -> ColumnElement[str]:
    """The address, words or category of the link that an event followed."""
    return json_at(Version.links, event.position, what)


def _interests(session: Session) -> Sequence[tuple[str, str]]:
    rows = session.scalars(select(Version.links).order_by(Version.id.desc()).limit(MOST_LINKS))
    words = {str(link["category"]) for links in rows for link in links or () if link.get("category")}
    return [(word, word) for word in sorted(words)[:MOST_INTERESTS]]


def _clicks(tests: Any, since: datetime, until: datetime) -> Select[Any]:
    """The first click by a person in each mailing on a link that `tests(event)` are true of."""
    earlier = aliased(Event)
    is_earlier = or_(earlier.at < Event.at, and_(earlier.at == Event.at, earlier.id < Event.id))
    before = exists().where(
        earlier.customer_id == Event.customer_id,
        earlier.mailing_id == Event.mailing_id,
        earlier.kind == "clicked",
        earlier.judgement == "human",
        is_earlier,
        *tests(earlier),
    )
    found: Any = (
        select(
            Event.customer_id.label("customer_id"),
            (literal("mailing:") + cast(Event.mailing_id, String)).label("occasion_key"),
            Event.at.label("at"),
            json_object(
                address=cast(_link(Event, "url"), String),
                words=cast(_link(Event, "text"), String),
                mailing=cast(Mailing.name, String),
            ).label("facts"),
        )
        .join(Mailing, Mailing.id == scanned(Event.mailing_id))
        .join(Version, Version.id == Mailing.version_id)
        .where(
            Event.at >= since,
            Event.at < until,
            Event.kind == "clicked",
            Event.judgement == "human",
            Event.customer_id.is_not(None),
            Mailing.kind != "test",
            *tests(Event),
            ~before,
        )
    )
    chosen: Select[Any] = found
    return chosen


def _clicked(options: Options, since: datetime, until: datetime) -> Select[Any]:
    def tests(event: Any) -> list[ColumnElement[bool]]:
        wanted = []
        if options.get("address"):
            wanted.append(
                fold_ascii(_link(event, "url")).contains(str(options["address"]).lower(), autoescape=True)
            )
        if options.get("interest"):
            wanted.append(_link(event, "category") == str(options["interest"]))
        return wanted

    return _clicks(tests, since, until)


CLICKED = Occasion(
    name="clicked",
    label="A link was followed",
    description=(
        "Once for each newsletter or letter in which a person (not a machine) followed such a link: of an interest, "
        "or to an address."
    ),
    heading=HEADING,
    options=(
        Option("interest", "Of the interest", "pick", "", offered=_interests, any_label="Any link"),
        Option(
            "address", "The address contains", "text", "", help="For example /coffee. Empty: any address."
        ),
        *waiting(1, "days"),
    ),
    facts=(
        MergeField("clicked_on", "The day of the click", "text", may_lack=False, example="2026-11-20"),
        MergeField("address", "Where the link leads", example="https://shop.example/coffee"),
        MergeField("words", "The words of the link", example="See the new coffees"),
        MergeField(
            "mailing", "The newsletter or letter it stood in", may_lack=False, example="November news"
        ),
    ),
    happened=_clicked,
    day_fact="clicked_on",
)


def _downloaded(options: Options, since: datetime, until: datetime) -> Select[Any]:
    part = str(options.get("document") or "").lower()

    def tests(event: Any) -> list[ColumnElement[bool]]:
        url = fold_ascii(_link(event, "url"))
        ends = [url.like(f"%.{end}{rest}") for end in DOCUMENTS for rest in ("", "?%", "#%")]
        return [or_(*ends)] + ([url.contains(part, autoescape=True)] if part else [])

    clicks = _clicks(tests, since, until).subquery()
    told = select(
        Signal.customer_id,
        case(
            (func.length(Signal.key) <= 80, literal("told:") + Signal.key),
            else_=literal("row:") + cast(Signal.id, String),
        ).label("occasion_key"),
        Signal.at,
        json_object(document=cast(Signal.key, String)).label("facts"),
    ).where(Signal.kind == "document_downloaded", Signal.at >= since, Signal.at < until)
    if part:
        told = told.where(fold_ascii(Signal.key).contains(part, autoescape=True))
    followed = select(
        clicks.c.customer_id,
        clicks.c.occasion_key,
        clicks.c.at,
        json_object(document=clicks.c.facts["address"].as_string()).label("facts"),
    )
    return select(union_all(followed, told).subquery())


DOWNLOADED = Occasion(
    name="downloaded",
    label="A document was downloaded",
    description=(
        "After somebody took a document: by a link of ours that leads to a file, or as the shop told us. Once for each "
        "mailing, or each document told."
    ),
    heading=HEADING,
    options=(
        Option(
            "document", "Its name contains", "text", "", help="For example price-list. Empty: any document."
        ),
        *waiting(1, "days"),
    ),
    facts=(
        MergeField("downloaded_on", "The day of the download", "text", may_lack=False, example="2026-11-20"),
        MergeField("document", "Its address or name", example="https://shop.example/price-list.pdf"),
    ),
    happened=_downloaded,
    day_fact="downloaded_on",
)

OCCASIONS = (CLICKED, DOWNLOADED)
