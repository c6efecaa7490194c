"""Key accounts: proposed by figures, confirmed by a person with a reason and an owner, spared promotions."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from campaigns.config import Config
from campaigns.customers import Customer, get_customer
from campaigns.db.expressions import json_text
from campaigns.errors import Conflict, Invalid, NotFound
from campaigns.purchases import Purchase
from campaigns.scoring.gather import AnySelect, counts
from campaigns.scoring.model import KeyAccount, Score
from campaigns.staff import User

REASONS = {
    "revenue": "Share of revenue",
    "geography": "First or main outlet of a country or region",
    "reference": "Reference: its name speaks for us",
}
"""Why an account is a key account. A reference is a person's judgement; the others are proposed by figures."""

YEAR = timedelta(days=365)
HELD_REASON = "key_account"
"""Why a promotion to a key account is held: its owner has not agreed."""


@dataclass(frozen=True)
class Proposal:
    """One customer who may be a key account, with the figures that say so; amounts in minor units.

    `share` of the revenue of the last 365 days (of the place, for `geography`), `cumulative` with everybody
    before in the list (only for `revenue`).
    """

    customer_id: int
    email: str
    reason: str
    amount: int
    share: float
    cumulative: float | None
    place: str
    because: str


def propose(session: Session, *, now: datetime, config: Config) -> list[Proposal]:
    """Who may be a key account and is none yet: the revenue list first, then the outlets of the places.

    Revenue: the largest amounts of the last 365 days until they make up `key_accounts.share` of all, at most
    `key_accounts.most`. Geography: the account with the first order of a country (or of a region, where
    `key_accounts.region_attribute` names one), and the one with more than `key_accounts.outlet_share` of the
    place's revenue; a place needs `key_accounts.least_customers` buyers, or the list would be all of them.
    """
    known = set(session.scalars(select(KeyAccount.customer_id).where(KeyAccount.ended_at.is_(None))))
    found = [*_by_revenue(session, now, config), *_by_place(session, now, config)]
    return [each for each in found if each.customer_id not in known]


def _revenue(now: datetime, config: Config) -> Any:
    """`(customer_id, amount, first_at)` of everybody with an order that counts in the last 365 days."""
    amount = func.sum(Purchase.amount - Purchase.refunded)
    return (
        select(Purchase.customer_id, amount.label("amount"))
        .where(counts(config.shop.currency), Purchase.purchased_at > now - YEAR, Purchase.purchased_at <= now)
        .group_by(Purchase.customer_id)
        .having(amount > 0)
        .subquery("revenue")
    )


def _by_revenue(session: Session, now: datetime, config: Config) -> list[Proposal]:
    rule = config.key_accounts
    revenue = _revenue(now, config)
    whole = int(session.scalar(select(func.sum(revenue.c.amount))) or 0)
    if whole <= 0 or rule.share <= 0:
        return []
    rows = session.execute(
        select(revenue.c.customer_id, revenue.c.amount, Customer.email, Customer.country)
        .join(Customer, Customer.id == revenue.c.customer_id)
        .order_by(revenue.c.amount.desc(), revenue.c.customer_id)
        .limit(rule.most)
    )
    found, before = [], 0
    for customer_id, amount, email, country in rows:
        if before >= rule.share * whole:
            break
        before += int(amount)
        because = f"{int(amount) / whole:.1%} of the revenue of the last 365 days; with those before it {before / whole:.1%}."
        found.append(
            Proposal(
                customer_id, email, "revenue", int(amount), amount / whole, before / whole, country, because
            )
        )
    return found


