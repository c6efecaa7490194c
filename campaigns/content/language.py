"""The language of letters: Jinja made small enough that no template can reach out, run on or grow without end.

Values are plain data; dots read keys of dictionaries and nothing else, no method can be called. Loops are
counted against a budget, every value is bounded, and what could grow unseen (macros, recursion, powers,
repeated text) is refused when the template is saved. So a fill needs no watching process and stays quick.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, Undefined, nodes, pass_context
from jinja2.runtime import Context, LoopContext, markup_join, str_join
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS
from markupsafe import Markup

from campaigns.content.faults import Fault, Lacking, Refused, TooMuch
from campaigns.content.filters import bounded, in_language, shared

STEPS = 10_000
"""Turns of all loops of one fill together."""
LARGEST_NUMBER = 10**15
MOST_EXPRESSIONS = 1_000
MOST_LOOPS = 100
"""Written in one template: beyond, compiling takes seconds."""
BUDGET = "_budget"

LOOP_WORDS = frozenset({"index", "index0", "revindex", "revindex0", "first", "last", "length", "even", "odd"})
KNOWN_TESTS = [
    "defined",
    "undefined",
    "none",
    "odd",
    "even",
    "divisibleby",
    "eq",
    "equalto",
    "==",
    "ne",
    "!=",
    "lt",
    "<",
    "gt",
    ">",
    "le",
    "<=",
    "ge",
    ">=",
    "in",
    "number",
    "string",
    "boolean",
    "true",
    "false",
    "integer",
    "float",
    "sequence",
    "iterable",
    "mapping",
    "lower",
    "upper",
]
REFUSED_STATEMENTS: dict[type[nodes.Node], str] = {
    nodes.Macro: "{% macro %} is not part of the language of letters.",
    nodes.CallBlock: "{% call %} is not part of the language of letters.",
    nodes.Import: "{% import %} is not part of the language of letters.",
    nodes.FromImport: "{% from … import %} is not part of the language of letters.",
    nodes.ScopedEvalContextModifier: "{% autoescape %} cannot be changed: values are always escaped.",
    nodes.EvalContextModifier: "{% autoescape %} cannot be changed: values are always escaped.",
    nodes.Extends: "A layout can be extended only by its name in quotes, at the top of the template.",
    nodes.Include: "A part can be included only by its name in quotes.",
    nodes.Block: "{% block %} only makes sense together with {% extends %}.",
    nodes.NSRef: "namespace() is not part of the language of letters.",
    nodes.Slice: "Parts of a value cannot be cut out with [a:b]; the filter truncate shortens text.",
}


@pass_context
def _counted(context: Context, value: Any) -> list[Any]:
    """The entries of a loop, taken from the fill's budget."""
    items = [] if value is None else list(value)
    budget: list[int] = context.vars.get(BUDGET) or context.parent[BUDGET]
    budget[0] -= len(items) + 1
    if budget[0] < 0:
        raise TooMuch(f"The loops of this template go round more than {STEPS:,} times.")
    return items


def _shown(value: Any, name: str) -> Any:
    """What may be printed: text and plain values; nothing at all is refused, by name."""
    kind = type(value)
    if kind is str or kind is Markup:
        return value
    if value is None:
        raise Lacking(name)
    if isinstance(value, int | float | date | str):
        return str(value)
    if isinstance(value, Undefined):
        raise Refused([Fault(f"There is no value {name}.")])
    raise Refused([Fault(f"{name} cannot be printed: it is not a single value.")])


def _joined(first: Any, *rest: Any) -> Any:
    pieces = (first, *rest)
    if None in pieces:
        raise Lacking("")
    size = sum(len(piece) if isinstance(piece, str) else 20 for piece in pieces)
    if size > 20_000:
        raise TooMuch("A value grew beyond 20,000 characters.")
    markup = any(hasattr(piece, "__html__") for piece in pieces)
    return markup_join(pieces) if markup else str_join(pieces)


