"""A process that leads a journey through virtual days, to be killed at any moment: `python -m tests.campaigns.journeys.led URL FOLDER SINCE UNTIL`."""

import sys
from datetime import datetime, timedelta
from pathlib import Path

from campaigns.clock import FrozenClock
from campaigns.config import Config, Data, DatabaseSettings
from campaigns.runtime import assemble
from scheduler.jobs import advance_journeys


def main(url: str, folder: str, since: str, until: str) -> None:
    """Tick each hour of that time."""
    clock, end = FrozenClock(datetime.fromisoformat(since)), datetime.fromisoformat(until)
    runtime = assemble(
        Config(database=DatabaseSettings(url=url), data=Data(folder=Path(folder))), clock=clock
    )
    while clock.now() <= end:
        advance_journeys(runtime)
        print(clock.now().isoformat(), flush=True)
        clock.advance(timedelta(hours=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
