"""The loop on real purchases: orders from a file, a segment of good customers, a newsletter, a letter after orders."""

import csv
import gzip
from datetime import timedelta
from pathlib import Path

import pytest

from campaigns import demonstration, letters, messages, newsletters, segments
from campaigns.content import list_templates
from campaigns.letters import Plan
from campaigns.newsletters import Draft
from campaigns.segments import find_segment
from tests.flows.conftest import Story

FILES = (("cdnow_orders.csv.gz", 16), ("online_retail_lines.csv.gz", 4))
"""Each with the part of its customers that is taken: every so-manyth."""


@pytest.fixture(params=FILES, ids=lambda file: file[0].partition(".")[0])
def purchases(request: pytest.FixtureRequest, shared_data: Path, tmp_path: Path) -> Path:
    name, every = request.param
    path = shared_data / "purchases" / name
    if not path.is_file():
        pytest.skip(f"{name} is not there.")
    part = tmp_path / name.removesuffix(".gz")
    with gzip.open(path, "rt", encoding="utf-8", newline="") as whole, part.open("w", newline="") as file:
        lines = csv.DictReader(whole)
        writer = csv.DictWriter(file, lines.fieldnames or ())
        writer.writeheader()
        writer.writerows(line for line in lines if int(line["customer_id"]) % every == 0)
    return part


def test_the_loop_runs_on_real_orders(story: Story, purchases: Path) -> None:
    runtime, now = story.runtime, story.clock.now()
    orders = demonstration.load_purchases_file(runtime, purchases, now=now)
    assert orders > 1_000
    with runtime.transaction() as session:
        loyal = find_segment(session, "Loyal customers")
        templates = {t.purpose: t.id for t in session.scalars(list_templates())}
        expected = segments.count(session, loyal.rule, runtime.fields, now=now, zone=runtime.config.zone)
        draft = Draft(name="To the loyal", segment_id=loyal.id, template_id=templates["newsletter"])
        newsletter = newsletters.create(session, draft, now=now)
        newsletters.schedule(session, newsletter.id, local_moment=None, zone="Europe/Paris", now=now)
        plan = Plan(
            name="After their order",
            occasion="after_purchase",
            options={"days": 14},
            template_id=templates["after_purchase"],
        )
        letter = letters.create(session, plan, occasions=runtime.occasions, now=now)
        letters.switch(session, letter.id, is_on=True, now=now)
        due = letters.count_due_soon(
            session, letter, occasions=runtime.occasions, zone=runtime.config.zone, now=now, days=2
        )
    assert 0 < expected < orders
    story.work()
    with runtime.reading() as session:
        sent = newsletters.get_newsletter(session, newsletter.id)
        assert sent.status == "sent"
        assert sent.mailing_id is not None
        ledger = messages.counts(session, sent.mailing_id)
    assert sum(ledger.values()) == expected
    assert ledger["sent"] + ledger["held"] + ledger["failed"] == expected
    assert ledger["sent"] > ledger["held"] > 0
    story.pass_time(timedelta(days=2))
    with runtime.reading() as session:
        assert sum(letters.count_messages(session, letter.id).values()) == due > 0
    ids = [mail.message_id for mail in story.server.accepted]
    assert len(ids) == len(set(ids))