class LetterEnvironment(ImmutableSandboxedEnvironment):
    """The sandbox: plain data, closed filters, counted loops, bounded values."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})
    intercepted_unops = frozenset()

    def __init__(self, language: str, *, is_html: bool) -> None:
        super().__init__(
            autoescape=is_html,
            undefined=StrictUndefined,
            keep_trailing_newline=True,
            cache_size=0,
        )
        self.globals = {"range": range}
        self.filters = shared() | in_language(language)
        self.filters |= {"_counted": _counted, "_shown": _shown, "_joined": _joined, "_bounded": bounded}
        self.tests = {name: TESTS[name] for name in KNOWN_TESTS if name in TESTS}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return _guarded(super()._parse(source, name, filename))

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is dict:
            return obj.get(attribute)
        if obj is None:
            return None
        if type(obj) is LoopContext and attribute in LOOP_WORDS:
            return getattr(obj, attribute)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, list | tuple) and isinstance(argument, int):
            return obj[argument] if -len(obj) <= argument < len(obj) else None
        return self.getattr(obj, argument) if isinstance(argument, str) else self.undefined(obj=obj)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return bounded(left + right) if len(left) + len(right) <= 20_000 else bounded("x" * 20_001)
        if left is None or right is None:
            raise Lacking("")
        if not isinstance(left, int | float) or not isinstance(right, int | float) or operator == "**":
            raise Refused([Fault(f"{operator} reckons with numbers only.")])
        if operator in ("/", "//", "%") and not right:
            raise Refused([Fault("Something is divided by nought.")])
        result = self.binop_table[operator](left, right)
        if abs(result) > LARGEST_NUMBER:
            raise TooMuch("A number grew beyond every need.")
        return result

    def call(self, context: Context, obj: Any, *args: Any, **kwargs: Any) -> Any:
        if obj is not range:
            raise Refused([Fault("Nothing can be called but range.")])
        numbers = range(*args)
        if len(numbers) > STEPS:
            raise TooMuch(f"range() goes beyond {STEPS:,}.")
        return super().call(context, obj, *args, **kwargs)


@lru_cache(maxsize=32)
def environment(language: str = "en", *, is_html: bool = True) -> LetterEnvironment:
    """The environment for HTML bodies, or for text (bodies, subjects), of one language."""
    return LetterEnvironment(language, is_html=is_html)


def _guarded(tree: nodes.Template) -> nodes.Template:
    """Weave the guards into a parsed template: counted loops, named prints, bounded joins and settings."""
    _weave(tree)
    return tree


def _weave(node: nodes.Node) -> None:
    for field, value in node.iter_fields():
        if isinstance(value, nodes.Node):
            setattr(node, field, _woven(node, field, value))
        elif isinstance(value, list):
            value[:] = [_woven(node, field, item) if isinstance(item, nodes.Node) else item for item in value]


def _woven(parent: nodes.Node, field: str, node: nodes.Node) -> nodes.Node:
    _weave(node)
    if isinstance(node, nodes.Concat):
        return _filter(node.nodes[0], "_joined", node.nodes[1:])
    if isinstance(parent, nodes.For) and field == "iter":
        return _filter(node, "_counted")
    if isinstance(parent, nodes.Output) and not isinstance(node, nodes.TemplateData):
        return _filter(node, "_shown", [nodes.Const(spoken(node), lineno=node.lineno)])
    if isinstance(parent, nodes.Assign) and field == "node":
        return _filter(node, "_bounded")
    if isinstance(node, nodes.AssignBlock):
        node.filter = _filter(node.filter, "_bounded")
    return node


def _filter(node: nodes.Node | None, name: str, args: list[Any] | None = None) -> nodes.Filter:
    line = node.lineno if node is not None else 1
    return nodes.Filter(node, name, args or [], [], None, None, lineno=line)


def spoken(node: nodes.Node) -> str:
    """An expression in the words its author would use; a filter is named by what it works on."""
    if isinstance(node, nodes.Filter) and node.node is not None:
        return spoken(node.node)
    return dotted(node) or "An expression"


def dotted(node: nodes.Node) -> str:
    """`customer.first_name` for such a chain of names, otherwise nothing."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        base = dotted(node.node)
        return f"{base}.{node.attr}" if base else ""
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        base = dotted(node.node)
        return f"{base}.{node.arg.value}" if base and isinstance(node.arg.value, str) else ""
    return ""


def parsed(source: str) -> nodes.Template:
    """The bare syntax tree of a template, without guards, to be looked at; raises Refused with the line."""
    try:
        # the library's own parser: ours would weave the guards in
        return ImmutableSandboxedEnvironment._parse(environment(), source, None, None)
    except TemplateSyntaxError as error:
        raise Refused([Fault(_plain(error), error.lineno)]) from error
    except (ValueError, OverflowError, RecursionError, MemoryError, AssertionError) as error:
        raise Refused(
            [Fault("This cannot be read as a template: it is nested or large beyond need.")]
        ) from error


