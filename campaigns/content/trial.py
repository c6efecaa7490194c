"""Trials: before a version is kept it is filled for the worst customers, so that no real one is failed later."""

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

from jinja2 import Template

from campaigns.config import Config
from campaigns.content.compile import Compiled, check_language, check_lines_shape
from campaigns.content.faults import Fault, Lacking, Refused, TooMuch
from campaigns.content.filling import Filler, shop_values
from campaigns.content.language import fill, prepared
from campaigns.content.page import Lines
from campaigns.content.targets import FOOT
from campaigns.content.vocabulary import Vocabulary
from campaigns.links import TOKEN_LENGTH, TOKEN_PLACEHOLDER, UNSUBSCRIBE, Links

TOKEN = "x" * TOKEN_LENGTH
MOST_TRIALS = 60


class Draft:
    """A compiled letter in the shape of a stored version, to be filled before it is one."""

    def __init__(self, compiled: Compiled) -> None:
        self.subject = compiled.subject
        self.preheader = compiled.preheader
        self.compiled = compiled.stored()
        self.links = compiled.links


def cases(vocabulary: Vocabulary, used: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The customers of a trial: what they are called, and their values."""
    may_lack = [name for name in vocabulary.may_lack() if name in used]
    yield "a usual customer", vocabulary.values()
    yield "a customer with the longest values", vocabulary.values(longest=True)
    yield "a customer of whom nothing is known", vocabulary.values(lacking=vocabulary.may_lack())
    yield "a customer whose lists lack details", vocabulary.values(is_sparse=True)
    for name in may_lack[:MOST_TRIALS]:
        yield f"a customer without {name}", vocabulary.values(lacking=[name])


def try_out(compiled: Compiled, vocabulary: Vocabulary, config: Config) -> None:
    """Fill source, subject and preheader for every worst case; raises Refused with all that went wrong."""
    if faults := _trial_faults(compiled, vocabulary, config):
        raise Refused(faults)
    _check_ways_out(compiled, vocabulary, config)


def _trial_faults(compiled: Compiled, vocabulary: Vocabulary, config: Config) -> list[Fault]:
    shop = {**shop_values(config), "address": config.shop.address or "1 Example Street"}
    constant = {"shop": shop, "links": {name.removeprefix("links."): url for name, url in FOOT.items()}}
    parts = {
        "source": prepared(compiled.source_text),
        "subject": prepared(compiled.subject, is_html=False),
        "preheader": prepared(compiled.preheader, is_html=False),
    }
    faults: dict[tuple[str, int | None, str], Fault] = {}
    for who, values in cases(vocabulary, compiled.fields):
        for where, template in parts.items():
            fault = _fault(template, {**values, **constant}, where, who, compiled)
            if fault:
                faults.setdefault((where, fault.line, fault.sentence), fault)
    return sorted(faults.values(), key=lambda fault: (fault.where != "source", fault.line or 0))


def try_lines(subject: str, preheader: str, vocabulary: Vocabulary, *, language: str, config: Config) -> None:
    """Check a subject and a preheader alone, as another's words for a template; raises Refused."""
    check_lines_shape(subject, preheader)
    fields = check_language("", Lines(), subject, preheader, vocabulary)
    bare = Compiled("html", "", subject, preheader, language, "", "", {}, [], fields)
    if faults := _trial_faults(bare, vocabulary, config):
        raise Refused(faults)


def _fault(
    template: Template, values: Mapping[str, Any], where: Any, who: str, compiled: Compiled
) -> Fault | None:
    try:
        said = "".join(fill(template, values, most=1_000_000))
    except (Lacking, TooMuch, Refused) as error:
        line = _line_in(template, error.__cause__ or error)
        line = compiled.lines.of_line(line, compiled.source_text) if line and where == "source" else None
        sentence = error.found[0].sentence if isinstance(error, Refused) else str(error)
        return Fault(sentence, line, where)
    if where == "subject" and compiled.subject.strip() and not said.strip():
        return Fault(f"The subject is empty for {who}.", None, "subject")
    return None


def _line_in(template: Template, error: BaseException) -> int | None:
    """The line of the template at which the error arose."""
    found = None
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get("__jinja_template__") is template or (
            trace.tb_frame.f_code.co_filename == template.filename or trace.tb_frame.f_code.co_name == "root"
        ):
            found = template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return found


def _check_ways_out(compiled: Compiled, vocabulary: Vocabulary, config: Config) -> None:
    """No condition may take the unsubscribe link away, and the compiled letter must fill like its source."""
    filler = Filler(Draft(compiled), config=config, links=Links(["trial"], config.web.base_url))
    for who, values in cases(vocabulary, compiled.fields):
        values = {name: family for name, family in values.items() if name not in ("shop", "links")}
        shown = "".join(filler.html(values, is_tracked=True, token=TOKEN))
        if UNSUBSCRIBE + TOKEN_PLACEHOLDER not in shown:
            raise Refused([Fault(f"A condition takes the unsubscribe link away from {who}.")])
        filler.text(values, is_tracked=False, token=TOKEN)
