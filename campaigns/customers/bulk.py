"""Store many customers at once: found by address or number, added or brought up to date, their consents written down."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from operator import itemgetter
from typing import Any

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from campaigns.customers.gate import FORGOTTEN, barred
from campaigns.customers.model import Consent, Customer, Tag
from campaigns.customers.rules import CustomerFacts
from campaigns.db import upsert
from campaigns.db.bulk import insert_rows, reserve_ids
from campaigns.db.expressions import among

BATCH = 5_000

_COLUMNS = (
    "email",
    "address_key",
    "domain",
    "number",
    "first_name",
    "last_name",
    "birth_month",
    "birth_day",
    "birth_year",
    "language",
    "zone",
    "country",
    "attributes",
    "may_mail",
    "may_track",
    "source",
    "created_at",
    "updated_at",
)
_NEW = ("id", *_COLUMNS)
_values_of = itemgetter(*_NEW)
_KEPT = ("may_mail", "may_track", "source", "created_at")
_KNOWN = ("id", *(name for name in _COLUMNS if name not in ("source", "created_at", "updated_at")))
_CHANGING = tuple(name for name in _COLUMNS if name not in _KEPT)
_CONSENT = (
    "customer_id",
    "purpose",
    "is_granted",
    "at",
    "act",
    "source",
    "legal_basis",
    "wording",
    "evidence",
)

_State = dict[str, Any]


@dataclass(frozen=True)
class Terms:
    """On what grounds a batch comes in: written beside every consent it grants.

    `evidence` stands before the line number in each consent's proof.
    """

    source: str
    legal_basis: str = ""
    act: str = "import"
    wording: str = ""
    evidence: str = ""


@dataclass
class Tally:
    """What became of each line: counts, a few examples of each fate, and all that were refused."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    rejected: list[tuple[int, str]] = field(default_factory=list)
    most: int = 5

    def wants(self, fate: str) -> bool:
        """Whether another example of this fate would be kept."""
        return len(self.examples.get(fate, ())) < self.most

    def add(self, line: int, fate: str, who: str = "", what: str = "") -> None:
        """Count a line; a refused one keeps its reason."""
        self.counts[fate] += 1
        if fate == "rejected":
            self.rejected.append((line, what))
        if self.wants(fate):
            self.examples.setdefault(fate, []).append({"line": line, "who": who, "what": what})


@dataclass
class _Batch:
    """A batch while it is decided: everybody it touches, by address and by number, and what is to be written."""

    now: datetime
    terms: Terms
    by_key: dict[str, _State]
    by_number: dict[str, _State]
    suppressed: set[str]
    withdrawn: set[tuple[int, str]]
    tagged: set[tuple[int, str]]
    barred: set[str] = field(default_factory=set)
    fresh: list[_State] = field(default_factory=list)
    touched: dict[int, _State] = field(default_factory=dict)
    consents: list[tuple[_State, str, bool, datetime, int]] = field(default_factory=list)
    tags: list[tuple[_State, str]] = field(default_factory=list)


def bulk_add_customers(
    session: Session,
    rows: Iterable[CustomerFacts],
    *,
    source: str,
    now: datetime,
    legal_basis: str = "",
    act: str = "import",
    wording: str = "",
    suppressed: Select[Any] | None = None,
) -> Counter[str]:
    """Store many people, thousands a second; how many were new, changed, unchanged, suppressed, rejected.

    `rows` are facts as checked by `normalise_address` and the readers. Whoever is among the `suppressed` (a
    select of address keys) or has withdrawn keeps unwritten, whatever a row grants.
    """
    tally = Tally(most=0)
    terms = Terms(source, legal_basis, act, wording)
    remaining = iter(rows)
    line = 0
    while batch := list(islice(remaining, BATCH)):
        store_customers(
            session,
            list(enumerate(batch, line + 1)),
            terms=terms,
            suppressed=suppressed,
            now=now,
            tally=tally,
        )
        line += len(batch)
    return tally.counts


def store_customers(
    session: Session,
    rows: Sequence[tuple[int, CustomerFacts]],
    *,
    terms: Terms,
    suppressed: Select[Any] | None,
    now: datetime,
    tally: Tally,
    is_dry: bool = False,
) -> None:
    """Decide and (unless `is_dry`) write one batch of `(line, facts)`, at most a few thousand."""
    batch = _look_up(session, rows, suppressed, terms, now)
    for line, facts in rows:
        _absorb(batch, line, facts, tally)
    if not is_dry:
        _write(session, batch)


