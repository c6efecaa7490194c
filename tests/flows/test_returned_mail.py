"""A letter to somebody who is not there: Postfix takes it, finds nobody, sends its report, and the register has her."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from campaigns.content import create_template, save_version
from campaigns.suppression import causes_in_force, of_address
from campaigns.tracking import ReturnsListener, spool_folder
from tests.cast import everybody, person
from tests.conftest import missing
from tests.dovecot import free_port
from tests.flows.conftest import Story
from tests.flows.test_newsletter import SOURCE, plan
from tests.postfix import Postfix, postfix_path

GONE, THERE = "gone@customer.example", "bob@customer.example"
RETURNS = free_port()


@pytest.fixture(scope="module")
def server() -> Iterator[Postfix]:
    """In the place of the stories' own mail server."""
    program = postfix_path()
    if program is None:
        missing("Postfix cannot be started here (Debian: apt-get install postfix, and be root).")
    made = Postfix(program, domain="customer.example", people=["bob"], returns=RETURNS)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def listener(story: Story) -> Iterator[ReturnsListener]:
    made = ReturnsListener(story.runtime, port=RETURNS)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def papers(story: Story) -> dict[str, str]:
    now = story.clock.now()
    with story.runtime.transaction() as session:
        for address in (GONE, THERE):
            person(session, address, now=now - timedelta(days=400), first_name="Reader")
        template = create_template(session, name="Tea", now=now)
        save_version(session, template.id, format="html", source=SOURCE, subject="New tea", now=now, by=None)
        segment = everybody(session, story.runtime)
        return {"template_id": str(template.id), "segment_id": str(segment.id), "zone": "Europe/Paris"}


def test_the_report_of_a_real_mail_server_ends_in_the_register(
    story: Story, server: Postfix, listener: ReturnsListener, papers: dict[str, str]
) -> None:
    before = len(server.inbox("bob"))
    plan(story, papers, "Tea")
    story.pass_time(timedelta(days=1))
    new = spool_folder(story.runtime.config) / "new"
    end = time.monotonic() + 20
    while not (list(new.glob("*.eml")) and len(server.inbox("bob")) > before):
        assert time.monotonic() < end, server.log()
        time.sleep(0.02)

    story.work()

    with story.runtime.reading() as session:
        assert causes_in_force(session, GONE) == ["hard_bounce"]
        assert causes_in_force(session, THERE) == []
        evidence = session.scalars(of_address(GONE)).one().evidence
    assert "unknown user" in evidence
    assert "5.1.1" in evidence
    assert list(new.iterdir()) == []

    plan(story, papers, "More tea")
    story.pass_time(timedelta(days=1))
    while len(server.inbox("bob")) < before + 2:
        assert time.monotonic() < end, server.log()
        time.sleep(0.02)
    assert server.log().count(f"to=<{GONE}>") == server.log().count(f"to=<{GONE}>, relay=virtual")
    assert not list(new.glob("*.eml")), "she is written to no more"
