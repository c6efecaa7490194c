"""From a rule to one select of customer ids.

Every figure is a column of a relation with one row per customer: the customer itself, a table such as `score`, or
a grouped select made for this rule, each joined once, from the left. `none` is pushed down to the conditions, so
that above them stand only AND and OR: a missing row then simply fails, and the database may turn the joins that
are really needed into inner ones and begin with their index.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, distinct, false, func, not_, or_, select, true

from campaigns.customers import Customer
from campaigns.db.expressions import fold, fold_ascii, folded, scanned
from campaigns.fields import Asked, Catalogue, Chosen, Field, Scope, Shortcut, Span
from campaigns.segments.rules import Condition, Node, birthdays_between

Test = ColumnElement[bool]


def members(node: Node, catalogue: Catalogue, scope: Scope) -> Select[Any]:
    """`SELECT customer.id` of those who meet the rule, each once; to be composed or run."""
    compiler = _Compiler(catalogue, scope)
    test = compiler.test(node, is_denied=False)
    return compiler.joined(select(Customer.id)).where(test)


def asked(condition: Condition, scope: Scope) -> Asked:
    """What a rows-field is asked with for this condition: its filters, the period as instants."""
    filters = dict(condition.filters)
    if "period" in filters:
        filters["period"] = _span(filters["period"], scope)
    return Asked(scope, filters)


def source(field: Field, condition: Condition, catalogue: Catalogue) -> Field:
    """The field, or the same figure where a score keeps it ready."""
    short = catalogue.shortcut(field.name, condition.filters)
    return field if short is None else _shortened(field, short)


def _shortened(field: Field, short: Shortcut) -> Field:
    return replace(field, column=short.column, table=short.table, rows=short.rows)


def _span(period: Mapping[str, Any], scope: Scope) -> Span:
    tomorrow = scope.midnight(scope.today + timedelta(days=1))
    if "last_days" in period:
        return Span(scope.midnight(scope.days_ago(period["last_days"])), tomorrow)
    since = date.fromisoformat(period["from"]) if "from" in period else None
    until = date.fromisoformat(period["to"]) + timedelta(days=1) if "to" in period else None
    return Span(
        None if since is None else scope.midnight(since),
        tomorrow if until is None else scope.midnight(until),
    )


class _Compiler:
    """Compiles one rule, remembering what has to be joined."""

    def __init__(self, catalogue: Catalogue, scope: Scope) -> None:
        self.catalogue = catalogue
        self.scope = scope
        self.tables: dict[Any, Any] = {}
        self.relations: dict[Any, Any] = {}

    def joined(self, chosen: Select[Any]) -> Select[Any]:
        """The select with everything joined that the tests speak of."""
        for table in self.tables.values():
            chosen = chosen.outerjoin(table, table.customer_id == Customer.id)
        for relation in self.relations.values():
            chosen = chosen.outerjoin(relation, relation.c.customer_id == Customer.id)
        return chosen

    def test(self, node: Node, *, is_denied: bool) -> Test:
        """True exactly for those who meet (or, denied, do not meet) the node; never NULL where it matters."""
        if isinstance(node, Condition):
            return self._condition(node, is_denied)
        denied = is_denied != (node.match == "none")
        tests = [self.test(member, is_denied=denied) for member in node.members]
        if not tests:
            return false() if is_denied else true()
        # Not all of a, b is: one of not a, not b. None of a, b is: all of not a, not b.
        is_every = (node.match == "all") if not denied else (node.match != "all")
        return and_(*tests) if is_every else or_(*tests)

    def _condition(self, condition: Condition, is_denied: bool) -> Test:
        field = source(self.catalogue[condition.field], condition, self.catalogue)
        if condition.kind == "set":
            return self._set(field, condition, is_denied)
        value = self._value(field, condition, is_denied)
        if condition.op in ("known", "unknown"):
            is_known = (condition.op == "known") != is_denied
            return _is_known(condition, value) if is_known else _is_unknown(condition, value)
        denied = is_denied != bool(condition.operator.positive)
        met = _TESTS[condition.operator.positive or condition.op](condition, value, self.scope)
        if not field.may_be_unknown:
            return not_(met) if denied else met
        if denied:
            met = and_(_is_known(condition, value), not_(met))
        return or_(met, _is_unknown(condition, value)) if bool(condition.if_unknown) != is_denied else met

    def _value(self, field: Field, condition: Condition, is_denied: bool) -> Any:
        if field.rows is not None:
            value = self._relation(field.rows(asked(condition, self.scope)), field, condition).c.value
        else:
            value = field.column
            if field.table is not None:
                self.tables.setdefault(field.table, field.table)
                value = scanned(value)
        if field.may_be_unknown or condition.kind in ("text", "choice", "boolean", "moment"):
            return value
        # A missing row means 0. Where 0 fails anyway the plain column is asked, so that its index serves.
        if field.rows is None and field.table is None:
            return value
        return value if _zero_fails(condition) and not is_denied else func.coalesce(value, 0)

    def _relation(self, chosen: Chosen, field: Field, condition: Condition) -> Any:
        key = (field.name, repr(sorted(condition.filters.items())))
        if key not in self.relations:
            self.relations[key] = chosen.subquery(f"figure_{len(self.relations) + 1}")
        return self.relations[key]

    def _set(self, field: Field, condition: Condition, is_denied: bool) -> Test:
        """Of a set the words that were asked for are counted, per customer."""
        assert field.rows is not None
        words = field.rows(asked(condition, self.scope)).subquery()
        number = func.count(distinct(words.c.value)).label("value")
        counted = select(words.c.customer_id, number).group_by(words.c.customer_id)
        wanted = condition.value or ()
        if wanted:
            counted = counted.where(words.c.value.in_(wanted))
        key = (field.name, wanted)
        if key not in self.relations:
            self.relations[key] = counted.subquery(f"words_{len(self.relations) + 1}")
        found = self.relations[key].c.value
        least = len(wanted) if condition.op == "has_all" else 1
        is_met = (condition.op in ("has_none", "unknown")) == is_denied
        return found >= least if is_met else or_(found.is_(None), found < least)


def _zero_fails(condition: Condition) -> bool:
    low = {"at_least": condition.value, "equals": condition.value}.get(condition.op)
    if condition.op == "between":
        low = condition.value[0]
    return low is not None and low > 0


def _is_known(condition: Condition, value: Any) -> Test:
    if condition.kind == "anniversary":
        return and_(value[0].is_not(None), value[1].is_not(None))
    if condition.kind in ("text", "choice", "date"):
        return and_(value.is_not(None), value != "")
    return value.is_not(None)  # type: ignore[no-any-return]


def _is_unknown(condition: Condition, value: Any) -> Test:
    if condition.kind == "anniversary":
        return or_(value[0].is_(None), value[1].is_(None))
    if condition.kind in ("text", "choice", "date"):
        return or_(value.is_(None), value == "")
    return value.is_(None)  # type: ignore[no-any-return]


# ── tests: each true where the known value meets the positive operator


def _is(condition: Condition, value: Any, _scope: Scope) -> Test:
    if condition.kind == "choice":
        return value == condition.value  # type: ignore[no-any-return]
    met: Test = _folding(condition.value)(value) == folded(condition.value)
    return met


def _one_of(condition: Condition, value: Any, _scope: Scope) -> Test:
    if condition.kind == "choice":
        return value.in_(condition.value)  # type: ignore[no-any-return]
    met: Test = _folding("".join(condition.value))(value).in_([folded(word) for word in condition.value])
    return met


def _folding(word: str) -> Any:
    """How a column is folded to be compared with this word."""
    return fold_ascii if word.isascii() else fold


def _within(condition: Condition, value: Any, scope: Scope, since: date, until: date) -> Test:
    """From the beginning of one day to the end of another."""
    if condition.kind == "anniversary":
        month, day = value
        spans = birthdays_between(since, until)
        return or_(*(and_(month == m, day.between(low, high)) for m, low, high in spans))
    if condition.kind == "date":
        return value.between(since.isoformat(), until.isoformat())  # type: ignore[no-any-return]
    return and_(value >= scope.midnight(since), value < scope.midnight(until + timedelta(days=1)))


def _in_last(condition: Condition, value: Any, scope: Scope) -> Test:
    return _within(condition, value, scope, scope.days_ago(condition.value), scope.today)


def _in_next(condition: Condition, value: Any, scope: Scope) -> Test:
    return _within(condition, value, scope, scope.today, scope.today + timedelta(days=condition.value))


def _bound(condition: Condition, scope: Scope) -> Any:
    return condition.value.isoformat() if condition.kind == "date" else scope.midnight(condition.value)


_TESTS: Mapping[str, Callable[[Condition, Any, Scope], Test]] = {
    "is": _is,
    "one_of": _one_of,
    "contains": lambda c, v, _s: _folding(c.value)(v).contains(folded(c.value), autoescape=True),
    "starts_with": lambda c, v, _s: _folding(c.value)(v).startswith(folded(c.value), autoescape=True),
    "ends_with": lambda c, v, _s: _folding(c.value)(v).endswith(folded(c.value), autoescape=True),
    "equals": lambda c, v, _s: v == c.value,
    "at_least": lambda c, v, _s: v >= c.value,
    "at_most": lambda c, v, _s: v <= c.value,
    "between": lambda c, v, _s: v.between(*c.value),
    "in_last": _in_last,
    "in_next": _in_next,
    "before": lambda c, v, s: v < _bound(c, s),
    "from": lambda c, v, s: v >= _bound(c, s),
    "within": lambda c, v, s: _within(c, v, s, *c.value),
    "in_month": lambda c, v, _s: v[0] == c.value,
    "truth": lambda c, v, _s: v.is_(c.value),
}
