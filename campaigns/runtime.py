"""The roof: everything a view or a job needs, assembled once and handed down. No globals."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session

from campaigns import merge, occasions
from campaigns.clock import Clock, SystemClock
from campaigns.config import Config, signing_secrets
from campaigns.customers import CUSTOMER_FILES, GATE, Kind
from campaigns.db import Database, connect
from campaigns.fields import Fields, gather
from campaigns.links import Links
from campaigns.mail import InboxFolder, Mailer, SandboxMailer, SmtpMailer
from campaigns.messages import Policy, Refusal, RefusalHook, is_hard
from campaigns.privacy import address_gate
from campaigns.purchases import ORDER_FILES
from campaigns.scoring import spared_promotions
from campaigns.signals import SIGNAL_FILES
from campaigns.suppression import Pepper
from campaigns.tracking import diagnose, guard_mailings, mailings_of, record_bounce


@dataclass(frozen=True)
class Runtime:
    """One assembled Liaison."""

    config: Config
    database: Database
    clock: Clock
    links: Links
    secrets: tuple[str, ...]
    pepper: Pepper
    fields: Fields
    occasions: Mapping[str, occasions.Occasion]
    merge_sources: Mapping[str, merge.MergeSource]
    mailer: Mailer
    refusal_hooks: tuple[RefusalHook, ...]
    import_kinds: Mapping[str, Kind]

    @property
    def policy(self) -> Policy:
        """How much is too much, by the settings."""
        return Policy(self.config.pressure, self.config.zone, spared_promotions())

    def transaction(self) -> AbstractContextManager[Session]:
        """A block that writes: committed at its end, rolled back if it raises."""
        return self.database.transaction()

    def reading(self) -> AbstractContextManager[Session]:
        """A block that only reads."""
        return self.database.reading()


def assemble(
    config: Config,
    *,
    clock: Clock | None = None,
    database: Database | None = None,
    mailer: Mailer | None = None,
) -> Runtime:
    """Build the runtime of `config`; a test hands in its own clock, database or mailer."""
    keys = tuple(signing_secrets(config))
    pepper = Pepper(keys)
    database = database or connect(config.database.url)
    database.info[GATE] = address_gate(pepper)
    return Runtime(
        config=config,
        database=database,
        clock=clock or SystemClock(),
        links=Links(keys, config.web.base_url),
        secrets=keys,
        pepper=pepper,
        fields=gather(config.shop.currency),
        occasions=occasions.gather(),
        merge_sources=merge.gather(),
        mailer=mailer or _mailer(config, clock),
        refusal_hooks=(_record_refusals, partial(_guard_mailings, config)),
        import_kinds={kind.name: kind for kind in (CUSTOMER_FILES, ORDER_FILES, SIGNAL_FILES)},
    )


def _mailer(config: Config, clock: Clock | None) -> Mailer:
    out = SmtpMailer(config.smtp, config.smtp.password.get_secret_value(), config.sender.domain)
    if not config.sandbox.is_on:
        return out
    return SandboxMailer(out, InboxFolder(config.data.folder / "inbox"), config.sandbox.allowed, clock)


def _record_refusals(session: Session, refusals: Sequence[Refusal], now: datetime) -> None:
    """What the mail server refused for good stands in `tracking` as a bounce; a dead address is suppressed."""
    for refusal in refusals:
        words = f"{refusal.code} {refusal.text}"
        found = diagnose(refusal.enhanced, words, step="rcpt" if refusal.step == "rcpt" else "data")
        record_bounce(
            session,
            refusal.message_id,
            code=refusal.enhanced or str(refusal.code),
            text=words,
            is_hard=found.is_hard and is_hard(refusal),  # a dead address only if both readings say so
            now=now,
            cause=found.cause,
            rule=found.rule,
        )


def _guard_mailings(config: Config, session: Session, refusals: Sequence[Refusal], now: datetime) -> None:
    """Within the same transaction, so that a mailing to dead addresses pauses after hundreds, not thousands."""
    mailings = mailings_of(session, (refusal.message_id for refusal in refusals))
    guard_mailings(session, config.guard, now=now, mailings=mailings)
