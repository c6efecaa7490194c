"""Reads: who is in a segment, how many, why one customer is or is not."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from campaigns.customers import Customer
from campaigns.errors import Invalid, NotFound
from campaigns.fields import Catalogue, Field, Fields, Scope
from campaigns.segments import compile as compiling
from campaigns.segments import words
from campaigns.segments.model import Segment, Size
from campaigns.segments.rules import Condition, Group, Node, conditions, holds, local_day, parse

Rule = Any
"""A rule's JSON, as it came from outside or out of a segment."""


def validate(session: Session, rule: Rule, fields: Fields) -> Group:
    """Read a rule against the fields and choices there are now; Invalid names every fault with its path."""
    return parse(rule, fields.catalogue(session), _choices(session))


def _choices(session: Session) -> Any:
    def choices(asked: Field) -> Collection[str] | None:
        is_closed = asked.kind in ("choice", "set") and asked.options is not None
        if not is_closed or asked.name == "customer.tags":
            return None
        assert asked.options is not None
        return {option.value for option in asked.options(session)}

    return choices


def members(session: Session, rule: Rule, fields: Fields, *, now: datetime, zone: ZoneInfo) -> Select[Any]:
    """`SELECT customer.id` of everybody who meets the rule at `now`, days taken in `zone`; each once, unordered.

    `rule` is the JSON of a segment (`segment.rule`). Consent and suppression are not looked at here:
    `messages.enqueue` does that for every mailing.
    """
    catalogue = fields.catalogue(session)
    node = parse(rule, catalogue, _choices(session))
    return compiling.members(node, catalogue, Scope(now, zone, fields.currency))


def count(session: Session, rule: Rule, fields: Fields, *, now: datetime, zone: ZoneInfo) -> int:
    """How many customers meet the rule."""
    return count_of(session, members(session, rule, fields, now=now, zone=zone))


def count_of(session: Session, chosen: Select[Any]) -> int:
    """How many rows a select of members has."""
    return session.scalar(chosen.with_only_columns(func.count(), maintain_column_froms=True)) or 0


def sample(
    session: Session, rule: Rule, fields: Fields, *, now: datetime, zone: ZoneInfo, size: int = 10
) -> Sequence[Customer]:
    """Some members, the same ones each time: spread over the base by a hash of their ids."""
    chosen = members(session, rule, fields, now=now, zone=zone)
    # Multiplying by a large odd number and taking the rest spreads neighbouring ids apart on both databases.
    spread = (Customer.id * 7919) % 10007
    ids = chosen.order_by(spread, Customer.id).limit(size).subquery()
    return session.scalars(select(Customer).join(ids, ids.c.id == Customer.id).order_by(Customer.id)).all()


def listed(
    session: Session, rule: Rule, fields: Fields, *, now: datetime, zone: ZoneInfo
) -> Select[Customer]:
    """The members themselves by id, to be paged or streamed."""
    ids = members(session, rule, fields, now=now, zone=zone).subquery()
    return select(Customer).join(ids, ids.c.id == Customer.id).order_by(Customer.id)


@dataclass(frozen=True)
class Counts:
    """How many meet the whole rule, and how many each condition alone (by its path)."""

    total: int
    everybody: int
    conditions: dict[str, int]


def counts(session: Session, rule: Rule, fields: Fields, *, now: datetime, zone: ZoneInfo) -> Counts:
    """The total, the size of the base, and each condition's own count, for the editor."""
    catalogue = fields.catalogue(session)
    node = parse(rule, catalogue, _choices(session))
    scope = Scope(now, zone, fields.currency)

    def number(part: Node) -> int:
        return count_of(session, compiling.members(part, catalogue, scope))

    return Counts(
        total=number(node),
        everybody=session.scalar(select(func.count(Customer.id))) or 0,
        conditions={each.path: number(each) for each in conditions(node)},
    )


@dataclass(frozen=True)
class Overlap:
    """How many are in both of two segments, and in one only."""

    both: int
    first_only: int
    second_only: int


