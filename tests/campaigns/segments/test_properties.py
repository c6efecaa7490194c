"""A thousand random rules mean the same on SQLite, on PostgreSQL and in plain Python."""

import pytest

from campaigns.config import Config
from campaigns.db import Database
from campaigns.fields import Fields, Scope, gather
from campaigns.scoring import refresh
from campaigns.segments import compile as compiling
from campaigns.segments import explain, validate
from campaigns.segments.queries import value_of
from campaigns.segments.rules import Condition, operators, parse, written
from tests.campaigns.segments.world import MOMENTS, PARIS, Rules, World

FIELDS = gather("EUR")


def check(database: Database, fields: Fields, moment: int, number: int) -> int:
    """Compare `number` random rules; returns how many picked some but not all, to show that it is no idle test."""
    world = World(moment, MOMENTS[moment])
    with database.transaction() as session:
        world.fill(session)
    telling = 0
    with database.reading() as session:
        catalogue = fields.catalogue(session)
        rules = Rules(1000 + moment, catalogue)
        scope = Scope(world.now, PARIS, "EUR")
        for index in range(number):
            node = parse(rules.rule(), catalogue)
            # Every second rule without the score's shortcuts: they may make it quicker, never different.
            book = catalogue if index % 2 else catalogue.without_shortcuts()
            found = session.scalars(compiling.members(node, book, scope)).all()
            assert len(found) == len(set(found)), written(node)
            assert set(found) == world.members(node), written(node)
            telling += 0 < len(found) < len(world.people)
    return telling


@pytest.mark.parametrize("moment", range(len(MOMENTS)))
def test_random_rules_mean_the_same_everywhere(database: Database, moment: int) -> None:
    assert check(database, FIELDS, moment, 50) > 20


def check_every_field(database: Database, *, is_thorough: bool) -> None:
    """Compare a rule on each field there is: by all its operators, or by a random one."""
    world = World(4, MOMENTS[0])
    with database.transaction() as session:
        world.fill(session)
    with database.reading() as session:
        catalogue = FIELDS.catalogue(session)
        rules = Rules(4, catalogue)
        scope = Scope(world.now, PARIS, "EUR")
        for index, asked in enumerate(catalogue.values()):
            known = operators(asked)
            chosen = known if is_thorough else [rules.random.choice(known)]
            for match in ("all", "none") if is_thorough else [("all", "none")[index % 2]]:
                for operator in chosen:
                    node = parse({match: [rules.about(asked, operator)]}, catalogue)
                    found = session.scalars(compiling.members(node, catalogue, scope)).all()
                    assert set(found) == world.members(node), written(node)


def test_every_field_means_the_same_everywhere(database: Database) -> None:
    check_every_field(database, is_thorough=False)


@pytest.mark.soak
def test_every_field_means_the_same_by_every_operator(database: Database) -> None:
    check_every_field(database, is_thorough=True)


@pytest.mark.soak
@pytest.mark.parametrize("moment", range(len(MOMENTS)))
def test_a_thousand_random_rules_mean_the_same_everywhere(database: Database, moment: int) -> None:
    assert check(database, FIELDS, moment, 1000) > 400


def test_the_explanation_agrees_with_the_select(database: Database) -> None:
    world = World(9, MOMENTS[0], size=25)
    with database.transaction() as session:
        world.fill(session)
    with database.reading() as session:
        rules = Rules(5, FIELDS.catalogue(session))
        for index in range(25):
            rule = rules.rule()
            node = validate(session, rule, FIELDS)
            customer = index + 1
            told = explain(session, rule, customer, FIELDS, now=world.now, zone=PARIS)
            assert told.is_in == (customer in world.members(node)), rule


def test_shortcuts_say_what_is_counted_at_query_time(database: Database) -> None:
    world = World(3, MOMENTS[0])
    with database.transaction() as session:
        world.fill(session, with_scores=False)
        refresh(session, now=world.now, config=Config(), full=True)
    scope = Scope(world.now, PARIS, "EUR")
    with database.reading() as session:
        catalogue = FIELDS.catalogue(session)
        slow = catalogue.without_shortcuts()
        names = [name for name in catalogue if catalogue.shortcut(name, ())]
        assert len(names) >= 7
        for name in names:
            condition = parse({"all": [question(catalogue[name].kind, name)]}, catalogue).members[0]
            assert isinstance(condition, Condition)
            for person in world.people:
                quick = value_of(session, condition, person.id, catalogue, scope)
                assert quick == value_of(session, condition, person.id, slow, scope), (name, person.id)


def question(kind: str, name: str) -> dict[str, object]:
    op, value = ("in_last", 30) if kind == "moment" else ("at_least", 1)
    return {"field": name, "op": op, "value": value}
