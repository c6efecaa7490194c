"""The database: engine, column types, transaction rules. The only place that names a dialect."""

from campaigns.db.base import Base, Id, Money, json_type
from campaigns.db.engine import (
    UNSTORABLE,
    Database,
    connect,
    free_rows,
    insert_missing,
    prepare_for_many,
    refresh_statistics,
    upsert,
)
from campaigns.db.paging import Page, page
from campaigns.db.types import UTC, UTCDateTime

__all__ = [
    "UNSTORABLE",
    "UTC",
    "Base",
    "Database",
    "Id",
    "Money",
    "Page",
    "UTCDateTime",
    "connect",
    "free_rows",
    "insert_missing",
    "json_type",
    "page",
    "prepare_for_many",
    "refresh_statistics",
    "upsert",
]
