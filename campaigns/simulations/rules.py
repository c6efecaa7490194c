"""When a simulation looks, and what it adds up. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.letters import moment_of, mornings
from campaigns.occasions import Zones

QUARTER = timedelta(minutes=15)
MOST_DAYS = 90


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail of the play."""

    customer_id: int
    kind: str
    source_id: int
    step: str
    occasion_key: str
    queued_at: datetime
    leaves_at: datetime | None
    day: str
    fate: str
    reason: str


def looks(zones: Zones, hours: Iterable[int], since: datetime, until: datetime) -> list[datetime]:
    """Every full hour, and every instant at which one of `hours` comes in a zone: whatever waits for an hour on
    somebody's clock falls on one of them."""
    found = set()
    hour = since.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    while hour <= until:
        found.add(hour)
        hour += timedelta(hours=1)
    offsets = dict.fromkeys(zones.values())
    for wanted in sorted(set(hours)):
        for zone in offsets:
            found |= {_instant(day, wanted, zone) for day in mornings({"": zone}, wanted, since, until)}
    return sorted(at for at in found if since < at <= until)


def _instant(day: Any, hour: int, zone: ZoneInfo) -> datetime:
    return moment_of({}, hour, zone, due_on=day, happened_at=None)


def rounded_up(moment: datetime) -> datetime:
    """The next full minute: the real clock ticks more often, and a play would take too long at every second."""
    whole = moment.replace(second=0, microsecond=0)
    return whole if whole == moment else whole + timedelta(minutes=1)


def day_of(moment: datetime, zone: ZoneInfo) -> str:
    """The local day, as ISO text."""
    return moment.astimezone(zone).date().isoformat()


def summed_up(mails: Sequence[Mail], kind: str, source_id: int, days: Sequence[str]) -> dict[str, Any]:
    """What the page shows: per day, per step, why held, and where too much comes together.

    `crowded`: customers who would get the asked one and another mail on one day; `most`: the most mails that one
    of its customers would get in all these days.
    """
    ours = [mail for mail in mails if mail.kind == kind and mail.source_id == source_id]
    theirs = [mail for mail in mails if mail.kind != kind or mail.source_id != source_id]
    per_day: dict[str, Counter[str]] = {day: Counter() for day in days}
    for mail in ours:
        per_day.setdefault(mail.day, Counter())[mail.fate] += 1
    for mail in theirs:
        if mail.fate == "sent":
            per_day.setdefault(mail.day, Counter())["others"] += 1
    held = Counter(mail.reason for mail in ours if mail.fate != "sent" and mail.reason)
    steps: dict[str, Counter[str]] = defaultdict(Counter)
    for mail in ours:
        steps[mail.step][mail.fate] += 1
    got: dict[int, Counter[str]] = defaultdict(Counter)
    whose = {mail.customer_id for mail in ours}
    for mail in mails:
        if mail.fate == "sent" and mail.customer_id in whose:
            got[mail.customer_id][mail.day] += 1
    sent_on = {(mail.customer_id, mail.day) for mail in ours if mail.fate == "sent"}
    crowded = {who for who, day in sent_on if got[who][day] > 1}
    return {
        "per_day": [{"day": day, **_fates(counts)} for day, counts in sorted(per_day.items())],
        "steps": {step: _fates(counts) for step, counts in sorted(steps.items())},
        "totals": _fates(Counter(mail.fate for mail in ours)),
        "held": dict(held.most_common()),
        "customers": len(whose),
        "crowded": len(crowded),
        "most": max((sum(days.values()) for days in got.values()), default=0),
        "others": sum(mail.fate == "sent" for mail in theirs),
    }


def _fates(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: counts.get(name, 0) for name in ("sent", "held", "queued", "others")}
