"""Every room's tables on one metadata, for migrations and tests; knows the rooms by name only."""

from importlib import import_module
from importlib.util import find_spec

from sqlalchemy import MetaData

from campaigns import ROOMS
from campaigns.db.base import Base


def metadata() -> MetaData:
    """The metadata with the tables of all rooms on it."""
    for room in ROOMS:
        if find_spec(f"campaigns.{room}.model"):
            import_module(f"campaigns.{room}.model")
    return Base.metadata
