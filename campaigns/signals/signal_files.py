"""Files of signals: a line for each thing that happened to a customer."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple, cast
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.customers import (
    Context,
    Convert,
    Customer,
    DayOrder,
    Options,
    Tally,
    Target,
    clean,
    normalise_address,
    plain_cell,
    read_date,
    read_moment,
    read_number,
)
from campaigns.db.expressions import among
from campaigns.errors import Invalid
from campaigns.signals.actions import bulk_record
from campaigns.signals.rules import KNOWN, SignalFacts, read_kind

_TARGETS = (
    Target("kind", "What happened", ", ".join(KNOWN) + ", or a word of your own.", ("signal", "event", "type", "event type", "evenement", "quoi")),
    Target("key", "Its number", "A ticket, a basket, a contract: the same number counts once.", ("id", "ticket", "ticket id", "case", "case number", "number", "reference", "ref", "basket id", "contract", "numero", "dossier", "numero de dossier", "contrat")),
    Target("email", "Customer's address", "", ("mail", "e-mail", "email address", "customer email", "courriel", "adresse mail", "adresse e-mail")),
    Target("customer_number", "Customer number", "", ("customer", "customer id", "customerid", "customer no", "client", "numero client", "code client", "id client")),
    Target("happened_at", "When", "With or without the time of day.", ("at", "date", "when", "opened at", "closed at", "created at", "timestamp", "quand", "date evenement")),
    Target("date", "A day it speaks of", "The end of a contract.", ("ends on", "end date", "due date", "expires", "date de fin", "echeance")),
    Target("subject", "What it is about", "A document, a product, a survey.", ("document", "title", "about", "topic", "product", "objet", "sujet", "titre", "produit")),
    Target("score", "A number given", "The mark of a survey, the worth of a basket.", ("mark", "rating", "note", "value", "amount", "valeur", "montant")),
    Target("text", "Words", "What the customer wrote.", ("comment", "message", "words", "commentaire", "texte")),
)  # fmt: skip
LARGEST_SCORE = 10**12


class _Row(NamedTuple):
    """One line of a file: whose signal it is, and what it says."""

    email: str
    customer_number: str
    kind: str
    key: str
    at: datetime
    data: dict[str, Any]


class SignalFiles:
    """The kind `signals`."""

    name = "signals"
    label = "Signals (complaints, surveys, baskets, …)"

    def targets(self, session: Session) -> Sequence[Target]:  # noqa: ARG002
        """The same for every shop."""
        return _TARGETS

    def faults(self, options: Options) -> dict[str, str]:
        """A signal needs a kind, a customer and a moment."""
        chosen = set(options.mapping.values())
        missing = []
        if "kind" not in chosen:
            missing.append("what happened")
        if not chosen & {"email", "customer_number"}:
            missing.append("the customer's address or number")
        if "happened_at" not in chosen:
            missing.append("when")
        return {"mapping": f"Say which column holds {', '.join(missing)}."} if missing else {}

    def group(self, options: Options) -> Callable[[list[str]], str] | None:  # noqa: ARG002
        """Every line stands for itself."""
        return None

    def identity(self, facts: _Row) -> str:
        """Whose, what and which."""
        return f"{facts.email or facts.customer_number}\n{facts.kind}\n{facts.key}"

    def converter(self, session: Session, options: Options, now: datetime) -> Convert:  # noqa: ARG002
        """From fields to one row."""
        return _converter(options, now)

    def store(
        self, session: Session, rows: Sequence[tuple[int, _Row]], context: Context, tally: Tally
    ) -> None:
        """Find the customers and record what is new."""
        known = _customers(session, [row for _, row in rows])
        kept: list[tuple[int, SignalFacts]] = []
        for line, row in rows:
            found = known.get(f"#{row.customer_number}") or known.get(row.email)
            if found is None:
                said = row.email or f"number {row.customer_number}"
                tally.add(
                    line, "rejected", row.key, f"No customer is known by {said}; import the customers first."
                )
                continue
            kept.append((line, SignalFacts(found, row.kind, row.key, row.at, row.data)))
        fates = bulk_record(session, [facts for _, facts in kept], now=context.now, is_dry=context.is_dry)
        for (line, facts), fate in zip(kept, fates, strict=True):
            tally.add(line, fate, facts.key)


def _customers(session: Session, rows: Sequence[_Row]) -> Mapping[str, int]:
    """Ids by address key, and by number after a #."""
    numbers = {row.customer_number for row in rows if row.customer_number}
    keys = {row.email for row in rows if row.email}
    known: dict[str, int] = {}
    for column, wanted, mark in ((Customer.number, numbers, "#"), (Customer.address_key, keys, "")):
        if wanted:
            found = session.execute(select(column, Customer.id).where(among(column, wanted)))
            known |= {f"{mark}{key}": customer_id for key, customer_id in found}
    return known


def _converter(options: Options, now: datetime) -> Convert:
    order, zone = cast(DayOrder, options.day_order), ZoneInfo(options.zone)

    @lru_cache(4_096)
    def moment(text: str) -> datetime:
        found = read_moment(text, zone, order)
        if (found - now).days > 1:
            raise Invalid(
                f"“{text}” lies in the future; a day that is to come belongs in “A day it speaks of”."
            )
        return found

    readers: dict[str, Callable[[str], Any]] = {
        "kind": lru_cache(256)(read_kind),
        "key": lambda text: clean(text, 100, "The number"),
        "email": lambda text: normalise_address(text).key,
        "customer_number": lambda text: clean(text, 100, "The customer number"),
        "happened_at": moment,
        "date": lambda text: read_date(text, order).isoformat(),
        "subject": lambda text: clean(text, 300, "The subject"),
        "score": lambda text: _score(read_number(text, options.decimal_mark)),
        "text": lambda text: clean(text, 300, "The text"),
    }
    columns = {target.name: options.column(target.name) for target in _TARGETS}
    plan = [(p, name, options.header[p], readers[name]) for name, p in columns.items() if p is not None]

    def convert(fields: list[str]) -> _Row:
        told: dict[str, Any] = {}
        for p, name, heading, read in plan:
            text = fields[p]
            if not text or text.isspace():
                continue
            try:
                told[name] = read(plain_cell(text) if text[0] == "'" else text.strip())
            except Invalid as error:
                raise Invalid(f"{heading}: {error}") from None
        return _row(told)

    return convert


def _score(number: Decimal) -> float:
    if abs(number) >= LARGEST_SCORE:
        raise Invalid("The number is too large.")
    return float(number)


def _row(told: Mapping[str, Any]) -> _Row:
    for name, what in (("kind", "What happened"), ("happened_at", "The moment")):
        if name not in told:
            raise Invalid(f"{what} is missing.")
    if "email" not in told and "customer_number" not in told:
        raise Invalid("There is no customer: neither address nor number.")
    if told["kind"] == "contract_ends" and "date" not in told:
        raise Invalid("A contract that ends needs its day, in the column “A day it speaks of”.")
    data = {name: told[name] for name in ("date", "subject", "score", "text") if name in told}
    # Without a number of its own a signal is known by its moment: the same line read again counts once.
    key = told.get("key") or told["happened_at"].isoformat()
    return _Row(
        told.get("email", ""), told.get("customer_number", ""), told["kind"], key, told["happened_at"], data
    )


SIGNAL_FILES = SignalFiles()
