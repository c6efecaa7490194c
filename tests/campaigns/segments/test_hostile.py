"""Nothing that comes from outside becomes SQL: refused in a sentence, or looked for as a plain word."""

from typing import Any

import pytest
from sqlalchemy import text

from campaigns.db import Database
from campaigns.errors import Invalid
from campaigns.fields import gather
from campaigns.segments import count, explain, summary
from tests.campaigns.segments.world import MOMENTS, PARIS, World

FIELDS = gather("EUR")
STEMS = (
    "'",
    "''",
    '"',
    "';--",
    "' OR '1'='1",
    "') OR 1=1 --",
    "x'; DROP TABLE customer; --",
    "1; DELETE FROM customer",
    "customer.email) FROM customer --",
    "customer.id OR 1=1",
    "' UNION SELECT password_hash FROM staff_user --",
    "\\'; SELECT pg_sleep(5); --",
    "$$; SELECT 1; $$",
    "%s",
    "%(name)s",
    ":value",
    "{0}",
    "{value}",
    "?",
    "[POSTCOMPILE_x]",
    "__[POSTCOMPILE_value_1]",
    "`id`",
    "/* */",
    "%' OR 'a' LIKE '%",
    "_%\\",
    "\u2028",
    "\u0000",
    "\ud83d",
    "ﬁ' OR 1=1",
    "1e309",
    "NaN",
    "true",
    "null",
    "attribute.size",
    'a"b',
    "$.size",
    "size' || '",
    "newsletter:7 OR 1=1",
    "letter:-1",
    "letter:9999999999999999999999",
)


def places(payload: str) -> list[Any]:
    """One rule for every place of the language that takes a word."""
    word = {"field": "customer.first_name", "op": "is", "value": payload}
    return [
        {"all": [word]},
        {"all": [{**word, "op": "contains"}]},
        {"all": [{**word, "op": "one_of", "value": [payload, "Zoé"]}]},
        {"none": [{**word, "op": "starts_with", "if_unknown": False}]},
        {"all": [{**word, "field": payload}]},
        {"all": [{**word, "field": f"attribute.{payload}"}]},
        {"all": [{**word, "op": payload}]},
        {"all": [{**word, payload: payload}]},
        {payload: [word]},
        {"all": [{"field": "attribute.remark", "op": "contains", "value": payload}]},
        {"all": [{"field": "attribute.contract", "op": "before", "value": payload}]},
        {"all": [{"field": "customer.tags", "op": "has_all", "value": [payload]}]},
        {"all": [{"field": "purchases.count", "op": "at_least", "value": payload}]},
        {"all": [{"field": "purchases.count", "op": "at_least", "value": 1, "where": {"category": payload}}]},
        {"all": [{"field": "purchases.count", "op": "at_least", "value": 1, "where": {payload: payload}}]},
        {"all": [{"field": "clicked.count", "op": "at_least", "value": 1, "where": {"mailing": payload}}]},
        {"all": [{"field": "clicked.last", "op": "in_last", "value": payload}]},
        {
            "all": [
                {"field": "clicked.count", "op": "equals", "value": 1, "where": {"period": {"from": payload}}}
            ]
        },
        {"all": [{"field": "customer.birthday", "op": "in_month", "value": payload}]},
        {"all": [{"field": "customer.first_name", "op": "is", "value": {"all": [payload]}}]},
    ]


def test_no_payload_reaches_the_database_as_a_statement(database: Database) -> None:
    world = World(1, MOMENTS[0], size=10)
    with database.transaction() as session:
        world.fill(session)
    refused = run = 0
    with database.reading() as session:
        for payload in STEMS:
            for rule in places(payload):
                try:
                    found = count(session, rule, FIELDS, now=world.now, zone=PARIS)
                    explain(session, rule, 1, FIELDS, now=world.now, zone=PARIS)
                    run += 1
                    assert 0 <= found <= 10
                except Invalid as error:
                    refused += 1
                    assert error.faults
                assert summary(session, rule, FIELDS)
        assert session.scalar(text("SELECT count(*) FROM customer")) == 10
    assert refused + run == len(STEMS) * 20
    assert run > 250, "words are looked for, not refused out of fear"


@pytest.mark.parametrize(("word", "number"), [("%", 1), ("_", 1), ("\\", 1), ("O'H", 1), ("zoé", 2)])
def test_signs_of_a_pattern_are_plain_letters(database: Database, word: str, number: int) -> None:
    world = World(1, MOMENTS[0], size=6)
    for person, name in zip(world.people, ("100%", "a_b", "x\\y", "O'Hara", "Zoé", "ZOÉ"), strict=True):
        person.plain["customer.first_name"] = name
    rule = {"all": [{"field": "customer.first_name", "op": "contains", "value": word}]}
    with database.transaction() as session:
        world.fill(session)
        assert count(session, rule, FIELDS, now=world.now, zone=PARIS) == number
