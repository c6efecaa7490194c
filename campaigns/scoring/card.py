"""The customer card: one relation as it stands at a moment, every statement with the evidence it rests on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.config import Config
from campaigns.messages import ASKED, GIVEN, TYPES, Mailing, Message
from campaigns.scoring.accounts import account_of
from campaigns.scoring.explain import Sentence, counted, money
from campaigns.scoring.gather import Facts, facts
from campaigns.scoring.loyalty import Light, Loyalty, attitude, lights, loyalty
from campaigns.scoring.model import CategoryFigure, KeyAccount, Score, Transition
from campaigns.scoring.queries import history_of, stored_limits
from campaigns.scoring.relation import (
    CAUSES,
    ENDING_LABELS,
    OWN_DAYS,
    PHASE_WORDS,
    RISK_LABELS,
    Known,
    RhythmRule,
    cause,
    known_at,
    limits_of_silence,
    phase,
    risk,
    usual_gap,
)
from campaigns.scoring.rules import DAY
from campaigns.scoring.scored import curve_of, rhythm_of, value_rule
from campaigns.scoring.value import (
    BAND_WORDS,
    Curve,
    ValueRule,
    bands_of,
    customer_value,
    path,
    yearly_amount,
)

YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Card:
    """What the page of a customer says of the relation as of `as_of`.

    `history` are the dated phases, classes and risks, newest first; `balance` counts letters of the last 365 days
    by type.
    """

    as_of: datetime
    phase: str
    since: datetime | None
    how: str
    risk: str
    loyalty: Loyalty
    lights: tuple[Light, ...]
    sentences: tuple[Sentence, ...]
    history: tuple[Transition, ...]
    balance: dict[str, int]
    account: KeyAccount | None

    @property
    def phase_label(self) -> str:
        return PHASE_WORDS[self.phase][0]

    @property
    def phase_meaning(self) -> str:
        return PHASE_WORDS[self.phase][1]


def card(session: Session, customer_id: int, *, config: Config, now: datetime | None = None) -> Card | None:
    """The card as of the customer's score, or as of any past `now`; None for who was not known then.

    Gathered afresh by the same reading and the same rules as the stored score.
    """
    score = session.get(Score, customer_id)
    moment = now or (score.as_of if score else None)
    if moment is None:
        return None
    found = facts(session, now=moment, config=config, who=[customer_id])
    if not len(found):
        return None
    known, limits = known_at(found, 0), stored_limits(session)
    rule = rhythm_of(limits, config)
    at_risk = risk(known, rule)
    name, how = phase(known, at_risk, attitude(known))
    history = tuple(row for row in history_of(session, customer_id) if now is None or row.at <= now)
    opened = next((row.at for row in history if row.kind == "phase" and row.target == name), None)
    return Card(
        as_of=moment,
        phase=name,
        since=opened,
        how=how,
        risk=at_risk,
        loyalty=loyalty(known, at_risk),
        lights=lights(known, at_risk),
        sentences=tuple(
            _sentences(session, customer_id, found, known, at_risk, how, rule, curve_of(limits), config)
        ),
        history=history,
        balance=balance_of(session, customer_id, now=moment),
        account=account_of(session, customer_id),
    )


def card_sentences(card: Card) -> list[Sentence]:
    """Everything the card says, as sentences: what a command prints and a program reads."""
    ended = f" ({ENDING_LABELS[card.how]})" if card.how else ""
    loyal = card.loyalty
    lines = " ".join((*loyal.behaviour_lines, *loyal.attitude_lines))
    states = {1: "yes", 0: "no", None: "unknown"}
    return [
        Sentence("phase", "Phase", card.phase, f"Phase {card.phase_label}{ended}: {card.phase_meaning}"),
        Sentence(
            "loyalty",
            "Loyalty",
            loyal.name,
            f"Loyalty {loyal.label}: {loyal.meaning} {lines} {loyal.would_change}",
        ),
        *(
            Sentence(
                each.name, each.label, states[each.state], f"{each.label}: {states[each.state]}. {each.line}"
            )
            for each in card.lights
        ),
        *card.sentences,
    ]


def balance_of(session: Session, customer_id: int, *, now: datetime) -> dict[str, int]:
    """How many letters of each type were sent to a customer in the 365 days up to `now`; "" for those without one."""
    rows = session.execute(
        select(Mailing.type, func.count())
        .join(Message, Message.mailing_id == Mailing.id)
        .where(
            Message.customer_id == customer_id,
            Message.status == "sent",
            Message.sent_at > now - YEAR,
            Message.sent_at <= now,
        )
        .group_by(Mailing.type)
    )
    return dict(rows.all())


def _sentences(
    session: Session,
    customer_id: int,
    found: Facts,
    known: Known,
    at_risk: str,
    how: str,
    rule: RhythmRule,
    curve: Curve | None,
    config: Config,
) -> list[Sentence]:
    said = []
    if known.orders > 0:
        said += [_rhythm(known, at_risk, rule), _type(found, config)]
    if at_risk in ("at_risk", "lost") or how:
        said.append(_cause(known, at_risk, how))
    said.append(_balance(found))
    if interests := _interests(session, customer_id):
        said.append(interests)
    if known.orders > 0:
        said.append(_value(found, known, curve, value_rule(config), config))
    return said


def _rhythm(known: Known, at_risk: str, rule: RhythmRule) -> Sentence:
    gap = usual_gap(known, rule)
    soon, gone = limits_of_silence(known, rule)
    whose = (
        "their own"
        if known.days_bought >= OWN_DAYS and known.gap is not None
        else "the shop's, as they have no own rhythm yet"
    )
    silence = (known.now - known.last) // DAY
    own = (
        f"; their longest gap was {known.longest:.0f} days"
        if known.longest and known.days_bought >= OWN_DAYS
        else ""
    )
    text = (
        f"{RISK_LABELS[at_risk]}: silent for {silence:,} days. Usually {gap:.0f} days lie between orders ({whose}{own}); "
        f"from {soon:.0f} days on they are at risk, from {gone:.0f} lost."
    )
    return Sentence("risk", "Rhythm", RISK_LABELS[at_risk], text)


def _type(found: Facts, config: Config) -> Sentence:
    bought = found.bought
    parts = [
        f"{bought.names[code]} ({config.scores.category_weights.get(bought.names[code], 1.0):g})"
        for code, orders, spent in zip(
            bought.category.tolist(), bought.orders.tolist(), bought.spent.tolist(), strict=True
        )
        if orders > 0 and spent > 0
    ]
    text = (
        f"{found.type_points[0]:g} points of type of purchase, from the categories bought with their weights: {', '.join(parts)}."
        if parts
        else "No order tells its category: the type of purchase counts 0 points."
    )
    return Sentence("t", "Type of purchase", f"{found.type_points[0]:g}", text)


def _cause(known: Known, at_risk: str, how: str) -> Sentence:
    name = cause(known, at_risk, how)
    if not name:
        return Sentence(
            "cause",
            "Cause",
            "unknown",
            "Nothing on record tells why: no complaint, no answer, no leave taken.",
        )
    words = CAUSES[name][1]
    ended = f" {ENDING_LABELS[how]}." if how else ""
    return Sentence("cause", "Cause", words, f"{words}.{ended}")


def _balance(found: Facts) -> Sentence:
    asked, given = int(found.asked[0]), int(found.given[0])
    verdict = "We asked more than we gave." if asked > given else "We gave at least as much as we asked."
    if not asked and not given:
        verdict = "Nothing that asks or gives was sent."
    labels = {
        side: ", ".join(each.label.lower() for each in TYPES if each.name in names)
        for side, names in (("asked", ASKED), ("given", GIVEN))
    }
    text = f"In 365 days: asked {asked:,} times ({labels['asked']}), given {given:,} times ({labels['given']}). {verdict}"
    return Sentence("balance", "Balance", f"{given - asked:+,}", text)


def _interests(session: Session, customer_id: int) -> Sentence | None:
    figure = CategoryFigure
    rows: Sequence[Any] = session.scalars(
        select(figure)
        .where(figure.customer_id == customer_id, figure.interest > 0)
        .order_by(figure.interest.desc(), figure.category)
        .limit(3)
    ).all()
    if not rows:
        return None
    parts = [
        f"{row.category} {row.interest:.1f} ({counted(row.orders, 'order')}, {counted(row.clicks, 'click')})"
        for row in rows
    ]
    return Sentence(
        "interest", "Interests", rows[0].category, f"Most of all {'; '.join(parts)}; older signs count less."
    )


def _value(found: Facts, known: Known, curve: Curve | None, rule: ValueRule, config: Config) -> Sentence:
    currency = config.shop.currency
    if curve is None:
        return Sentence(
            "value",
            "Lifetime value",
            "unknown",
            "No value is told: the shop's past does not show yet how many customers leave in a year (settings [value] may say it).",
        )
    spent = int(found.spent[0])
    worth, low, high, constant = customer_value(
        spent, known.first, known.last, known.orders, known.now, curve, rule
    )
    band = int(bands_of((known.now - known.last) // DAY))
    churn = (curve.once if known.orders == 1 else curve.repeat)[band]
    churns = ", ".join(f"{each:.0%}" for each in path(churn, curve.active, rule))
    yearly = money(round(yearly_amount(spent, known.first, known.last)), currency)
    who = "who ordered once" if known.orders == 1 else "who came back"
    text = (
        f"Worth {money(worth, currency)} of margin in the next {rule.years} years (nine of ten: {money(low, currency)} to "
        f"{money(high, currency)}): {yearly} a year at a margin of {rule.margin:.0%}, discounted by {rule.discount:.0%} "
        f"a year, with a churn of {churns} from year to year, as seen in customers {who} and are silent for "
        f"{BAND_WORDS[band]}. With one churn of {curve.overall:.0%} for all it would be {money(constant, currency)}."
    )
    return Sentence("value", "Lifetime value", money(worth, currency), text)
