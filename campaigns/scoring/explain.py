"""Scores in words: sentences that name the figures, the class and the limits they come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from campaigns.config import Config
from campaigns.purchases import digits, to_units
from campaigns.scoring.model import Score
from campaigns.scoring.rules import (
    CLASS_BY_NAME,
    DAY,
    DEFINITIONS,
    YEAR_DAYS,
    engagement_now,
    engagement_word,
)


@dataclass(frozen=True)
class Sentence:
    """One statement: which measure, its name and short value for a table, and the whole sentence."""

    measure: str
    label: str
    value: str
    text: str


def sentences(
    score: Score, limits: Mapping[str, Sequence[float]], *, now: datetime, config: Config
) -> list[Sentence]:
    """Everything that can be said of one score at `now`, the class first."""
    said = [_class(score, config)]
    if score.orders:
        said += [_recency(score, limits, now, config), _frequency(score, limits, config)]
        said.append(_amount(score, limits, config))
    said += [_engagement(score, now, config), _mails(score), _last_seen(score, now, config)]
    if score.expected_orders is not None:
        said.append(_forecast(score, config))
    return said


def definition(measure: str, config: Config) -> str:
    """How a measure is counted, with this shop's settings."""
    scores = config.scores
    return DEFINITIONS[measure].format(
        reply=f"{scores.reply_weight:g}",
        open=f"{scores.open_weight:g}",
        proxied=f"{scores.proxied_open_weight:g}",
        half_life=scores.engagement_half_life_days,
        frat=" : ".join(f"{weight:g}" for weight in scores.frat_weights),
        order=scores.interest_order_weight,
        interest=scores.interest_half_life_days,
    )


def money(amount: int, currency: str) -> str:
    """An amount of minor units in words, "1,234.50 EUR"."""
    return f"{to_units(amount, currency):,.{digits(currency)}f} {currency}"


def _class(score: Score, config: Config) -> Sentence:
    known = CLASS_BY_NAME.get(score.rfm_class)
    label = known.label if known else "Not scored yet"
    why = known.definition if known else ""
    at = score.as_of.astimezone(config.zone)
    return Sentence("class", "Class", label, f"{label}: {_small(why)} Computed on {_day(at)} at {at:%H:%M}.")


def _recency(score: Score, limits: Mapping[str, Sequence[float]], now: datetime, config: Config) -> Sentence:
    assert score.last_purchase_at is not None
    ago = _ago(score.last_purchase_at, now)
    on = _day(score.last_purchase_at.astimezone(config.zone))
    band = _band("r", score.r, limits, config)
    return Sentence(
        "r", "Recency", f"{score.r} of 5", f"The last order was {ago}, on {on}: R {score.r}{band}."
    )


def _frequency(score: Score, limits: Mapping[str, Sequence[float]], config: Config) -> Sentence:
    assert score.first_purchase_at is not None
    first = _day(score.first_purchase_at.astimezone(config.zone))
    band = _band("f", score.f, limits, config)
    text = (
        f"{counted(score.orders_12m, 'order')} in the last {YEAR_DAYS} days: F {score.f}{band}. "
        f"{counted(score.orders, 'order')} in all, the first on {first}."
    )
    return Sentence("f", "Frequency", f"{score.f} of 5", text)


def _amount(score: Score, limits: Mapping[str, Sequence[float]], config: Config) -> Sentence:
    currency = config.shop.currency
    band = _band("m", score.m, limits, config)
    text = (
        f"All orders were worth {money(score.spent, currency)} with refunds taken off, "
        f"{money(score.basket, currency)} on average: M {score.m}{band}."
    )
    return Sentence("m", "Amount", f"{score.m} of 5", text)


