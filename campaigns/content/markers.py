"""Markers: words that stand for every Jinja span while tools that know only HTML and CSS work on a letter.

A marker is letters and digits only, so that it survives URL quoting, CSS, attribute names and lower-casing.
Each is counted when it comes back: one that is lost could have been the way out for the recipient.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from campaigns.content.faults import Fault, Refused
from campaigns.content.spans import Span


@dataclass(slots=True)
class Markers:
    """The markers of one letter: `protect` puts them in, `restore` brings the spans back and counts."""

    nonce: str
    spans: list[Span] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    _pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        self._pattern = re.compile(rf"jq{self.nonce}x(\d{{4,5}})z", re.IGNORECASE)

    @classmethod
    def unlike(cls, source: str) -> "Markers":
        """Markers that cannot be mistaken for anything in `source`; the same for the same source."""
        digest = hashlib.sha256(source.encode("utf-8", "replace")).hexdigest()
        nonces = (digest[start : start + 6] for start in range(58))
        return cls(next(nonce for nonce in nonces if f"jq{nonce}x" not in source.lower()))

    def add(self, span: Span) -> str:
        """The marker that from now on stands for `span`."""
        self.spans.append(span)
        return f"jq{self.nonce}x{len(self.spans) - 1:04d}z"

    def protect(self, spans: Iterable[Span]) -> str:
        """The source with a marker for everything that is not text."""
        return "".join(span.text if span.kind == "text" else self.add(span) for span in spans)

    def copy(self, number: int) -> str:
        """Another marker for the same span, which nobody waits for."""
        marker = self.add(self.spans[number])
        self.seen.add(len(self.spans) - 1)
        return marker

    def literal(self, text: str) -> str:
        """A marker for a stretch that must come back as it is, but may also be dropped."""
        marker = self.add(Span(text, "raw", 0, "literal"))
        self.seen.add(len(self.spans) - 1)
        return marker

    def split(self, text: str) -> list[str | Span]:
        """`text` cut into plain pieces and the spans its markers stand for."""
        pieces: list[str | Span] = []
        for index, piece in enumerate(self._pattern.split(text)):
            if index % 2:
                pieces.append(self.spans[int(piece)])
            elif piece:
                pieces.append(piece)
        return pieces

    def has(self, text: str) -> bool:
        """Whether a marker stands in `text`."""
        return self._pattern.search(text) is not None

    def reworded(self, text: str, change: dict[int, str]) -> str:
        """`text` with some markers (by number) exchanged for markers of another wording of their span."""

        def exchange(match: re.Match[str]) -> str:
            number = int(match[1])
            if number not in change:
                return match[0]
            self.seen.add(number)
            old = self.spans[number]
            return self.add(Span(change[number], old.kind, old.line, old.origin, old.word))

        return self._pattern.sub(exchange, text)

    def numbers(self, text: str) -> list[int]:
        """The numbers of the markers in `text`, in order."""
        return [int(number) for number in self._pattern.findall(text)]

    def restore(self, text: str) -> str:
        """`text` with the spans back in their places; a marker alone as an attribute loses its empty value."""

        def back(match: re.Match[str]) -> str:
            number = int(match[1])
            self.seen.add(number)
            return self.spans[number].text

        pattern = re.compile(rf'{self._pattern.pattern}(?:="")?', re.IGNORECASE)
        previous = ""
        while previous != text:  # a literal may hold markers of its own
            previous, text = text, pattern.sub(back, text)
        return text

    def lost(self) -> list[Fault]:
        """A fault for every span that did not come back."""
        return [
            Fault(
                f"{_short(span)} gets lost here: the layout of a letter cannot hold it in this place.",
                span.line,
            )
            for number, span in enumerate(self.spans)
            if number not in self.seen
        ]

    def check_order(self, text: str) -> None:
        """Refuse a letter whose statements come back in another order, as when a table throws them out."""
        order = [n for n in self.numbers(text) if self.spans[n].kind == "statement"]
        for before, after in pairwise(order):
            if after < before and self.spans[after].origin == self.spans[before].origin:
                span = self.spans[after]
                raise Refused(
                    [Fault(f"{_short(span)} cannot stand here: HTML moves it to another place.", span.line)]
                )


def _short(span: Span) -> str:
    words = " ".join(span.text.split())
    return words if len(words) <= 60 else f"{words[:57]}…"
