"""Invent what the shop has sent and what came back: newsletters every second Thursday, letters, and their echo."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from campaigns.demonstration.buying import Order
from campaigns.demonstration.catalogue import SCANNING_DOMAIN
from campaigns.demonstration.people import Person

THEMES = {
    1: (
        (
            "First letters of the year",
            "What to write when the year is still blank",
            "Three notebooks and a black tea",
        ),
        ("Snow on the roof", "A tea for the coldest week", "Lapsang, and a pot that keeps its warmth"),
    ),
    2: (
        ("The ink drawer", "Three inks that remember the sea", "Midnight, Walnut, Verdigris"),
        ("A cup for two", "For evenings that take their time", "Pairs of cups, fresh from the kiln"),
    ),
    3: (
        ("The window seat", "Somewhere to sit, something to read", "Reading diaries, and a tea beside them"),
        (
            "Letters in spring",
            "Who would be glad of a letter from you?",
            "Laid paper, and a seal to close it",
        ),
    ),
    4: (
        ("First flush", "The first Darjeeling of the year is here", "Picked in March, in your cup in April"),
        (
            "Pencils, sharpened",
            "Twelve pencils and an open afternoon",
            "For those who draw, and those who might",
        ),
    ),
    5: (
        ("White peony", "A tea as light as May", "And what to read beside it"),
        ("From the garden", "Verbena, cut this week", "Forty grams of a green morning"),
    ),
    6: (
        ("The travelling table", "A writing table in your bag", "Journals and pencils for the journey"),
        ("Long evenings", "Tea on the balcony", "A glass pot, a white tea, and time"),
    ),
    7: (
        ("Cold-brewed", "Tea for the hottest afternoon", "Sencha over ice, step by step"),
        ("Postcards, pressed", "Ten flowers in the post", "Write from where you are"),
    ),
    8: (
        ("Quiet August", "We close at four, and answer all the same", "Small things for slow weeks"),
        ("A recipe book to fill", "Whose handwriting do you cook from?", "Empty pages for full kitchens"),
    ),
    9: (
        ("Back to the desk", "New notebooks, sharpened pencils", "For whoever begins again in September"),
        ("A fine nib", "The pen that waited for your hand", "Try it in the shop, or send it back"),
    ),
    10: (
        ("Oolong days", "The leaves turn, and so does the tea", "Autumn oolong, and a glass pot to watch it"),
        ("The reading lamp", "Evenings have grown long: a diary for books", "And a chai beside the fire"),
    ),
    11: (
        (
            "Cards that weigh something",
            "Letterpress, one sheet at a time",
            "Thank-you cards from our printer in Lyon",
        ),
        (
            "Advent is near",
            "Eight cards, one for every door that matters",
            "Write early: the post is slow in December",
        ),
    ),
    12: (
        (
            "Winter Evening",
            "The box for a long evening, back again",
            "Tea, wax, paper, and nothing to hurry for",
        ),
        ("Twelfth Night", "Smoke, orange peel, and a good ending", "The last tea of the year, and the first"),
    ),
}
"""`(name, subject, preheader)` of two newsletters for each month."""

PAST = 15
"""So many newsletters have left, one every second Thursday."""

ONE_MORE = ("A page more", "The month has one page more", "So we write once more, and briefly")
BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
PRIVACY = "Mozilla/5.0"
SCANNER = "Mozilla/5.0 (compatible; LinkCheck; +https://office.example/scanner)"
NETWORKS = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
"""Reserved for documentation (RFC 5737)."""

REASONS = ("too many letters", "I never bought from you", "", "", "", "not interested any more", "")


@dataclass(frozen=True)
class Sending:
    """One past message: to whom, of which occasion, and what became of it."""

    person: Person
    occasion_key: str
    at: datetime
    status: str = "sent"
    held_reason: str = ""
    facts: dict[str, object] | None = None
    reply: str = "2.0.0 Ok: queued"
    code: int | None = 250


@dataclass(frozen=True)
class Echo:
    """One thing that came back for the sending at place `sending`."""

    sending: int
    kind: str
    at: datetime
    judgement: str = ""
    reasons: str = ""
    position: int | None = None
    user_agent: str = ""
    text: str = ""


@dataclass
class Past:
    """One past mailing with its sendings and echoes."""

    kind: str
    name: str
    subject: str
    preheader: str
    at: datetime
    sendings: list[Sending] = field(default_factory=list)
    echoes: list[Echo] = field(default_factory=list)


@dataclass(frozen=True)
class Loss:
    """Why a person is not written to any more, since when, and the words that show it."""

    cause: str
    at: datetime
    evidence: str


class Correspondence:
    """Writes to the people in the order of time and remembers who has asked to be left alone."""

    def __init__(self, chance: np.random.Generator, people: Sequence[Person], now: datetime) -> None:
        self.chance, self.people, self.now = chance, people, now
        self.lost: dict[str, Loss] = {}
        dead = chance.random(len(people)) < 0.012
        self.dead = {person.number for person, is_dead in zip(people, dead, strict=True) if is_dead}

    def newsletters(self, links: int) -> list[Past]:
        """The newsletters up to `now`, every second Thursday, each with `links` links."""
        return [
            self._newsletter(Past("newsletter", *theme(at), at=at), links)
            for at in _thursdays(self.now, PAST)
        ]

    def birthdays(self, links: int, days: int) -> Past:
        """The birthday letters of the last `days` days, one a person at nine in the morning."""
        past = Past("letter", "Birthday greeting", "", "", self.now - timedelta(days=days))
        for age in range(days, 0, -1):
            day = self.now - timedelta(days=age)
            for person in self.people:
                if person.birthday and person.birthday[1:] == (day.month, day.day) and person.joined_at < day:
                    year = person.birthday[0]
                    facts: dict[str, object] = {
                        "age": day.year - year if year else None,
                        "birthday": day.date().isoformat(),
                    }
                    self._send(past, person, str(day.year), day.replace(hour=8, minute=0), links, facts)
        return past

    def after_purchases(self, orders: Sequence[tuple[str, Order]], links: int, days: int, delay: int) -> Past:
        """The letters `delay` days after an order, for `days` days up to yesterday."""
        past = Past("letter", "Thank you for your order", "", "", self.now - timedelta(days=days))
        for number, order in orders:
            at = (order.at + timedelta(days=delay)).replace(hour=8, minute=30, second=0)
            is_fit = not order.refunded and not order.is_cancelled
            if is_fit and past.at <= at < self.now - timedelta(days=1):
                facts: dict[str, object] = {
                    "order_number": number,
                    "bought_on": order.at.date().isoformat(),
                    "amount": order.amount,
                    "currency": "EUR",
                }
                self._send(past, order.person, f"order:{number}", at, links, facts)
        return past

    def _newsletter(self, past: Past, links: int) -> Past:
        pace = 0.0
        for person in self.people:
            if person.joined_at < past.at:
                pace += 0.02
                self._send(past, person, "", past.at + timedelta(seconds=pace), links, None)
        return past

    def _send(
        self,
        past: Past,
        person: Person,
        key: str,
        at: datetime,
        links: int,
        facts: dict[str, object] | None,
    ) -> None:
        loss = self.lost.get(person.number)
        if loss and loss.at <= at:
            past.sendings.append(
                Sending(person, key, at, "held", f"suppressed:{loss.cause}", facts, reply="", code=None)
            )
        elif not person.agrees_to_mail:
            if past.kind == "newsletter":
                past.sendings.append(
                    Sending(person, key, at, "held", "no_consent", facts, reply="", code=None)
                )
        elif person.number in self.dead:
            if past.kind == "letter":
                return  # the next newsletter will find the address dead
            reply = f"5.1.1 <{person.email}>: Recipient address rejected: User unknown"
            past.sendings.append(Sending(person, key, at, "failed", "", facts, reply=reply, code=550))
            past.echoes.append(Echo(len(past.sendings) - 1, "bounced", at, text=f"550 {reply}"))
            self.lost[person.number] = Loss("hard_bounce", at, f"550 {reply}")
        else:
            past.sendings.append(Sending(person, key, at, facts=facts))
            if person.agrees_to_tracking:
                past.echoes += self._echoes(len(past.sendings) - 1, person, at, links, past.kind)
            if past.kind == "newsletter":
                self._may_leave(past, person, at)

    def _echoes(self, place: int, person: Person, at: datetime, links: int, kind: str) -> Iterator[Echo]:
        chance = self.chance
        if person.email.endswith("@" + SCANNING_DOMAIN):
            yield Echo(place, "opened", at + timedelta(seconds=3), "machine", "too_quick", None, SCANNER)
            for position in range(min(links, 4)):
                soon = at + timedelta(seconds=4 + position)
                yield Echo(place, "clicked", soon, "machine", "too_quick every_link", position, SCANNER)
        elif person.opens_by == "machine":
            soon = at + timedelta(minutes=float(chance.integers(1, 50)))
            yield Echo(place, "opened", soon, "machine", "privacy_proxy", None, PRIVACY)
        eagerness = 1.25 if kind == "letter" else 1.0
        if chance.random() >= min(person.reading * eagerness, 0.95):
            return
        opened = at + timedelta(hours=float(chance.exponential(9)), minutes=4)
        if opened >= self.now:
            return
        agent = PHONE if chance.random() < 0.45 else BROWSER
        if person.opens_by != "machine":
            is_proxied = person.opens_by == "proxied"
            judged = ("proxied", "image_proxy", None, PROXY) if is_proxied else ("human", "", None, agent)
            yield Echo(place, "opened", opened, *judged)
        if links and chance.random() < person.clicking * eagerness:
            for _ in range(1 + int(chance.random() < 0.25)):
                position = min(int(chance.exponential(links / 3)), links - 1)
                clicked = opened + timedelta(seconds=float(chance.integers(8, 400)))
                if clicked < self.now:
                    yield Echo(place, "clicked", clicked, "human", "", position, agent)

    def _may_leave(self, past: Past, person: Person, at: datetime) -> None:
        chance, place = self.chance, len(past.sendings) - 1
        left = at + timedelta(hours=float(chance.exponential(8)), minutes=2)
        luck = chance.random()
        if left >= self.now or luck > 0.003 + (0.003 if person.reading < 0.05 else 0):
            return
        if luck < 0.0001:
            past.echoes.append(Echo(place, "spam_reported", left))
            self.lost[person.number] = Loss("spam_report", left, "Feedback report of the mail provider")
            return
        reason = REASONS[int(chance.integers(0, len(REASONS)))]
        past.echoes.append(Echo(place, "unsubscribed", left, text=reason))
        evidence = f"Said so on the unsubscribe page{': ' + reason if reason else '.'}"
        self.lost[person.number] = Loss("unsubscribed", left, evidence)


def theme(at: datetime) -> tuple[str, str, str]:
    """Name, subject and preheader of the newsletter of that fortnight; the same wording comes back a year later.

    Each half of the first 28 days holds exactly one of the fortnightly days; a third of a month is one more.
    """
    name, subject, preheader = ONE_MORE if at.day > 28 else THEMES[at.month][(at.day - 1) // 14]
    return f"{name}, {at:%B %Y}", subject, preheader


def next_thursday(now: datetime) -> datetime:
    """When the next newsletter would leave: a fortnight after the last."""
    *_, last = _thursdays(now, 1)
    return last + timedelta(days=14)


def _thursdays(now: datetime, count: int) -> Iterator[datetime]:
    """The last `count` of every second Thursday at 9 o'clock UTC before yesterday, oldest first."""
    last = now - timedelta(days=1)
    last -= timedelta(days=(last.weekday() - 3) % 7)
    nine = last.replace(hour=9, minute=0, second=0, microsecond=0)
    if nine > now - timedelta(days=1):
        nine -= timedelta(days=7)
    for place in range(count - 1, -1, -1):
        yield nine - timedelta(days=14 * place)