def _engagement(score: Score, now: datetime, config: Config) -> Sentence:
    half_life = config.scores.engagement_half_life_days
    figure = engagement_now(score.engagement, (now - score.as_of).total_seconds(), half_life)
    parts = []
    if score.last_click_at:
        parts.append(f"last click {_ago(score.last_click_at, now)}")
    if score.last_open_at:
        parts.append(f"last open {_ago(score.last_open_at, now)}")
    signs = " and ".join(parts) if parts else "no click and no open by a person on record"
    text = f"Engagement {figure:.2f}, {engagement_word(figure)}: {signs}. {definition('engagement', config)}"
    return Sentence("engagement", "Engagement", f"{figure:.2f}", text)


def _mails(score: Score) -> Sentence:
    if not score.mails_sent:
        return Sentence("mails", "Mails", "0", "We have not written yet.")
    text = (
        f"We wrote {counted(score.mails_sent, 'time')}, "
        f"{counted(score.mails_since_sign, 'time')} since the last sign of life."
    )
    return Sentence("mails", "Mails", str(score.mails_sent), text)


def _last_seen(score: Score, now: datetime, config: Config) -> Sentence:
    if score.last_seen_at is None:
        return Sentence("last_seen", "Last seen", "never", "No sign of life on record.")
    by = {
        "an order": score.last_purchase_at,
        "a click": score.last_click_at,
        "an open": score.last_open_at,
    }
    what = next((name for name, at in by.items() if at == score.last_seen_at), "a reply or a consent")
    on = _day(score.last_seen_at.astimezone(config.zone))
    ago = _ago(score.last_seen_at, now)
    return Sentence("last_seen", "Last seen", ago, f"Last seen {ago}, on {on}, by {what}.")


def _forecast(score: Score, config: Config) -> Sentence:
    assert score.expected_orders is not None
    text = f"About {score.expected_orders:.1f} orders are expected in the next {YEAR_DAYS} days"
    if score.expected_spent is not None:
        text += f", worth about {money(round(score.expected_spent), config.shop.currency)}"
    if score.p_alive is not None:
        text += f"; with a probability of {score.p_alive:.0%} this is still a customer"
    elif score.orders:
        text += "; of one order alone it cannot be told whether this is still a customer"
    return Sentence("forecast", "Expected orders", f"{score.expected_orders:.1f}", f"{text}.")


def band_words(measure: str, limits: Sequence[float], config: Config) -> list[str]:
    """What the classes 1–5 of a measure hold, in words; R 1 holds the most days, F 1 and M 1 the least."""
    if len(limits) != 4:
        return [""] * 5
    if measure == "m":
        cuts = [money(int(limit), config.shop.currency) for limit in limits]
        between = [_amounts(low, high) for low, high in pairwise(cuts)]
        return [f"up to {cuts[0]}", *between, f"over {cuts[3]}"]
    noun = "day" if measure == "r" else "order"
    whole = [int(limit) for limit in limits]  # days and orders are whole: more than 2 is 3 or more
    between = [_numbers(low + 1, high, noun) for low, high in pairwise(whole)]
    least = f"up to {counted(whole[0], noun)}" if whole[0] else f"no {noun}"
    bands = [least, *between, f"{counted(whole[3] + 1, noun)} or more"]
    return bands[::-1] if measure == "r" else bands


def _numbers(low: int, high: int, noun: str) -> str:
    if low > high:
        return "nobody: too many are equal"
    return counted(low, noun) if low == high else f"{low:,} to {counted(high, noun)}"


def _amounts(low: str, high: str) -> str:
    return "nobody: too many are equal" if low == high else f"{low.rpartition(' ')[0]} to {high}"


def _band(measure: str, level: int | None, limits: Mapping[str, Sequence[float]], config: Config) -> str:
    words = band_words(measure, limits.get(measure, ()), config)[level - 1] if level else ""
    return f" ({words})" if words else ""


def _ago(moment: datetime, now: datetime) -> str:
    days = int((now - moment).total_seconds() // DAY)
    if days <= 0:
        return "today" if days == 0 and moment.date() == now.date() else "less than a day ago"
    return "yesterday" if days == 1 else f"{days:,} days ago"


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


def counted(number: int, noun: str) -> str:
    """A number with its noun, "1 order", "2 orders"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]
