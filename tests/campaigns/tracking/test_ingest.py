"""From the journal to events: every hit exactly once, whatever dies, and nothing of those who did not agree."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns import customers, tracking
from campaigns.clock import SystemClock
from campaigns.runtime import Runtime
from campaigns.tracking import HitJournal, hits_folder, ingest
from tests.campaigns.tracking.story import customer, events, letter, mailing, message
from tests.conftest import NOW

CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36"


def a_journal(runtime: Runtime) -> HitJournal:
    return HitJournal(hits_folder(runtime.config), runtime.clock)


def click(
    journal: HitJournal, message_id: int, mailing_id: int, position: int = 0, agent: str = CHROME
) -> None:
    assert journal.append("c", message_id, mailing_id, position, "GET", "192.0.2.0/24", "", agent)


def test_each_hit_becomes_one_event_however_often_it_is_read(runtime: Runtime, clock) -> None:
    message_id, mailing_id = letter(runtime)
    clock.advance(timedelta(minutes=5))
    journal = a_journal(runtime)
    click(journal, message_id, mailing_id)
    assert journal.append("o", message_id, mailing_id, "", "GET", "192.0.2.0/24", "", CHROME)
    assert ingest(runtime) == 2
    assert ingest(runtime) == 0
    click(journal, message_id, mailing_id, 1)
    assert ingest(runtime) == 1
    kinds = [(event.kind, event.position, event.judgement) for event in events(runtime)]
    assert kinds[:2] == [
        ("clicked", 0, "machine"),
        ("opened", None, "machine"),
    ]  # two links at once: judged anew
    assert events(runtime)[0].at == NOW + timedelta(minutes=5)
    assert events(runtime)[0].user_agent == CHROME
    assert events(runtime)[0].customer_id is not None


def test_a_person_is_found_to_be_one(runtime: Runtime, clock) -> None:
    message_id, mailing_id = letter(runtime)
    clock.advance(timedelta(minutes=5))
    click(a_journal(runtime), message_id, mailing_id)
    ingest(runtime)
    (event,) = events(runtime)
    assert (event.judgement, event.reasons, event.rules_version) == ("human", "", tracking.NEWEST)


def test_a_file_is_removed_only_when_its_writer_has_let_go(runtime: Runtime) -> None:
    message_id, mailing_id = letter(runtime)
    journal = a_journal(runtime)
    click(journal, message_id, mailing_id)
    ingest(runtime)
    folder = hits_folder(runtime.config)
    assert len(list(folder.iterdir())) == 1
    journal.close()
    ingest(runtime)
    assert list(folder.iterdir()) == []
    click(journal, message_id, mailing_id)
    assert ingest(runtime) == 1


def test_those_who_did_not_agree_or_withdrew_leave_nothing(runtime: Runtime) -> None:
    never, its_mailing = letter(runtime, "bob", may_track=False)
    withdrew, other = letter(runtime, "alice")
    untracked, third = letter(runtime, "denis", is_tracked=False)
    with runtime.reading() as session:
        alice = tracking.reader(session, withdrew).customer_id
    assert alice is not None
    with runtime.transaction() as session:
        erased = message(session, mailing(session), None)
        customers.record_consent(
            session, alice, purpose="tracking", is_granted=False, act="preferences", now=NOW
        )
    journal = a_journal(runtime)
    for message_id, mailing_id in ((never, its_mailing), (withdrew, other), (untracked, third), (erased, 4)):
        click(journal, message_id, mailing_id)
    assert ingest(runtime) == 0
    assert events(runtime) == []
    with runtime.reading() as session:  # sums that name nobody
        assert tracking.anonymous_counts(session, [its_mailing]) == {"opened": 0, "clicked": 1}
        assert tracking.anonymous_counts(session, [other]) == {"opened": 0, "clicked": 1}
        assert tracking.anonymous_counts(session, [4]) == {"opened": 0, "clicked": 1}
        assert tracking.last_open_on(session, alice) is None


def test_sums_of_those_who_did_not_agree_leave_machines_and_tests_out(runtime: Runtime) -> None:
    never, mail = letter(runtime, "bob", may_track=False)
    with runtime.transaction() as session:
        trial = mailing(session, kind="test")
        tried = message(session, trial, None)
    journal = a_journal(runtime)
    click(journal, never, mail, agent="curl/8")
    click(journal, tried, trial)
    assert journal.append("c", never, mail, 0, "HEAD", "", "", CHROME)
    assert journal.append("c", never, mail, "", "GET", "", "hidden", CHROME)
    assert journal.append("o", never, mail, "", "GET", "", "", "Mozilla/5.0")
    assert journal.append("o", never, mail, "", "GET", "", "", CHROME)
    ingest(runtime)
    with runtime.reading() as session:
        assert tracking.anonymous_counts(session, [mail, trial]) == {"opened": 1, "clicked": 0}


def test_for_hygiene_one_date_is_kept_and_overwritten(runtime: Runtime, clock) -> None:
    settings = runtime.config.stale.model_copy(update={"hygiene_from": "2026-11-23"})
    here = replace(runtime, config=runtime.config.model_copy(update={"stale": settings}))
    never, mail = letter(runtime, "bob", may_track=False)
    agreed, other = letter(runtime, "alice")
    with runtime.reading() as session:
        bob, alice = (tracking.reader(session, id_).customer_id or 0 for id_ in (never, agreed))
    journal = a_journal(runtime)
    for days, agent in ((1, CHROME), (3, CHROME), (5, "curl/8"), (6, "Mozilla/5.0")):
        clock.advance(
            NOW + timedelta(days=days, hours=14) - clock.now()
        )  # 00:00 in Paris: already the next day there
        assert journal.append("o", never, mail, "", "GET", "192.0.2.0/24", "", agent)
        assert journal.append("o", agreed, other, "", "GET", "192.0.2.0/24", "", agent)
        ingest(here)
    with runtime.reading() as session:
        assert session.execute(select(tracking.LastOpen.customer_id, tracking.LastOpen.on)).all() == [
            (bob, "2026-11-27")
        ]
        assert tracking.last_open_on(session, bob) == (NOW + timedelta(days=4)).date()
        assert tracking.last_open_on(session, alice) is None
    assert {event.customer_id for event in events(runtime)} == {alice}


def test_torn_and_foreign_lines_are_passed_over(runtime: Runtime) -> None:
    message_id, mailing_id = letter(runtime)
    journal = a_journal(runtime)
    click(journal, message_id, mailing_id, agent="tab\there\nline\x00nul é")
    journal.close()
    (path,) = hits_folder(runtime.config).iterdir()
    with path.open("ab") as file:
        file.write(b"c\t1\t2\nnonsense\n\xff\xfe\nc\t99999999999999999999999\t1\t1\t0\tGET\t\t\t\n")
        file.write(b"c\t17")
    assert ingest(runtime) == 1
    assert events(runtime)[0].user_agent == "tab here line nul \ufffd"
    assert list(hits_folder(runtime.config).iterdir()) == []


def test_hits_beyond_all_reason_are_not_kept(runtime: Runtime) -> None:
    message_id, mailing_id = letter(runtime)
    journal = a_journal(runtime)
    for _ in range(250):
        click(journal, message_id, mailing_id)
    assert ingest(runtime) == 200
    click(journal, message_id, mailing_id)
    assert ingest(runtime) == 0


class Crashing:
    """A runtime whose process dies at the end of each transaction, before it is kept."""

    def __init__(self, runtime: Runtime) -> None:
        self.config, self.clock, self.reading, self._runtime = (
            runtime.config,
            runtime.clock,
            runtime.reading,
            runtime,
        )

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        with self._runtime.transaction() as session:
            yield session
            raise KeyboardInterrupt


def test_a_crash_in_the_middle_of_reading_neither_loses_nor_doubles(runtime: Runtime) -> None:
    message_id, mailing_id = letter(runtime)
    click(a_journal(runtime), message_id, mailing_id)
    with pytest.raises(KeyboardInterrupt):
        ingest(Crashing(runtime))
    assert events(runtime) == []
    assert ingest(runtime) == 1
    assert len(events(runtime)) == 1


def test_a_killed_writer_loses_nothing(runtime: Runtime, tmp_path: Path) -> None:
    message_id, mailing_id = letter(runtime)
    folder = hits_folder(runtime.config)
    script = textwrap.dedent(f"""
        from pathlib import Path
        from campaigns.clock import SystemClock
        from campaigns.tracking import HitJournal
        journal = HitJournal(Path({str(folder)!r}), SystemClock())
        for number in range(100):
            assert journal.append("c", {message_id}, {mailing_id}, 0, "GET", "", "", "x")
            print(number, flush=True)
        import time; time.sleep(60)
    """)
    writer = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert writer.stdout is not None
    for line in writer.stdout:
        if line.strip() == "99":
            break
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    assert ingest(runtime) == 100
    assert list(folder.iterdir()) == []


def test_a_full_disk_is_told_and_the_next_line_is_whole(runtime: Runtime, tmp_path: Path) -> None:
    folder = tmp_path / "nowhere"
    folder.write_text("a file where the folder should be")
    journal = HitJournal(folder, SystemClock())
    assert not journal.append("o", 1, 1, "", "GET", "", "", "x")
    folder.unlink()
    assert journal.append("o", 1, 1, "", "GET", "", "", "x")
    journal.close()


def test_history_is_judged_anew_and_the_same_rules_give_the_same_figures(runtime: Runtime, clock) -> None:
    with runtime.transaction() as session:
        mail = mailing(session)
        ids = [
            message(session, mail, customer(session, f"c{n}"), address=f"c{n}@shop.example")
            for n in range(30)
        ]
    clock.advance(timedelta(hours=1))
    journal = a_journal(runtime)
    for number, message_id in enumerate(ids):
        click(journal, message_id, mail, agent=CHROME if number % 3 else "curl/8")
    ingest(runtime)
    before = [(event.judgement, event.reasons) for event in events(runtime)]
    assert tracking.judge_history(runtime, version=1) == 0
    assert [(event.judgement, event.reasons) for event in events(runtime)] == before