def _by_place(session: Session, now: datetime, config: Config) -> list[Proposal]:
    rule = config.key_accounts
    place = place_column(config)
    revenue = _revenue(now, config)
    totals = {
        name: (int(amount), buyers)
        for name, amount, buyers in session.execute(
            select(place, func.sum(revenue.c.amount), func.count())
            .join(Customer, Customer.id == revenue.c.customer_id)
            .where(place.is_not(None), place != "")
            .group_by(place)
        )
        if buyers >= rule.least_customers
    }
    first = _first_of_places(session, now, config)
    ranked = (
        select(
            place.label("place"),
            revenue.c.customer_id,
            revenue.c.amount,
            Customer.email,
            func.row_number()
            .over(partition_by=place, order_by=(revenue.c.amount.desc(), revenue.c.customer_id))
            .label("rank"),
        )
        .join(Customer, Customer.id == revenue.c.customer_id)
        .where(place.is_not(None), place != "")
        .subquery()
    )
    found = []
    for name, customer_id, amount, email, rank in session.execute(
        select(ranked).order_by(ranked.c.place, ranked.c.rank).where(ranked.c.rank == 1)
    ):
        if name not in totals:
            continue
        share = int(amount) / totals[name][0]
        if rank == 1 and share >= rule.outlet_share:
            because = f"Main outlet of {name}: {share:.1%} of its revenue of the last 365 days, among {totals[name][1]:,} buyers."
            found.append(Proposal(customer_id, email, "geography", int(amount), share, None, name, because))
    main = {each.customer_id for each in found}
    for name, (customer_id, email, at, amount) in sorted(first.items()):
        if name in totals and customer_id not in main and now - at < rule.first_years * YEAR:
            because = f"First customer of {name}, since {at.date().isoformat()}."
            found.append(
                Proposal(
                    customer_id, email, "geography", amount, amount / totals[name][0], None, name, because
                )
            )
    return found


def place_column(config: Config) -> Any:
    """The country, or the attribute that the settings call the region."""
    name = config.key_accounts.region_attribute
    return json_text(Customer.attributes, name) if name else Customer.country


def _first_of_places(
    session: Session, now: datetime, config: Config
) -> dict[str, tuple[int, str, datetime, int]]:
    place = place_column(config)
    revenue = _revenue(now, config)
    rank = func.row_number().over(partition_by=place, order_by=(Score.first_purchase_at, Score.customer_id))
    ranked = (
        select(
            place.label("place"),
            Score.customer_id,
            Customer.email,
            Score.first_purchase_at,
            func.coalesce(revenue.c.amount, 0).label("amount"),
            rank.label("rank"),
        )
        .join(Customer, Customer.id == Score.customer_id)
        .outerjoin(revenue, revenue.c.customer_id == Score.customer_id)
        .where(
            place.is_not(None),
            place != "",
            Score.first_purchase_at.is_not(None),
            Score.first_purchase_at <= now,
        )
        .subquery()
    )
    rows = session.execute(
        select(
            ranked.c.place, ranked.c.customer_id, ranked.c.email, ranked.c.first_purchase_at, ranked.c.amount
        ).where(ranked.c.rank == 1)
    )
    return {place: (customer_id, email, at, int(amount)) for place, customer_id, email, at, amount in rows}


def confirm_account(
    session: Session,
    customer_id: int,
    *,
    reason: str,
    because: str,
    owner_id: int | None,
    now: datetime,
    by: int | None = None,
    may_promote: bool = False,
    quiet_days: int | None = None,
) -> KeyAccount:
    """Make a customer a key account. Raises Invalid for what is missing, Conflict if they are one already."""
    faults = {}
    because = " ".join(because.split())
    if reason not in REASONS:
        faults["reason"] = "Choose why."
    if not because:
        faults["because"] = "Write in a sentence what makes this account vital."
    elif len(because) > 500:
        faults["because"] = "This is too long: at most 500 characters."
    if owner_id is None:
        faults["owner_id"] = "Choose who looks after it."
    elif session.get(User, owner_id) is None:
        faults["owner_id"] = "Choose one of the team."
    if quiet_days is not None and not 1 <= quiet_days <= 3650:
        faults["quiet_days"] = (
            "Write a number of days from 1 to 3650, or nothing for the account's own rhythm."
        )
    if faults:
        raise Invalid("A key account needs a reason and an owner.", faults)
    get_customer(session, customer_id)
    account = KeyAccount(
        customer_id=customer_id,
        reason=reason,
        because=because,
        owner_id=owner_id,
        may_promote=may_promote,
        may_promote_since=now if may_promote else None,
        quiet_days=quiet_days,
        confirmed_by=by,
        confirmed_at=now,
        ended_because="",
    )
    try:
        with session.begin_nested():
            session.add(account)
    except IntegrityError:
        raise Conflict("This customer is a key account already.") from None
    return account


