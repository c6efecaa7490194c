"""Where a click may lead: only to an address that stands in that mail, or one we have signed for that person.

Targets are kept in memory by mailing, so that a click needs no database; those of recent mailings are read
ahead, so that a click works while the database is locked or gone.
"""

from collections import OrderedDict
from threading import Lock
from urllib.parse import quote

from sqlalchemy import select

from campaigns.content import Version
from campaigns.db import Database
from campaigns.links import Links
from campaigns.messages import Mailing

MOST = 5_000
AHEAD = 500


class Redirects:
    """The targets of mailings, by mailing and position. One for each process; safe among threads."""

    def __init__(self, database: Database, links: Links) -> None:
        self._database = database
        self._links = links
        self._known: OrderedDict[int, tuple[str, ...]] = OrderedDict()
        self._lock = Lock()

    def read_ahead(self) -> int:
        """Take the newest mailings into memory; returns how many."""
        newest = select(Mailing.id).order_by(Mailing.id.desc()).limit(AHEAD)
        wanted = (
            select(Mailing.id, Version.links)
            .join(Version, Version.id == Mailing.version_id)
            .where(Mailing.id.in_(newest))
        )
        with self._database.reading() as session:
            rows = session.execute(wanted).all()
        for mailing_id, links in rows:
            self._keep(mailing_id, links)
        return len(rows)

    def target(self, mailing_id: int, position: int) -> str | None:
        """The address at this position of the mailing's letter; None if there is none.

        Raises what the database raises when it has to be asked and does not answer.
        """
        targets = self._known.get(mailing_id)
        if targets is None:
            targets = self._ask(mailing_id)
        return targets[position] or None if 0 <= position < len(targets) else None

    def sealed(self, token: str, position: int, target: str, seal: str) -> str | None:
        """`target`, if we have signed it for this token and position and it is a web address."""
        if not self._links.is_sealed_click(token, position, target, seal):
            return None
        return web_address(target) or None

    def _ask(self, mailing_id: int) -> tuple[str, ...]:
        wanted = (
            select(Version.links)
            .join(Mailing, Mailing.version_id == Version.id)
            .where(Mailing.id == mailing_id)
        )
        with self._database.reading() as session:
            links = session.scalar(wanted)
        return self._keep(mailing_id, links) if links is not None else ()

    def _keep(self, mailing_id: int, links: list[dict[str, str]]) -> tuple[str, ...]:
        # A target that holds Jinja belongs to one person and leads nowhere without its seal.
        urls = [str(link.get("url", "")) for link in links]
        targets = tuple("" if "{{" in url or "{%" in url else web_address(url) for url in urls)
        with self._lock:
            self._known[mailing_id] = targets
            while len(self._known) > MOST:
                self._known.popitem(last=False)
        return targets


def web_address(url: str) -> str:
    """`url` as it may stand in a header line: http or https, ASCII, nothing that breaks out; else "" ."""
    if not url[:8].lower().startswith(("http://", "https://")) or not url.isprintable() or "\\" in url:
        return ""
    return quote(url, safe="%/:=&?~#+!$,;'@()*[]")
