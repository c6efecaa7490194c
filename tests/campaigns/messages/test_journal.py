"""The journal of a sender: what it says after a death, and what it does when it cannot be written."""

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from campaigns.mail import Answer
from campaigns.messages.journal import Journal, remains


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """Every write beyond is an I/O error."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_file_that_takes_no_more_is_followed_by_a_fresh_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "one")
    answer = Answer("dot", 250, "2.0.0 kept")
    with no_file_longer_than(1000):
        for number in range(200):
            journal.intent(number, 0)
            journal.outcome(number, 0, answer)
            if number != 150:
                journal.recorded([number])
    assert journal.path.stat().st_size <= 1000
    _die(journal)
    (left,) = remains(tmp_path)
    assert left.outcomes[150] == (0, answer)
    assert left.is_whole


def test_a_full_disk_is_told_and_nothing_is_lost_when_it_has_room_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "one")
    for number in range(20):
        journal.intent(number, 0)
    size = journal.path.stat().st_size
    with no_file_longer_than(size + 2), pytest.raises(OSError):
        journal.intent(77, 0)  # two bytes of the line get through
    journal.intent(88, 0)
    _die(journal)
    (left,) = remains(tmp_path)
    assert left.intents == dict.fromkeys([*range(20), 88], 0)


def _die(journal: Journal) -> None:
    """As a killed process leaves it: the lock falls, the file stays."""
    os.close(journal._lock)
    os.close(journal._file)
