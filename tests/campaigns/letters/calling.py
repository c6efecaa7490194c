"""What tests of occasions share: who is called in a span of time, and short ways to live a customer's life."""

from datetime import UTC, date, datetime
from typing import Any

from campaigns import letters
from campaigns.purchases import record_purchase
from campaigns.runtime import Runtime
from campaigns.signals import record
from tests.cast import person


def at(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def add(runtime: Runtime, email: str, **fields: Any) -> int:
    """A customer who agreed now."""
    with runtime.transaction() as session:
        return person(session, email, now=runtime.clock.now(), **fields).id


def buy(runtime: Runtime, customer_id: int, number: str, when: str, amount: int = 4990, **more: Any) -> None:
    """One order in euros."""
    with runtime.transaction() as session:
        record_purchase(
            session,
            number=number,
            customer_id=customer_id,
            purchased_at=at(when),
            amount=amount,
            currency="EUR",
            now=runtime.clock.now(),
            **more,
        )


def tell(runtime: Runtime, customer_id: int, kind: str, key: str, when: str, **data: Any) -> None:
    """One signal of the shop."""
    with runtime.transaction() as session:
        record(
            session,
            customer_id,
            kind=kind,
            key=key,
            at=at(when),
            data=data,
            now=max(at(when), runtime.clock.now()),
        )


def fired(
    runtime: Runtime, name: str, since: str, until: str, *, hour: int = 9, **options: Any
) -> list[tuple[int, str, str]]:
    """(customer, key, moment in UTC) of everybody called between the two, in the order of the moments."""
    occasion = runtime.occasions[name]
    answers = occasion.read_options(options)
    with runtime.reading() as session:
        zones = letters.zones_of_customers(session, runtime.config.zone)
        parts = letters.called(occasion, answers, hour=hour, zones=zones, since=at(since), until=at(until))
        of_customer = {row.id: row.zone for row in session.query(_customer())}
        rows = [row for part in parts for row in session.execute(part)]
    found = []
    for row in rows:
        assert set(row.facts) == {fact.name for fact in occasion.facts}, "the facts are those declared"
        moment = letters.moment_of(
            answers,
            hour,
            zones[of_customer[row.customer_id]],
            due_on=date.fromisoformat(row.due_on),
            happened_at=row.happened_at,
        )
        found.append((row.customer_id, row.occasion_key, moment.strftime("%Y-%m-%d %H:%M")))
    return sorted(found, key=lambda each: (each[2], each[0], each[1]))


def prepare(runtime: Runtime, name: str, **options: Any) -> int:
    """Bring up to date what the occasion keeps."""
    occasion = runtime.occasions[name]
    assert occasion.prepare is not None
    with runtime.transaction() as session:
        answers = occasion.read_options(options)
        return occasion.prepare(session, answers, runtime.fields, runtime.config.zone, runtime.clock.now())


def _customer() -> Any:
    from campaigns.customers import Customer

    return Customer
