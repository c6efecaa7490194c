"""The days to come, played before they come: who would get what and when of a letter or a journey."""

from campaigns.simulations.actions import ask, fail, keep, note_progress, take
from campaigns.simulations.model import STATUSES, Simulation
from campaigns.simulations.model import Played as PlayedRow
from campaigns.simulations.playing import Played, play
from campaigns.simulations.queries import (
    all_simulations,
    get_simulation,
    is_any_waiting,
    newest_of,
    played,
    sample,
)
from campaigns.simulations.rules import MOST_DAYS, Mail

__all__ = [
    "MOST_DAYS",
    "STATUSES",
    "Mail",
    "Played",
    "PlayedRow",
    "Simulation",
    "all_simulations",
    "ask",
    "fail",
    "get_simulation",
    "is_any_waiting",
    "keep",
    "newest_of",
    "note_progress",
    "play",
    "played",
    "sample",
    "take",
]