def change_account(
    session: Session,
    account_id: int,
    *,
    now: datetime,
    owner_id: int,
    may_promote: bool,
    quiet_days: int | None = None,
) -> KeyAccount:
    """Another owner, the owner's agreement to promotions given or taken back, another alarm."""
    account = get_account(session, account_id)
    if account.ended_at is not None:
        raise Conflict("This is no key account any more.")
    if session.get(User, owner_id) is None:
        raise Invalid("A key account needs an owner.", {"owner_id": "Choose one of the team."})
    if quiet_days is not None and not 1 <= quiet_days <= 3650:
        raise Invalid("The alarm cannot be kept.", {"quiet_days": "Write a number of days from 1 to 3650."})
    if account.may_promote != may_promote:
        account.may_promote_since = now if may_promote else None
    account.owner_id, account.may_promote, account.quiet_days = owner_id, may_promote, quiet_days
    session.flush()
    return account


def end_account(session: Session, account_id: int, *, because: str, now: datetime) -> bool:
    """It is no key account any more; False if it was none already. Kept with its reason."""
    if not because.strip():
        raise Invalid("Say why it is no key account any more.", {"because": "Write a sentence."})
    get_account(session, account_id)
    ended = session.execute(
        update(KeyAccount)
        .where(KeyAccount.id == account_id, KeyAccount.ended_at.is_(None))
        .values(ended_at=now, ended_because=because.strip()[:500])
    )
    return bool(ended.rowcount)  # type: ignore[attr-defined]


def get_account(session: Session, account_id: int) -> KeyAccount:
    """The key account of that id; raises NotFound."""
    found = session.get(KeyAccount, account_id)
    if found is None:
        raise NotFound("There is no such key account.")
    return found


def account_of(session: Session, customer_id: int) -> KeyAccount | None:
    """The key account that a customer is, if they are one now."""
    chosen = select(KeyAccount).where(KeyAccount.customer_id == customer_id, KeyAccount.ended_at.is_(None))
    return session.scalars(chosen).one_or_none()


def key_accounts() -> AnySelect:
    """`(KeyAccount, Customer, Score)` of all in force, the largest first."""
    return (
        select(KeyAccount, Customer, Score)
        .join(Customer, Customer.id == KeyAccount.customer_id)
        .outerjoin(Score, Score.customer_id == KeyAccount.customer_id)
        .where(KeyAccount.ended_at.is_(None))
        .order_by(func.coalesce(Score.spent_12m, 0).desc(), KeyAccount.customer_id)
    )


def spared_promotions() -> Select[Any]:
    """Ids of the key accounts whose owner has not agreed to promotions."""
    return select(KeyAccount.customer_id).where(
        KeyAccount.ended_at.is_(None), KeyAccount.may_promote.is_(False)
    )


@dataclass(frozen=True)
class Quiet:
    """A key account that has been silent for longer than it may: days since the last order, and the limit."""

    account: KeyAccount
    customer: Customer
    days: int
    limit: float


def quiet_accounts(session: Session, *, now: datetime, config: Config) -> list[Quiet]:
    """Key accounts whose silence is an alarm, the longest first: `quiet_days`, or `rhythm.at_risk` times their own gap."""
    found = []
    for account, customer, score in session.execute(key_accounts()):
        if score is None or score.last_purchase_at is None:
            continue
        days = (now - score.last_purchase_at).days
        own = max((score.usual_gap or 0) * config.rhythm.at_risk, config.rhythm.least_days)
        limit = float(account.quiet_days or own)
        if days > limit:
            found.append(Quiet(account, customer, days, limit))
    return sorted(found, key=lambda each: (each.limit - each.days, each.account.id))