def overlap(
    session: Session, first: Rule, second: Rule, fields: Fields, *, now: datetime, zone: ZoneInfo
) -> Overlap:
    """What two rules have in common."""
    one = members(session, first, fields, now=now, zone=zone)
    other = members(session, second, fields, now=now, zone=zone)
    shared = one.where(Customer.id.in_(other.correlate(None).scalar_subquery()))
    both = count_of(session, shared)
    return Overlap(both, count_of(session, one) - both, count_of(session, other) - both)


# ── why


@dataclass(frozen=True)
class Reason:
    """One line of an explanation: a condition with the customer's value, or a group with its parts."""

    holds: bool
    sentence: str
    value: str = ""
    note: str = ""
    path: str = ""
    parts: tuple["Reason", ...] = ()


@dataclass(frozen=True)
class Explanation:
    """Whether a customer is in, and rule by rule why. `blocked`: causes that keep letters away all the same."""

    customer: Customer
    is_in: bool
    reason: Reason


def explain(
    session: Session, rule: Rule, customer_id: int, fields: Fields, *, now: datetime, zone: ZoneInfo
) -> Explanation:
    """Why this customer is or is not in; NotFound if there is no such customer."""
    customer = session.get(Customer, customer_id)
    if customer is None:
        raise NotFound("There is no such customer.")
    catalogue = fields.catalogue(session)
    node = parse(rule, catalogue, _choices(session))
    reason = _Explainer(session, customer_id, catalogue, Scope(now, zone, fields.currency)).reason(node)
    return Explanation(customer, reason.holds, reason)


class _Explainer:
    """Looks up one customer's values and judges a rule by them, in Python."""

    def __init__(self, session: Session, customer_id: int, catalogue: Catalogue, scope: Scope) -> None:
        self.session = session
        self.customer_id = customer_id
        self.catalogue = catalogue
        self.scope = scope

    def reason(self, node: Node) -> Reason:
        if isinstance(node, Condition):
            return self._condition(node)
        parts = tuple(self.reason(member) for member in node.members)
        met = [part.holds for part in parts]
        is_met = all(met) if node.match == "all" else any(met) if node.match == "any" else not any(met)
        sentence = "everybody" if not parts else words.MATCH_WORDS[node.match]
        return Reason(is_met, sentence, path=node.path, parts=parts)

    def _condition(self, condition: Condition) -> Reason:
        asked = self.catalogue[condition.field]
        value = value_of(self.session, condition, self.customer_id, self.catalogue, self.scope)
        labels = labels_of(self.session, (condition,), self.catalogue)
        return Reason(
            holds(condition, value, self.scope.today),
            words.sentence(condition, self.catalogue, labels),
            words.shown(value, asked, self.catalogue.currency, labels),
            asked.note,
            condition.path,
        )


def value_of(
    session: Session, condition: Condition, customer_id: int, catalogue: Catalogue, scope: Scope
) -> Any:
    """The customer's value for a condition, in the shape that `rules.holds` takes."""
    asked = catalogue[condition.field]
    figure = compiling.source(asked, condition, catalogue)
    found = session.execute(_lookup(figure, condition, customer_id, scope)).all()
    if asked.kind == "set":
        return frozenset(row[0] for row in found)
    value = tuple(found[0]) if found and asked.kind == "anniversary" else found[0][0] if found else None
    return _shaped(value, asked, scope)


def _lookup(figure: Field, condition: Condition, customer_id: int, scope: Scope) -> Select[Any]:
    if figure.rows is not None:
        rows = figure.rows(compiling.asked(condition, scope))
        key, value = rows.selected_columns.customer_id, rows.selected_columns.value
        # The condition stands inside, so that one customer's rows are read and not everybody's.
        return rows.where(getattr(key, "element", key) == customer_id).with_only_columns(value)
    columns = figure.column if isinstance(figure.column, tuple) else (figure.column,)
    if figure.table is not None:
        return select(*columns).where(figure.table.customer_id == customer_id)
    return select(*columns).where(Customer.id == customer_id)