def _look_up(
    session: Session,
    rows: Sequence[tuple[int, CustomerFacts]],
    suppressed: Select[Any] | None,
    terms: Terms,
    now: datetime,
) -> _Batch:
    keys = [facts.address.key for _, facts in rows if facts.address is not None]
    numbers = [facts.number for _, facts in rows if facts.number]
    by_key: dict[str, _State] = {}
    by_number: dict[str, _State] = {}
    columns = [getattr(Customer, name) for name in _KNOWN]
    for column, wanted in ((Customer.address_key, keys), (Customer.number, numbers)):
        if not wanted:
            continue
        for row in session.execute(select(*columns).where(among(column, wanted))):
            state = dict(zip(_KNOWN, row, strict=True))
            if state["address_key"] not in by_key:
                by_key[state["address_key"]] = state
                if state["number"] is not None:
                    by_number[state["number"]] = state
    banned: set[str] = set()
    if suppressed is not None and (keys or by_key):
        subquery = suppressed.subquery()
        key = subquery.c[0]
        banned = set(session.scalars(select(key).where(among(key, [*keys, *by_key]))))
    silent = [state["id"] for state in by_key.values() if not (state["may_mail"] and state["may_track"])]
    gone = (
        select(Consent.customer_id, Consent.purpose)
        .where(among(Consent.customer_id, silent), ~Consent.is_granted)
        .distinct()
    )
    withdrawn = {(row[0], row[1]) for row in session.execute(gone)} if silent else set()
    tagged: set[tuple[int, str]] = set()
    if by_key and any(facts.tags for _, facts in rows):
        ids = [state["id"] for state in by_key.values()]
        found = session.execute(select(Tag.customer_id, Tag.tag).where(among(Tag.customer_id, ids)))
        tagged = {(row[0], row[1]) for row in found}
    unknown = {key for key in keys if key not in by_key}
    return _Batch(now, terms, by_key, by_number, banned, withdrawn, tagged, barred(session, unknown))


def _absorb(batch: _Batch, line: int, facts: CustomerFacts, tally: Tally) -> None:
    """Decide one line: whom it means, what it changes, what it grants."""
    if facts.address is not None and facts.address.key in batch.barred:
        tally.add(line, "rejected", "", FORGOTTEN)  # without the address: it must not be kept in clear
        return
    found = _whom(batch, facts)
    if isinstance(found, str):
        tally.add(line, "rejected", facts.address.email if facts.address else facts.number, found)
        return
    if found is None:
        state, fate, what = _begin(batch, facts), "new", ""
    else:
        state = found
        changes = _changes(state, facts)
        fate = "changed" if changes else "unchanged"
        what = _in_words(state, changes) if changes and tally.wants("changed") else ""
        if changes:
            _apply(batch, state, changes)
    if _decide_consents(batch, state, facts, line) and fate == "unchanged":
        fate = "changed"
        what = "consent"
    if _add_tags(batch, state, facts) and fate == "unchanged":
        fate, what = "changed", "tags"
    if is_out := _is_out(batch, state):
        fate, what = "suppressed", is_out
    tally.add(line, fate, state["email"], what)


def _whom(batch: _Batch, facts: CustomerFacts) -> _State | str | None:
    """The customer meant, None for a new one, or why that cannot be told."""
    by_key = batch.by_key.get(facts.address.key) if facts.address is not None else None
    if not facts.number:
        return by_key
    by_number = batch.by_number.get(facts.number)
    if by_number is None:
        if by_key is None:
            return (
                None
                if facts.address is not None
                else f"Nobody has the number {facts.number}, and there is no address."
            )
        if by_key["number"] is not None:
            return f"{by_key['email']} already has another number, {by_key['number']}."
        return by_key
    if by_key is not None and by_key is not by_number:
        return f"The number {facts.number} is {by_number['email']}'s, not {by_key['email']}'s."
    return by_number


def _begin(batch: _Batch, facts: CustomerFacts) -> _State:
    assert facts.address is not None
    month, day, year = facts.birthday or (None, None, None)
    state: _State = {
        "id": None,
        "email": facts.address.email,
        "address_key": facts.address.key,
        "domain": facts.address.domain,
        "number": facts.number or None,
        "first_name": facts.first_name,
        "last_name": facts.last_name,
        "birth_month": month,
        "birth_day": day,
        "birth_year": year,
        "language": facts.language,
        "zone": facts.zone,
        "country": facts.country,
        "attributes": dict(facts.attributes),
        "may_mail": False,
        "may_track": False,
        "source": batch.terms.source[:200],
        "created_at": facts.created_at or batch.now,
        "updated_at": batch.now,
    }
    batch.fresh.append(state)
    batch.by_key[facts.address.key] = state
    if facts.number:
        batch.by_number[facts.number] = state
    return state


