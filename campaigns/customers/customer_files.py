"""Files of customers: what their columns can be, and how a line becomes facts about a person."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from campaigns.customers.addresses import Address, normalise_address
from campaigns.customers.bulk import Tally, Terms, store_customers
from campaigns.customers.files import plain_cell
from campaigns.customers.kinds import Context, Convert, Options, Target
from campaigns.customers.queries import attributes, declared
from campaigns.customers.rules import (
    LONGEST,
    CustomerFacts,
    Declared,
    clean,
    read_country,
    read_language,
    read_tag,
    read_zone,
    typed,
)
from campaigns.customers.values import Birthday, DayOrder, read_birthday, read_moment, read_yes
from campaigns.errors import Invalid

_TARGETS = (
    Target("email", "E-mail address", spellings=("mail", "e-mail", "email address", "courriel", "adresse mail", "adresse e-mail", "adresse email", "mel")),
    Target("number", "Customer number", "Finds a customer again, also when the address changes.", ("customer id", "customer no", "id", "external id", "numero client", "no client", "client", "code client", "reference client")),
    Target("first_name", "First name", spellings=("firstname", "given name", "forename", "prenom")),
    Target("last_name", "Last name", spellings=("lastname", "surname", "family name", "nom", "nom de famille")),
    Target("name", "Full name", "The first word becomes the first name.", ("full name", "nom complet", "prenom nom")),
    Target("birthday", "Birthday", "A whole date, or day and month.", ("birth date", "birthdate", "date of birth", "dob", "date de naissance", "anniversaire", "naissance")),
    Target("language", "Language", spellings=("lang", "locale", "langue")),
    Target("zone", "Time zone", spellings=("timezone", "tz", "fuseau", "fuseau horaire")),
    Target("country", "Country", spellings=("country code", "pays", "code pays")),
    Target("tags", "Tags", "Several may stand in one cell, with commas between.", ("tag", "labels", "etiquettes", "mots-cles")),
    Target("consent", "May be written to", "Yes or no for each person; empty says nothing.", ("opt in", "optin", "opt-in", "newsletter", "subscribed", "consentement", "abonne", "accepte newsletter")),
    Target("tracking", "May be measured", "Yes or no: whether opens and clicks may be noted.", ("tracking consent", "suivi")),
    Target("consented_at", "Consent given at", "When the consent was given, if before today.", ("opt in date", "optin date", "consent date", "subscribed at", "date optin", "date de consentement", "date d inscription")),
)  # fmt: skip

ATTRIBUTE = "attribute:"
"""Before the name of a declared attribute, in the name of its target."""


class CustomerFiles:
    """The kind `customers`."""

    name = "customers"
    label = "Customers"

    def targets(self, session: Session) -> Sequence[Target]:
        """The fields every customer has, then the declared attributes."""
        own = (Target(f"{ATTRIBUTE}{a.name}", a.label, "Attribute", (a.name,)) for a in attributes(session))
        return (*_TARGETS, *own)

    def faults(self, options: Options) -> dict[str, str]:
        """A file of customers needs something to know them by."""
        chosen = set(options.mapping.values())
        faults = {}
        if not chosen & {"email", "number"}:
            faults["mapping"] = (
                "Say which column holds the address, or the number of customers already known."
            )
        if "name" in chosen and chosen & {"first_name", "last_name"}:
            faults["mapping"] = "Map either the full name or first and last name, not both."
        return faults

    def group(self, options: Options) -> Callable[[list[str]], str] | None:  # noqa: ARG002
        """Each line stands for itself."""
        return None

    def identity(self, facts: CustomerFacts) -> str:
        """The address, else the number."""
        return facts.address.key if facts.address is not None else f"number {facts.number}"

    def converter(self, session: Session, options: Options, now: datetime) -> Convert:
        """From fields to CustomerFacts."""
        return _converter(options, declared(session), now)

    def store(
        self,
        session: Session,
        rows: Sequence[tuple[int, CustomerFacts]],
        context: Context,
        tally: Tally,
    ) -> None:
        """As `store_customers`, with the legal basis deciding who may be written to."""
        terms = Terms(
            source=context.source,
            legal_basis=context.legal_basis,
            wording=context.options.wording,
            evidence=f"import {context.import_id}, {context.filename}, ",
        )
        if context.options.column("consent") is None and context.legal_basis in (
            "consent",
            "existing_customer",
        ):
            tracking = context.options.may_track and context.options.column("tracking") is None
            rows = [
                (line, facts._replace(may_mail=True, may_track=True if tracking else facts.may_track))
                for line, facts in rows
            ]
        elif context.legal_basis == "contract":
            rows = [
                (line, facts._replace(may_mail=facts.may_mail and None, may_track=facts.may_track and None))
                for line, facts in rows
            ]
        store_customers(
            session,
            rows,
            terms=terms,
            suppressed=context.suppressed,
            now=context.now,
            tally=tally,
            is_dry=context.is_dry,
        )


def _converter(options: Options, known: dict[str, Declared], now: datetime) -> Convert:
    readers = _readers(options, known, now)
    plan = [
        (position, target, target.removeprefix(ATTRIBUTE), options.header[position], readers[target])
        for position, target in options.mapping.items()
        if target in readers
    ]
    fixed_tags = tuple(options.tags)

    def convert(fields: list[str]) -> CustomerFacts:
        told: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for position, target, name, heading, read in plan:
            text = fields[position]
            if not text or text.isspace():
                continue
            if text[0] == "'":
                text = plain_cell(text)
            try:
                value = read(text)
            except Invalid as error:
                raise Invalid(f"{heading}: {error}") from None
            if name != target:
                own[name] = value
            elif target == "name":
                told["first_name"], _, told["last_name"] = value.partition(" ")
            else:
                told[target] = value
        if "email" not in told and "number" not in told:
            raise Invalid("There is no address, and no number to know the person by.")
        return CustomerFacts(
            told.get("email"),
            told.get("number", ""),
            told.get("first_name", ""),
            told.get("last_name", ""),
            told.get("birthday"),
            told.get("language", ""),
            told.get("zone", ""),
            told.get("country", ""),
            own,
            (*fixed_tags, *told.get("tags", ())),
            told.get("consent"),
            told.get("tracking"),
            told.get("consented_at"),
        )

    return convert


def _readers(options: Options, known: dict[str, Declared], now: datetime) -> dict[str, Callable[[str], Any]]:
    order = cast(DayOrder, options.day_order)
    zone = ZoneInfo(options.zone)

    def short(longest: int) -> Callable[[str], str]:
        return lambda text: clean(text, longest)

    def birthday(text: str) -> Birthday:
        found = read_birthday(text, order)
        if found.year is not None and found.year > now.year:
            raise Invalid(f"“{text}” lies in the future.")
        return found

    def consented_at(text: str) -> datetime:
        found = read_moment(text, zone, order)
        if found > now:
            raise Invalid(f"“{text}” lies in the future.")
        return found

    readers: dict[str, Callable[[str], Any]] = {
        "email": _address,
        "number": short(LONGEST["number"]),
        "first_name": lru_cache(20_000)(short(LONGEST["first_name"])),
        "last_name": lru_cache(20_000)(short(LONGEST["last_name"])),
        "name": short(LONGEST["first_name"]),
        "birthday": lru_cache(20_000)(birthday),
        "language": lru_cache(1_000)(read_language),
        "zone": lru_cache(1_000)(read_zone),
        "country": lru_cache(1_000)(read_country),
        "tags": lru_cache(1_000)(_tags),
        "consent": read_yes,
        "tracking": read_yes,
        "consented_at": lru_cache(1_000)(consented_at),
    }
    for name, attribute in known.items():
        readers[f"{ATTRIBUTE}{name}"] = _attribute_reader(attribute, order, options.decimal_mark)
    return readers


def _attribute_reader(attribute: Declared, order: DayOrder, mark: str) -> Callable[[str], Any]:
    return lambda text: typed(attribute, text, order, mark)


def _address(text: str) -> Address:
    return normalise_address(text)


def _tags(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (read_tag(part) for part in text.replace(";", ",").split(","))))


CUSTOMER_FILES = CustomerFiles()
