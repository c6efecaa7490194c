"""The domain: marketing and e-mail. No Flask, no APScheduler, no Celery.

ROOMS is the architecture in one place: each room may use only the rooms before it, and only
through its door (its `__init__.py`). `tests/house/` holds the code to it.
"""

GROUND = ("errors", "clock", "config", "links", "fields", "occasions", "merge", "db", "mail")
"""What every room may use; none of it owns a table."""

ROOMS = (
    "runs",
    "staff",
    "customers",
    "purchases",
    "signals",
    "suggestions",
    "suppression",
    "content",
    "messages",
    "tracking",
    "scoring",
    "segments",
    "newsletters",
    "letters",
    "journeys",
    "simulations",
    "privacy",
    "signups",
    "reports",
    "demonstration",
)
"""The rooms, lowest first."""
