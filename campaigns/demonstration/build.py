"""Build the demonstration shop: three years of customers, orders and letters, ending at this moment."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import numpy as np
from sqlalchemy.orm import Session

from campaigns import content, letters, newsletters, scoring, segments
from campaigns.config import Config
from campaigns.customers import count_customers
from campaigns.db import Database
from campaigns.demonstration.buying import Order, buy
from campaigns.demonstration.files import FileOrder, read_orders
from campaigns.demonstration.people import Person, invent
from campaigns.demonstration.store import (
    backdate,
    store_losses,
    store_past,
    store_people,
    store_purchases,
)
from campaigns.demonstration.telling import TYPES, confirm_one, newsletter_type, tell
from campaigns.demonstration.words import PREHEADER, SOURCE, SUBJECT, TEMPLATE_NAME
from campaigns.demonstration.writing import Correspondence, Past, next_thursday, theme
from campaigns.errors import Conflict, Invalid
from campaigns.fields import Fields
from campaigns.merge import MergeSource
from campaigns.messages import Mailing, open_mailing
from campaigns.newsletters import Newsletter
from campaigns.occasions import Occasion
from campaigns.purchases import bulk_record_purchases

LETTER_DAYS = 210
"""The letters have been on for so long."""
DELAY_DAYS = 14
"""The letter after a purchase comes so many days after it."""
HISTORY_MONTHS = 12

Say = Callable[[str], None]


class Runtime(Protocol):
    """What of the assembled Liaison is needed here."""

    @property
    def config(self) -> Config: ...
    @property
    def database(self) -> Database: ...
    @property
    def fields(self) -> Fields: ...
    @property
    def merge_sources(self) -> Mapping[str, MergeSource]: ...
    @property
    def occasions(self) -> Mapping[str, Occasion]: ...
    def transaction(self) -> AbstractContextManager[Session]: ...


def build(
    runtime: Runtime,
    *,
    seed: int = 1998,
    customers: int = 5000,
    now: datetime,
    progress: Say = lambda _: None,
) -> None:
    """Fill an empty database. The same seed and moment make the same shop, to the last cent.

    `progress` is told in a few words what is being done. Raises Conflict when there are customers already:
    an invented crowd is never mixed into a real one.
    """
    _refuse_a_crowd(runtime)
    chance = np.random.default_rng(seed)
    progress(f"Inventing {customers:,} customers and what they bought")
    people = invent(chance, customers, now)
    orders = [(f"PK-{20_001 + place}", order) for place, order in enumerate(buy(chance, people, now))]

    def write_orders(session: Session, ids: Mapping[str, int]) -> None:
        store_purchases(session, orders, ids, runtime.config.shop.currency)

    _open_shop(runtime, chance, people, orders, write_orders, now=now, progress=progress)


def load_purchases_file(
    runtime: Runtime,
    path: Path,
    *,
    seed: int = 1998,
    now: datetime,
    is_shifted: bool = True,
    progress: Say = lambda _: None,
) -> int:
    """Fill an empty database with a file of real purchases (see `files`) and invented names; returns the orders.

    `is_shifted`: all days are moved by the same span, so that the newest order is of yesterday. Amounts are
    taken as the shop's currency. Raises Invalid for a file that cannot be read, Conflict as `build` does.
    """
    _refuse_a_crowd(runtime)
    progress(f"Reading {path.name}")
    currency = runtime.config.shop.currency
    orders = read_orders(path, currency)
    if not orders:
        raise Invalid(f"{path} holds no order.")
    later = timedelta(days=(now - orders[-1].at).days) if is_shifted else timedelta(0)
    chance = np.random.default_rng(seed)
    people = _people_of(chance, orders, later, now)

    def write_orders(session: Session, ids: Mapping[str, int]) -> None:
        facts = (order.facts(ids, currency, later) for order in orders)
        bulk_record_purchases(session, facts, now=now)

    _open_shop(runtime, chance, people, (), write_orders, now=now, progress=progress)
    return len(orders)


def _people_of(
    chance: np.random.Generator, orders: Sequence[FileOrder], later: timedelta, now: datetime
) -> list[Person]:
    """An invented name for every customer of the file, who joined with the first order."""
    first: dict[str, datetime] = {}
    for order in orders:
        first.setdefault(order.customer, order.at + later)
    invented = invent(chance, len(first), now)
    return [
        replace(person, number=number, joined_at=at, tags=())
        for person, (number, at) in zip(invented, first.items(), strict=True)
    ]


def _refuse_a_crowd(runtime: Runtime) -> None:
    with runtime.transaction() as session:
        if count_customers(session):
            raise Conflict("There are customers already; the demonstration needs an empty database.")


def _open_shop(
    runtime: Runtime,
    chance: np.random.Generator,
    people: Sequence[Person],
    orders: Sequence[tuple[str, Order]],
    write_orders: Callable[[Session, Mapping[str, int]], None],
    *,
    now: datetime,
    progress: Say,
) -> None:
    """Write people and orders, let the shop have written to them, score everybody, plan what comes next."""
    config = runtime.config
    with runtime.transaction() as session:
        templates = _templates(session, runtime, now)
        clicks = {purpose: _clickable(session, template) for purpose, template in templates.items()}
    progress("Remembering the letters they got, opened and clicked")
    post = Correspondence(chance, people, now)
    past = post.newsletters(clicks["newsletter"])
    letters_past = {
        "birthday": post.birthdays(clicks["birthday"], LETTER_DAYS),
        "after_purchase": post.after_purchases(orders, clicks["after_purchase"], LETTER_DAYS, DELAY_DAYS),
    }
    sent = sum(len(each.sendings) for each in (*past, *letters_past.values()))
    progress(f"Writing {len(people):,} customers with their orders, and {sent:,} messages")
    with runtime.transaction() as session:
        ids = store_people(session, people, post.lost)
        write_orders(session, ids)
        segments.seed_segments(session, fields=runtime.fields, now=now, zone=config.zone)
    with runtime.transaction() as session:
        for each in past:
            store_past(session, each, _past_newsletter(session, config, each, templates["newsletter"]), ids)
        for occasion, each in letters_past.items():
            mailing = _past_letter(session, runtime, each, occasion, templates[occasion], now)
            store_past(session, each, mailing, ids)
        store_losses(session, post.lost, {person.number: person.email for person in people})
        tell(session, chance, people, ids, now)
    progress("Scoring everybody, as of today and of each month of the last year")
    _score(runtime, now)
    with runtime.transaction() as session:
        confirm_one(session, config, now)
    progress("Making segments and planning the next newsletter")
    with runtime.transaction() as session:
        _plan(session, runtime, templates, now)


def _past_newsletter(session: Session, config: Config, past: Past, template: int) -> Mailing:
    everybody = segments.find_segment(session, "Everybody")
    local = past.at.astimezone(config.zone)
    row = Newsletter(
        name=past.name,
        type=newsletter_type(past.at),
        segment_id=everybody.id,
        template_id=template,
        subject=past.subject,
        preheader=past.preheader,
        status="sent",
        local_moment=f"{local:%Y-%m-%dT%H:%M}",
        zone=config.shop.zone,
        due_at=past.at,
        launched_at=past.at,
        finished_at=past.at + timedelta(minutes=4),
        created_at=past.at - timedelta(days=4),
        updated_at=past.at,
    )
    session.add(row)
    session.flush()
    mailing = _mailing(session, config, "newsletter", row.id, past, template)
    row.mailing_id = mailing.id
    session.flush()
    return mailing


def _past_letter(
    session: Session, runtime: Runtime, past: Past, occasion: str, template: int, now: datetime
) -> Mailing:
    version = content.newest_version(session, template)
    options = {option.name: option.default for option in runtime.occasions[occasion].options}
    if "days" in options and occasion == "after_purchase":
        options["days"] = DELAY_DAYS
    plan = letters.Plan(
        name=past.name,
        type=TYPES.get(occasion, ""),
        occasion=occasion,
        options=options,
        template_id=template,
        subject=version.subject,
        preheader=version.preheader,
    )
    letter = letters.create(session, plan, occasions=runtime.occasions, now=past.at)
    letters.switch(session, letter.id, is_on=True, now=now)
    past.subject, past.preheader = version.subject, version.preheader
    mailing = _mailing(session, runtime.config, "letter", letter.id, past, template, plan.type)
    letter.mailing_id = mailing.id
    session.flush()
    return mailing


def _mailing(
    session: Session,
    config: Config,
    kind: str,
    source: int,
    past: Past,
    template: int,
    type_of_letter: str = "",
) -> Mailing:
    version = content.newest_version(session, template)
    mailing = open_mailing(
        session,
        kind=kind,
        source_id=source,
        name=past.name,
        type=newsletter_type(past.at) if kind == "newsletter" else type_of_letter,
        version_id=version.id,
        subject=past.subject or version.subject,
        preheader=past.preheader or version.preheader,
        sender_name=config.sender.name or config.shop.name,
        sender_email=config.sender.email,
        reply_to=config.sender.reply_to,
        now=past.at,
    )
    backdate(session, mailing, past.at)
    return mailing


def _score(runtime: Runtime, now: datetime) -> None:
    months = [now - timedelta(days=30 * months) for months in range(HISTORY_MONTHS, 0, -1)]
    scoring.refresh_everybody(runtime.database, now=now, config=runtime.config)
    with runtime.transaction() as session:
        scoring.record_history(session, months, config=runtime.config)


def _plan(session: Session, runtime: Runtime, templates: Mapping[str, int], now: datetime) -> None:
    """The next newsletter, scheduled; a draft for those who have gone quiet; segments counted."""
    at = next_thursday(now)
    name, subject, preheader = theme(at)
    everybody = segments.find_segment(session, "Everybody")
    draft = newsletters.Draft(
        name=name,
        type=newsletter_type(at),
        segment_id=everybody.id,
        template_id=templates["newsletter"],
        subject=subject,
        preheader=preheader,
    )
    created = newsletters.create(session, draft, now=now)
    local = at.astimezone(runtime.config.zone)
    newsletters.schedule(
        session, created.id, local_moment=f"{local:%Y-%m-%dT%H:%M}", zone=runtime.config.shop.zone, now=now
    )
    asleep = segments.find_segment(session, "Asleep")
    newsletters.create(
        session,
        newsletters.Draft(
            name="A word to those we have not seen",
            segment_id=asleep.id,
            template_id=templates.get("win_back", templates["newsletter"]),
        ),
        now=now,
    )
    for segment in segments.list_segments(session):
        segments.recount(session, segment, runtime.fields, now=now, zone=runtime.config.zone)


def _templates(session: Session, runtime: Runtime, now: datetime) -> dict[str, int]:
    """A template by purpose: the shipped letters, and the shop's own newsletter."""
    content.seed_starters(session, now=now, config=runtime.config, sources=runtime.merge_sources)
    found: dict[str, int] = {}
    for template in session.scalars(content.list_templates()):
        found.setdefault(template.purpose, template.id)
    own = content.create_template(session, name=TEMPLATE_NAME, purpose="newsletter", now=now)
    content.save_version(
        session,
        own.id,
        format="mjml",
        source=SOURCE,
        subject=SUBJECT,
        preheader=PREHEADER,
        now=now,
        by=None,
        config=runtime.config,
        sources=runtime.merge_sources,
    )
    return {**found, "newsletter": own.id}


def _clickable(session: Session, template: int) -> int:
    """How many links of the newest wording a reader may click."""
    return len(content.newest_version(session, template).links)
