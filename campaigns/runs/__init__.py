"""Who is the clock, and what was already done at which moment: leases and runs."""

from campaigns.runs.actions import begin_run, finish_run, forget_runs, release_lease, take_lease
from campaigns.runs.model import Lease, Run
from campaigns.runs.queries import holder, last_runs, was_begun

__all__ = [
    "Lease",
    "Run",
    "begin_run",
    "finish_run",
    "forget_runs",
    "holder",
    "last_runs",
    "release_lease",
    "take_lease",
    "was_begun",
]
