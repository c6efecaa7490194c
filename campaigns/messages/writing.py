"""From a claimed message to its bytes: the mailing's frame and words prepared once, the reader's values filled in."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from campaigns.config import Config
from campaigns.content import Filler, Version, reader_values, sources_used
from campaigns.errors import LiaisonError
from campaigns.links import Links
from campaigns.mail import Answer, Frame, Manner, wire_address
from campaigns.mail.dkim import Signer, read_key
from campaigns.merge import MergeSource
from campaigns.messages.claiming import Claimed
from campaigns.messages.model import Mailing
from campaigns.messages.queries import message_id_header

_MOST_MAILINGS = 50


class CannotWrite(Exception):
    """This message cannot be made into a mail; `answer` says why, as if a server had."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.text)
        self.answer = answer


class Prepared:
    """One mailing, ready to be written to any of its readers."""

    def __init__(
        self, mailing: Mailing, version: Version, config: Config, links: Links, sources: Iterable[str]
    ) -> None:
        self.mailing_id = mailing.id
        self.words = Filler(
            version,
            config=config,
            links=links,
            subject=mailing.subject or None,
            preheader=mailing.preheader or None,
            shows_day=mailing.is_tracked and bool(config.stale.hygiene_from),
        )
        own = f"{mailing.subject} {mailing.preheader}"  # may name what the version itself does not
        named = {name for name in sources if f"{name}." in own}
        self.sources = tuple(sorted({*sources_used(version), *named}))
        # A body in its own relaxed form is hashed in one pass where it is signed.
        self.frame = Frame(manner(mailing, config), is_tight=bool(config.dkim.selector))
        self.bounce_domain = config.sender.bounce_domain or self.frame.domain


def manner(mailing: Mailing, config: Config) -> Manner:
    """How the mails of this mailing are addressed and marked."""
    shop = mailing.sender_name or config.sender.name or config.shop.name
    return Manner(
        sender_name=shop,
        sender_email=mailing.sender_email or config.sender.email,
        reply_to=mailing.reply_to or config.sender.reply_to,
        list_name=config.shop.name,
        list_key="newsletters" if mailing.kind == "newsletter" else "letters",
        feedback=f"{mailing.kind[0]}{mailing.source_id or 0}-{mailing.id}",
        is_automatic=mailing.kind in ("letter", "journey"),
        base_url=config.web.base_url.rstrip("/"),
        returns_domain=config.sender.bounce_domain,
    )


def signer(config: Config) -> Signer | None:
    """What signs our letters, if the settings name a key; ConfigError if that key is not there."""
    selectors = [name for name in (config.dkim.selector, config.dkim.ed25519_selector) if name]
    folder, domain = config.data.folder / "dkim", config.sender.domain
    keys = [read_key(folder, domain=domain, selector=selector) for selector in selectors]
    return Signer(keys) if keys else None


class Writer:
    """Keeps the mailings in use prepared, loads the values of a batch, and writes each mail."""

    def __init__(self, config: Config, links: Links, sources: Mapping[str, MergeSource]) -> None:
        self._config, self._links, self._sources = config, links, sources
        self._prepared: dict[int, Prepared] = {}
        self._values: dict[int, dict[str, Any]] = {}
        self._in_use: Counter[int] = Counter()
        self._broken: dict[int, str] = {}
        self._signer = signer(config)

    def load(self, session: Session, batch: Sequence[Claimed], now: datetime) -> None:
        """Prepare the mailings of the batch, and load for its customers the values their versions use."""
        groups: dict[tuple[str, ...], list[Claimed]] = {}
        for message in batch:
            self._in_use[message.mailing_id] += 1
            prepared = self._of(session, message.mailing_id)
            if prepared is not None:
                groups.setdefault(prepared.sources, []).append(message)
        for names, messages in groups.items():
            customers = sorted({m.customer_id for m in messages if m.customer_id is not None})
            values = reader_values(session, names, customers, now=now, sources=self._sources)
            for message in messages:
                self._values[message.id] = values.get(message.customer_id or 0, {})

    def _of(self, session: Session, mailing_id: int) -> Prepared | None:
        """The mailing prepared; None if its words cannot be made into mails at all."""
        prepared = self._prepared.pop(mailing_id, None)
        if prepared is None:
            mailing = session.get_one(Mailing, mailing_id)
            version = session.get_one(Version, mailing.version_id)
            try:
                prepared = Prepared(mailing, version, self._config, self._links, self._sources)
            except LiaisonError as error:
                self._broken[mailing_id] = str(error)
                return None
            for old in [id_ for id_ in self._prepared if not self._in_use[id_]]:
                if len(self._prepared) >= _MOST_MAILINGS:
                    del self._prepared[old]
        self._prepared[mailing_id] = prepared  # the last used stands last
        return prepared

    def prepared(self, mailing_id: int) -> Prepared:
        """A mailing that `load` has met."""
        return self._prepared[mailing_id]

    def give(self, message: Claimed, values: dict[str, Any]) -> None:
        """These values instead of the loaded ones: a test is written with another's."""
        self._values[message.id] = values

    def forget(self, message: Claimed) -> None:
        """It is done with, one way or the other."""
        self._values.pop(message.id, None)
        self._in_use[message.mailing_id] -= 1

    def write(self, message: Claimed, now: datetime) -> None:
        """Put sender, recipient and body into the message; raises CannotWrite."""
        prepared = self._prepared.get(message.mailing_id)
        if prepared is None:
            words = self._broken.get(message.mailing_id, "The mailing could not be prepared.")
            raise CannotWrite(Answer("fill", None, words))
        values = {**self._values.get(message.id, {}), "letter": message.facts or {}}
        message.recipient = ""
        try:
            address, message.needs_utf8 = wire_address(message.address)
            token = self._links.token(message.id, message.mailing_id)
            bounce = self._links.token(message.id, message.mailing_id, "bounce")
            message.sender = f"bounce+{bounce}@{prepared.bounce_domain}"
            message.recipient = address
            message.body = prepared.frame.mail(
                to_name=message.name,
                to_address=address,
                subject=prepared.words.subject(values),
                text=prepared.words.text(values, is_tracked=message.is_tracked, token=token),
                html=prepared.words.html(values, is_tracked=message.is_tracked, token=token),
                token=token,
                message_id=message_id_header(
                    self._links, message.id, message.mailing_id, prepared.frame.domain
                ),
                now=now,
            )
            if self._signer is not None:
                message.body = self._signer.sign(message.body, now=now) + message.body
        except LiaisonError as error:
            step = "address" if not message.recipient else "fill"
            raise CannotWrite(Answer(step, None, str(error))) from error
