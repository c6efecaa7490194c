"""Killed at random moments, with two clocks at once: the tables are those of one undisturbed run."""

import random
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from campaigns.clock import FrozenClock
from campaigns.customers import Tag
from campaigns.journeys import StepCount, Trace, Traveller
from campaigns.messages import Message
from campaigns.runtime import Runtime
from tests.campaigns.journeys.conftest import Shop, Spec
from tests.cast import person

KILLS = 3

STEPS: Spec = [
    ("send",),
    ("wait", {"amount": 5, "unit": "hours"}),
    ("split", {"share": 40}, {"a": [("change", {"what": "tag", "word": "a"})], "b": [("send",)]}),
    ("wait_until", {"weekday": -1, "hour": 18}),
    ("send",),
    ("wait", {"amount": 1, "unit": "days"}),
    ("send",),
]


def told(shop: Shop) -> list[Sequence[Any]]:
    """Everything that was done, without the numbers of rows."""

    def ask(session: Any) -> list[Sequence[Any]]:
        who = {row.id: (row.customer_id, row.status, row.outcome) for row in session.query(Traveller)}
        return [
            sorted(who.values()),
            sorted(
                (who[row.traveller_id][0], row.step, row.left_at, row.result) for row in session.query(Trace)
            ),
            sorted((row.customer_id, row.mailing_id, row.occasion_key) for row in session.query(Message)),
            sorted((row.step, row.result, row.count) for row in session.query(StepCount)),
            sorted((row.customer_id, row.tag) for row in session.query(Tag)),
        ]

    found: list[Sequence[Any]] = shop.read(ask)
    return found


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3))
def test_killed_again_and_again_the_table_is_the_same(
    runtime: Runtime, clock: FrozenClock, seed: int
) -> None:
    shop = Shop(runtime, clock)
    with runtime.transaction() as session:
        for n in range(120):
            zone = ("Asia/Tokyo", "Europe/Paris", "")[n % 3]
            person(session, f"c{n}@shop.example", now=clock.now(), zone=zone)
    shop.plan(STEPS, hold_out=10)
    url = runtime.database.engine.url.render_as_string(hide_password=False)
    since, until = clock.now(), clock.now() + timedelta(days=3)
    dice = random.Random(seed)
    at, kills = since, 0
    while at <= until:
        command = [sys.executable, "-m", "tests.campaigns.journeys.led", url, str(runtime.config.data.folder)]
        span = [at.isoformat(), until.isoformat()]
        pair = [subprocess.Popen([*command, *span], stdout=subprocess.PIPE, text=True) for _ in range(2)]
        seen = pair[0].stdout.readline().strip()  # type: ignore[union-attr]
        if kills < KILLS:
            time.sleep(dice.random() * 1.5)
            for process in pair:
                process.kill()
            kills += 1
        lines = [process.communicate()[0].split() for process in pair]
        done = max([seen, *lines[0], *lines[1]])
        if kills >= KILLS and all(process.returncode == 0 for process in pair):
            break
        at = type(at).fromisoformat(done) if done else at
    assert kills == KILLS
    disturbed = told(shop)
    with runtime.reading() as session:
        assert session.query(Traveller).filter_by(status="travelling").count() == 0
        out = session.query(Traveller).filter_by(status="held_out").count()
        sent = session.query(Message).count()
    arms = {row[2]: row[1] for row in [(s, c, r) for s, r, c in disturbed[3]] if row[0] == "s3"}
    assert sent == 3 * (120 - out) + arms["b"], "nobody missed, nobody twice"
    assert len(disturbed[2]) == len(set(disturbed[2]))
    assert len(disturbed[1]) == sum(count for step, _, count in disturbed[3] if step)