def _changes(state: _State, facts: CustomerFacts) -> _State:
    """The columns that the line says otherwise; what it does not say stays."""
    told: _State = {}
    if facts.address is not None and facts.address.key != state["address_key"]:
        email, key, domain = facts.address
        told = {"email": email, "address_key": key, "domain": domain}
    if facts.number and facts.number != state["number"]:
        told["number"] = facts.number
    for name in ("first_name", "last_name", "language", "zone", "country"):
        value = getattr(facts, name)
        if value and value != state[name]:
            told[name] = value
    if facts.birthday is not None:
        month, day, year = facts.birthday
        if (month, day) != (state["birth_month"], state["birth_day"]):
            told |= {"birth_month": month, "birth_day": day, "birth_year": year}
        elif year is not None and year != state["birth_year"]:
            told["birth_year"] = year
    if facts.attributes:
        merged = {**state["attributes"], **facts.attributes}
        if merged != state["attributes"]:
            told["attributes"] = merged
    return told


def _apply(batch: _Batch, state: _State, changes: _State) -> None:
    if "address_key" in changes:
        batch.by_key.pop(state["address_key"], None)
        batch.by_key[changes["address_key"]] = state
    if "number" in changes:
        batch.by_number[changes["number"]] = state
    state.update(changes)
    state["updated_at"] = batch.now
    if state["id"] is not None:
        batch.touched[state["id"]] = state


def _decide_consents(batch: _Batch, state: _State, facts: CustomerFacts, line: int) -> bool:
    """Grant or withdraw what the line says; never revive who is suppressed or withdrew."""
    is_moved = False
    told = (("mail", "may_mail", facts.may_mail), ("tracking", "may_track", facts.may_track))
    for purpose, column, wish in told:
        if wish is None or wish == state[column]:
            continue
        if wish and (_is_out(batch, state) or (state["id"], purpose) in batch.withdrawn):
            continue
        state[column] = wish
        if not wish and state["id"] is not None:
            batch.withdrawn.add((state["id"], purpose))
        at = min(facts.consented_at or batch.now, batch.now) if wish else batch.now
        batch.consents.append((state, purpose, wish, at, line))
        if state["id"] is not None:
            state["updated_at"] = batch.now
            batch.touched[state["id"]] = state
        is_moved = True
    return is_moved


def _add_tags(batch: _Batch, state: _State, facts: CustomerFacts) -> bool:
    fresh = [tag for tag in facts.tags if state["id"] is None or (state["id"], tag) not in batch.tagged]
    for tag in fresh:
        batch.tags.append((state, tag))
        if state["id"] is not None:
            batch.tagged.add((state["id"], tag))
    return bool(fresh)


def _is_out(batch: _Batch, state: _State) -> str:
    """Why this person is not to be written to, whatever the file says; "" if nothing stands against it."""
    if state["address_key"] in batch.suppressed:
        return "The address is suppressed."
    if (state["id"], "mail") in batch.withdrawn and not state["may_mail"]:
        return "The person withdrew the consent to be written to."
    return ""


def _in_words(state: Mapping[str, Any], changes: Mapping[str, Any]) -> str:
    parts = []
    for name, value in changes.items():
        if name in ("address_key", "domain"):
            continue
        if name == "attributes":
            parts += [
                f"{key}: {state[name].get(key, '–')} → {new}"
                for key, new in value.items()
                if state[name].get(key) != new
            ]
        else:
            before = state[name]
            parts.append(f"{name.replace('_', ' ')}: {'–' if before in (None, '') else before} → {value}")
    return ", ".join(parts)[:300]


def _write(session: Session, batch: _Batch) -> None:
    for state, customer_id in zip(batch.fresh, reserve_ids(session, Customer, len(batch.fresh)), strict=True):
        state["id"] = customer_id
    insert_rows(session, Customer, _NEW, [_values_of(state) for state in batch.fresh])
    if batch.touched:
        names = ("id", *_CHANGING, "may_mail", "may_track")
        session.execute(update(Customer), [{n: state[n] for n in names} for state in batch.touched.values()])
    terms = batch.terms
    rest = (terms.act, terms.source[:300], terms.legal_basis, terms.wording[:100])
    insert_rows(
        session,
        Consent,
        _CONSENT,
        [
            (state["id"], purpose, is_granted, at, *rest, f"{terms.evidence}line {line}")
            for state, purpose, is_granted, at, line in batch.consents
        ],
    )
    if batch.tags:
        rows = [{"customer_id": i, "tag": tag} for i, tag in {(s["id"], tag) for s, tag in batch.tags}]
        for start in range(0, len(rows), BATCH):
            session.execute(
                upsert(session, Tag, rows[start : start + BATCH], key=["customer_id", "tag"], update=[])
            )