def _shaped(value: Any, asked: Field, scope: Scope) -> Any:
    if value is None:
        return None if asked.may_be_unknown or asked.kind not in ("count", "number", "money") else 0
    if asked.kind == "moment":
        return local_day(value, scope.zone)
    if asked.kind == "date":
        try:
            return date.fromisoformat(value)
        except ValueError:
            return None
    if asked.kind == "anniversary":
        return None if None in value else value
    return int(value) if asked.kind in ("count", "money") else value


def labels_of(session: Session, asked: Collection[Condition], catalogue: Catalogue) -> words.Labels:
    """How people call the values in these conditions."""
    labels: dict[tuple[str, str], str] = {}
    for condition in asked:
        field_ = catalogue[condition.field]
        if field_.options is not None and field_.kind in ("choice", "set"):
            labels |= {(field_.name, o.value): o.label for o in field_.options(session)}
        for filter_ in field_.filters:
            if filter_.name in condition.filters and filter_.options is not None:
                labels |= {(filter_.name, o.value): o.label for o in filter_.options(session)}
    return labels


# ── saved segments


def get_segment(session: Session, segment_id: int) -> Segment:
    """The segment; NotFound if there is none."""
    segment = session.get(Segment, segment_id)
    if segment is None:
        raise NotFound("There is no such segment.")
    return segment


def find_segment(session: Session, name_or_id: str) -> Segment:
    """The segment of that number or that name; NotFound if there is none."""
    found = session.scalar(select(Segment).where(Segment.name == name_or_id))
    if found is None and name_or_id.isascii() and name_or_id.isdigit() and len(name_or_id) < 19:
        found = session.get(Segment, int(name_or_id))
    if found is None:
        raise NotFound(f"There is no segment “{name_or_id}”; `liaison segment list` shows them.")
    return found


def list_segments(session: Session, *, archived: bool = False) -> Sequence[Segment]:
    """Saved segments by name; those put away only when asked for."""
    is_away = Segment.archived_at.is_not(None) if archived else Segment.archived_at.is_(None)
    return session.scalars(select(Segment).where(is_away).order_by(func.lower(Segment.name))).all()


def summary(session: Session, rule: Rule, fields: Fields) -> str:
    """The rule in one line of words; what is wrong with it, where it can no longer be used."""
    catalogue = fields.catalogue(session)
    try:
        node = parse(rule, catalogue)
    except Invalid as error:
        return str(error)
    return words.summary(node, catalogue, labels_of(session, tuple(conditions(node)), catalogue))


@dataclass(frozen=True)
class Told:
    """A rule in words, line by line: a condition, or a group with its parts. `path` as in `Counts.conditions`."""

    sentence: str
    path: str
    note: str = ""
    parts: tuple["Told", ...] = ()


def tell(session: Session, rule: Rule, fields: Fields) -> Told:
    """The rule as a tree of sentences, for a page; Invalid where it can no longer be used."""
    catalogue = fields.catalogue(session)
    node = parse(rule, catalogue)
    labels = labels_of(session, tuple(conditions(node)), catalogue)

    def told(part: Node) -> Told:
        if isinstance(part, Condition):
            return Told(words.sentence(part, catalogue, labels), part.path, catalogue[part.field].note)
        sentence = words.MATCH_WORDS[part.match] if part.members else "everybody"
        return Told(sentence, part.path, parts=tuple(told(each) for each in part.members))

    return told(node)


def sizes(session: Session, segment_id: int, *, most: int = 400) -> list[tuple[str, int]]:
    """`(day, customers)` of the days on which a segment was counted, the oldest first."""
    newest = (
        select(Size.on, Size.customers)
        .where(Size.segment_id == segment_id)
        .order_by(Size.on.desc())
        .limit(most)
    )
    return [(day, number) for day, number in reversed(session.execute(newest).all())]