def _plain(error: TemplateSyntaxError) -> str:
    words = str(error.message or "it cannot be read").rstrip(".")
    return f"The template language does not understand this: {words[:1].lower()}{words[1:]}."


def prepared(source: str, *, language: str = "en", is_html: bool = True) -> Template:
    """A template ready to be filled; raises Refused where it cannot be read."""
    try:
        return environment(language, is_html=is_html).from_string(source)
    except TemplateSyntaxError as error:
        raise Refused([Fault(_plain(error), error.lineno)]) from error
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise Refused(
            [Fault("This cannot be read as a template: it is nested or large beyond need.")]
        ) from error
    except AssertionError as error:
        raise Refused([Fault(f"This cannot be read as a template: {error}.")]) from error


def refusals(tree: nodes.Template) -> Iterator[Fault]:
    """Everything in a syntax tree that the language of letters does not have."""
    known = environment()
    if sum(1 for _ in tree.find_all(nodes.Output)) > MOST_EXPRESSIONS:
        yield Fault(f"The template has more than {MOST_EXPRESSIONS:,} expressions.")
    if sum(1 for _ in tree.find_all(nodes.For)) > MOST_LOOPS:
        yield Fault(f"The template has more than {MOST_LOOPS} loops.")
    for node in tree.find_all(nodes.Node):
        said = _refusal(node, known)
        if said:
            yield Fault(said, node.lineno)


def _refusal(node: nodes.Node, known: LetterEnvironment) -> str | None:
    for kind, sentence in REFUSED_STATEMENTS.items():
        if isinstance(node, kind):
            return sentence
    if isinstance(node, nodes.Filter) and (node.name.startswith("_") or node.name not in known.filters):
        return f"There is no filter {node.name}{_nearest(node.name, known.filters)}."
    if isinstance(node, nodes.Test) and node.name not in known.tests:
        return f"There is no test {node.name}{_nearest(node.name, known.tests)}."
    if isinstance(node, nodes.Call) and not (isinstance(node.node, nodes.Name) and node.node.name == "range"):
        return "Nothing can be called in a letter but range(…): use a filter, as in {{ name|upper }}."
    if isinstance(node, nodes.Getattr | nodes.Name) and str(
        getattr(node, "attr", "") or getattr(node, "name", "")
    ).startswith("_"):
        return "Names that begin with an underscore are not part of the language of letters."
    if isinstance(node, nodes.For) and node.recursive:
        return "A loop cannot be recursive."
    if isinstance(node, nodes.Pow):
        return "** is not part of the language of letters."
    if isinstance(node, nodes.AssignBlock | nodes.FilterBlock) and any(node.find_all(nodes.For)):
        return "A loop cannot stand inside {% set %} … {% endset %} or {% filter %}."
    if isinstance(node, nodes.Assign) and not isinstance(node.target, nodes.Name):
        return "{% set %} gives a value to one name at a time."
    return None


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    near = get_close_matches(name, [word for word in known if not word.startswith("_")], n=1)
    return f"; did you mean {near[0]}" if near else ""


def fill(template: Template, values: Mapping[str, Any], *, most: int) -> list[str]:
    """The pieces of a filled template, in order; static pieces are the same objects every time.

    Raises Lacking, TooMuch or Refused; never lets an error of Python's through.
    """
    context = template.new_context({**values, BUDGET: [STEPS]})
    pieces: list[str] = []
    size = 0
    try:
        for piece in template.root_render_func(context):
            size += len(piece)
            if size > most:
                raise TooMuch(f"The letter grew beyond {most:,} characters.")
            pieces.append(piece)
    except (Lacking, TooMuch, Refused):
        raise
    except Exception as error:
        raise Refused([Fault(_in_words(error))]) from error
    return pieces


def _in_words(error: Exception) -> str:
    if isinstance(error, TypeError) and "NoneType" in str(error):
        return "A value that may be missing is compared or reckoned with: ask first with {% if … %}."
    words = str(error).strip().rstrip(".").split("\n")[0][:200]
    return f"This cannot be filled in: {words or type(error).__name__}."
