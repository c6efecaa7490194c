"""What is wrong with a template, said so that its author can mend it: where, at which line, in one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from campaigns.errors import Invalid

Where = Literal["source", "subject", "preheader"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason to refuse a template. `line` counts from 1; None where no single line is to blame."""

    sentence: str
    line: int | None = None
    where: Where = "source"

    def __str__(self) -> str:
        place = {"source": "", "subject": "Subject: ", "preheader": "Preheader: "}[self.where]
        line = f"Line {self.line}: " if self.line and self.where == "source" else ""
        return f"{place}{line}{self.sentence}"


class Refused(Invalid):
    """A template that cannot be saved; `found` holds every fault known, the first one is the message."""

    def __init__(self, found: Sequence[Fault]) -> None:
        self.found = tuple(found)
        said: dict[str, str] = {}
        for fault in self.found:
            said[fault.where] = " ".join(filter(None, (said.get(fault.where), str(fault))))
        super().__init__(str(self.found[0]), said)

    @property
    def line(self) -> int | None:
        """The line of the first fault."""
        return self.found[0].line


class Lacking(Invalid):
    """A value is needed for this customer and there is none, nor a fallback for it."""

    def __init__(self, name: str) -> None:
        self.name = name
        if "." not in name:
            super().__init__("A value used here may be missing: ask first with {% if … %}.")
            return
        super().__init__(
            f"{name} may be missing. Give a fallback, "
            f'for instance {{{{ {name} or "…" }}}}, or ask first with {{% if {name} %}}.'
        )


class TooMuch(Invalid):
    """A template that loops or grows beyond every need."""
