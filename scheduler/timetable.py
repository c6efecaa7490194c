"""Which job how often: a list, no engine. The moments themselves lie in the tables; a tick only asks for them."""

from dataclasses import dataclass

from campaigns.config import Config
from scheduler import jobs
from scheduler.jobs import Job


@dataclass(frozen=True)
class Tick:
    """Call `job` every so many seconds."""

    name: str
    job: Job
    every_seconds: float


def timetable(config: Config) -> tuple[Tick, ...]:
    """All ticks. Jobs done once a day ask every few minutes whether their hour has come."""
    return (
        Tick("ingest_hits", jobs.ingest_hits, config.tracking.ingest_seconds),
        Tick("read_returned_mail", jobs.read_returned_mail, config.returns.read_seconds),
        Tick("fetch_returned_mail", jobs.fetch_returned_mail, config.mailbox.fetch_seconds),
        Tick("launch_due", jobs.launch_due, 2),
        Tick("finish_newsletters", jobs.finish_newsletters, 2),
        Tick("guard_mailings", jobs.guard_mailings, 5),
        Tick("run_imports", jobs.run_imports, 2),
        Tick("recover_claims", jobs.recover_claims, 30),
        Tick("launch_letters", jobs.launch_letters, 60),
        Tick("advance_journeys", jobs.advance_journeys, 15),
        Tick("send_notices", jobs.send_notices, 5),
        Tick("run_simulations", jobs.run_simulations, 2),
        Tick("refresh_scores", jobs.refresh_scores, config.scores.refresh_seconds),
        Tick("refresh_all_scores", jobs.refresh_all_scores, 300),
        Tick("learn_suggestions", jobs.learn_suggestions, 300),
        Tick("count_segments", jobs.count_segments, 300),
        Tick("retire_stale", jobs.retire_stale, 300),
        Tick("revive_stale", jobs.revive_stale, 300),
        Tick("send_confirmations", jobs.send_confirmations, 5),
        Tick("forget_signups", jobs.forget_signups, 3600),
        Tick("retire_faded", jobs.retire_faded, 300),
        Tick("forget_old_runs", jobs.forget_old_runs, 3600),
    )
