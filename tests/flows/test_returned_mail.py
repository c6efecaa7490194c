"""A letter to somebody who is not there: Postfix takes it, finds nobody, sends its report, and the register has her."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from campaigns import newsletters
from campaigns.content import create_template, save_version
from campaigns.newsletters import Draft
from campaigns.suppression import causes_in_force, of_address
from campaigns.tracking import ReturnsListener, spool_folder
from tests.cast import everybody, person
from tests.conftest import missing
from tests.dovecot import free_port
from tests.flows.conftest import Story
from tests.flows.test_newsletter import SOURCE
from tests.postfix import Postfix, postfix_path

GONE, THERE = "gone@customer.example", "bob@customer.example"
RETURNS = free_port()


@pytest.fixture(scope="module")
def server() -> Iterator[Postfix]:
    """In the place of the stories' own mail server."""
    program = postfix_path()
    if program is None:
        missing("Postfix cannot be started here (Debian: apt-get install postfix, and be root).")
    assert program is not None
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
def draft(story: Story) -> Draft:
    now = story.clock.now()
    with story.runtime.transaction() as session:
        for address in (GONE, THERE):
            person(session, address, now=now - timedelta(days=400), first_name="Reader")
        template = create_template(session, name="Tea", now=now)
        save_version(session, template.id, format="html", source=SOURCE, subject="New tea", now=now, by=None)
        segment = everybody(session, story.runtime)
        return Draft("Tea", segment_id=segment.id, template_id=template.id)


def send(story: Story, draft: Draft) -> None:
    """A newsletter that leaves now."""
    now = story.clock.now()
    with story.runtime.transaction() as session:
        made = newsletters.create(session, draft, now=now)
        newsletters.schedule(session, made.id, local_moment=None, zone="Europe/Paris", now=now)
    story.work()


def test_the_report_of_a_real_mail_server_ends_in_the_register(
    story: Story, server: Postfix, listener: ReturnsListener, draft: Draft
) -> None:
    before = len(server.inbox("bob"))
    send(story, draft)
    await_so(lambda: bool(causes(story, GONE)) and len(server.inbox("bob")) == before + 1, story, server)

    assert (causes(story, GONE), causes(story, THERE)) == (["hard_bounce"], [])
    with story.runtime.reading() as session:
        evidence = session.scalars(of_address(GONE)).one().evidence
    assert "unknown user" in evidence
    assert "5.1.1" in evidence
    assert list((spool_folder(story.runtime.config) / "new").iterdir()) == []

    tried = server.log().count(f"to=<{GONE}>")
    story.clock.advance(timedelta(days=7))
    send(story, draft)
    await_so(lambda: len(server.inbox("bob")) == before + 2, story, server)
    assert server.log().count(f"to=<{GONE}>") == tried, "she is written to no more"


def causes(story: Story, address: str) -> list[str]:
    with story.runtime.reading() as session:
        return causes_in_force(session, address)


def await_so(is_so: Callable[[], bool], story: Story, server: Postfix) -> None:
    """Let the clock and the sender work until it is so."""
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end, server.log()
        story.work()
