"""Templates that attack: nothing runs, nothing secret comes out, nothing goes on without end (S1, S13)."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from campaigns.content import Lacking, Refused, TooMuch
from campaigns.content.language import fill, prepared
from campaigns.errors import LiaisonError
from tests.campaigns.content.letters import body, filler, html, save, vocabulary

ROOT = Path(__file__).parents[3]

PAYLOADS = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ customer.__class__.__init__.__globals__ }}",
    "{{ customer['__class__'] }}",
    "{{ customer|attr('__class__') }}",
    "{{ self._TemplateReference__context.cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ self }}",
    "{{ cycler.__init__.__globals__.os }}",
    "{{ joiner.__init__.__globals__.os.environ }}",
    "{{ namespace.__init__.__globals__.os.popen('id') }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ config }}",
    "{{ config.items() }}",
    "{{ request.application.__globals__.__builtins__.__import__('os') }}",
    "{{ get_flashed_messages.__globals__ }}",
    "{{ url_for.__globals__['current_app'].config }}",
    "{{ g.pop.__globals__ }}",
    "{{ ().__class__.__bases__[0].__subclasses__() }}",
    "{{ [].__class__.__base__ }}",
    "{{ {}.__class__ }}",
    "{{ 1.0.__class__ }}",
    "{{ customer.email.__class__.__mro__ }}",
    "{{ customer.email.format(customer) }}",
    "{{ '{0.__class__.__init__.__globals__}'.format(customer) }}",
    "{{ '%s' % customer }}",
    "{{ 'x'|format(customer) }}",
    "{{ customer.items() }}",
    "{{ customer.get('email') }}",
    "{{ customer.update({'email': 'x'}) }}",
    "{{ customer.clear() }}",
    "{% set customer.email = 'x' %}",
    "{% set x = customer.pop('email') %}",
    "{{ purchases.last_lines.append(1) }}",
    "{% include '/etc/passwd' %}",
    "{% include '../../../etc/passwd' %}",
    "{% include 'layouts/../../web/layout.html' %}",
    "{% import 'os' as os %}{{ os }}",
    "{% from 'os' import environ %}",
    "{% extends '/etc/passwd' %}",
    "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
    "{% call(x) a() %}{% endcall %}",
    "{% autoescape false %}{{ customer.first_name }}{% endautoescape %}",
    "{{ customer.first_name|safe }}",
    "{{ '<script>'|safe }}",
    "{{ customer|tojson }}",
    "{{ customer|pprint }}",
    "{{ customer|list }}",
    "{{ customer|xmlattr }}",
    "{{ customer|dictsort }}",
    "{{ [customer]|map(attribute='__class__')|list }}",
    "{{ [customer]|groupby('__class__') }}",
    "{{ [1]|map('attr', '__class__') }}",
    "{{ [customer]|selectattr('__class__') }}",
    "{{ range.__class__ }}",
    "{{ range.__init__.__globals__ }}",
    "{{ loop.__class__ }}",
    "{% for x in [1] %}{{ loop.__init__ }}{{ loop._iterator }}{% endfor %}",
    "{% for x in [1] %}{{ loop }}{% endfor %}",
    "{{ _budget }}",
    "{{ _token }}",
    "{{ 1|_click(0) }}",
    "{{ '//evil.example'|_address }}",
    "{% debug %}",
    "{% do customer.clear() %}",
    "{% trans %}x{% endtrans %}",
    "{{ ''['__cla' ~ 'ss__'] }}",
    "{{ customer['\\x5f\\x5fclass\\x5f\\x5f'] }}",
    "{{ dict(a=1) }}",
    "{{ undefined_thing() }}",
    "{{ ''.join(['a']) }}",
    "{{ shop.name.upper() }}",
    "{% with x = cycler %}{{ x }}{% endwith %}",
    "%parameter%database_password%",
]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_runs_and_nothing_comes_out(payload: str) -> None:
    for part in ("source", "subject", "preheader"):
        words = {"subject": "x", "preheader": "", part: payload}
        try:
            letter = save(
                body(payload if part == "source" else "x"),
                subject=words["subject"],
                preheader=words["preheader"],
            )
        except Refused as refused:
            assert "Traceback" not in str(refused) and "object at 0x" not in str(refused)
            continue
        said = html(letter) + filler(letter).subject(vocabulary().values())
        for secret in ("class '", "<function", "object at 0x", "root:", "PATH", "environ(", "builtin"):
            assert secret not in said


@pytest.mark.parametrize("payload", PAYLOADS)
def test_values_are_never_read_as_templates(payload: str) -> None:
    letter = save(body("<p>{{ customer.first_name or 'x' }}</p>"), subject="{{ customer.first_name or 'x' }}")
    from markupsafe import escape

    assert str(escape(payload)) in html(letter, customer={"first_name": payload})


@pytest.mark.parametrize("payload", PAYLOADS)
def test_the_sandbox_holds_without_the_checks_at_saving(payload: str) -> None:
    try:
        said = "".join(
            fill(
                prepared(payload),
                {"customer": {"email": "a@b.example"}, "purchases": {"last_lines": []}},
                most=10_000,
            )
        )
    except LiaisonError:
        return
    assert "object at 0x" not in said and "<class" not in said and "&lt;class" not in said


def test_scripts_in_values_come_out_as_text() -> None:
    letter = save(
        body(
            '<p title="{{ customer.first_name or "" }}">{{ customer.first_name or "" }}</p><a href="https://shop.example/?{{ customer.first_name or "" }}">x</a>'
        )
    )
    shown = html(letter, is_tracked=True, customer={"first_name": '"><script>alert(1)</script>'})
    assert "<script" not in shown and '"><' not in shown.split("<body>")[1].split("</p>")[0]


def test_a_subject_cannot_bring_headers() -> None:
    letter = save(body("x"), subject="Hi {{ customer.first_name or 'you' }}")
    said = filler(letter).subject({"customer": {"first_name": "A\r\nBcc: evil@example.com\u2028x\0y"}})
    assert said == "Hi A Bcc: evil@example.com x y"


ENDLESS = [
    "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}x{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in range(10**9) %}x{% endfor %}",
    "{% for a in range(999999999) %}{% endfor %}",
    "{{ 'a' * 10**9 }}",
    "{{ 'a' * 999999999 }}",
    "{{ [1] * 999999999 }}",
    "{{ (1,) * 999999999 }}",
    "{{ 10 ** 10 ** 10 }}",
    "{{ 9 ** 9 ** 9 ** 9 }}",
    "{{ 999999999999999 * 999999999999999 * 999999999999999 }}",
    "{{ 'a'|center(999999999) }}",
    "{{ 'a'|indent(999999999) }}",
    "{{ '%999999999d'|format(1) }}",
    "{{ '%999999999d' % 1 }}",
    "{{ '{:>999999999}'.format(1) }}",
    "{{ 'a'.ljust(999999999) }}",
    "{{ ('a' * 9999)|replace('a', 'a' * 9999) }}",
    "{% set a = 'xxxxxxxxxxxxxxxxxxxx' %}"
    + "".join("{% set a = a ~ a ~ a ~ a %}" for _ in range(40))
    + "{{ a }}",
    "{% set a = 'xxxxxxxxxxxxxxxxxxxx' %}" + "".join("{% set a = a + a %}" for _ in range(60)) + "{{ a }}",
    "{% set a %}xxxxxxxxxxxxxxxxxxx{% endset %}"
    + "".join("{% set a %}{{ a }}{{ a }}{{ a }}{% endset %}" for _ in range(60))
    + "{{ a }}",
    "{% set a = [1, 2, 3] %}" + "".join("{% set a = [a, a, a] %}" for _ in range(60)) + "{{ a }}",
    "{% set a = [1, 2, 3] %}" + "".join("{% set a = a + a %}" for _ in range(60)) + "{{ a|length }}",
    "{% set a %}{% for x in range(9999) %}" + "x" * 5000 + "{% endfor %}{% endset %}{{ a }}",
    "{% filter upper %}{% for x in range(9999) %}" + "x" * 5000 + "{% endfor %}{% endfilter %}",
    "{% for x in range(9000) %}" + "x" * 50_000 + "{% endfor %}",
    "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ " + "-" * 20000 + "1 }}",
    "{{ " + "not " * 20000 + "1 }}",
    "{% if 1 %}" * 3000 + "{% endif %}" * 3000,
    "{% for x in [1] %}" * 60 + "{% endfor %}" * 60,
    "{{ 1 }}" * 60_000,
    "{{ " + "9" * 100_000 + " }}",
    "<div>" * 60_000,
    "<p a" * 60_000,
    "<!--" * 90_000,
    "<![if" * 60_000,
    "<a href='" * 30_000,
    "&" * 300_000,
    "{#" * 100_000,
    "<style>" + "a{color:red}" * 20_000 + "</style>",
    "<style>" + "@media x{" * 10_000 + "</style>",
    "<style>/*" + "*/ /*" * 15_000 + "</style>",
    "<style>"
    + "".join(f".c{n} .d .e > p:first-child{{color:red}}" for n in range(1500))
    + "</style>"
    + "<div class=d><p>x</p></div>" * 2500,
    "<style>" + "p{" + "margin:0;" * 9_000 + "}</style>" + "<p>x</p>" * 2000,
    "<!--[if mso]>" + "<a href=" * 40_000 + "<![endif]-->",
    "x" * 390_000,
    "<table><tr>" + "{% for l in purchases.last_lines %}<td>x</td>{% endfor %}" * 1900 + "</tr></table>",
]


def _run_apart(sources: list[str]) -> list[dict[str, float | str]]:
    """Each source saved in a process of its own, with the seconds and the megabytes that it took."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.campaigns.content.test_attacks"],
        cwd=ROOT,
        input=json.dumps(sources),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=300,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_whatever_loops_or_grows_ends_within_two_seconds_and_a_hundred_megabytes() -> None:
    for source, took in zip(ENDLESS, _run_apart(ENDLESS), strict=True):
        assert took["seconds"] < 2, (source[:80], took)
        assert took["megabytes"] < 100, (source[:80], took)
        assert took["outcome"] in ("saved", "Refused", "TooMuch"), (source[:80], took)


def test_a_fill_that_grows_is_stopped_even_if_it_was_saved() -> None:
    letter = save(body("{% for l in purchases.last_lines %}" + "x" * 2000 + "{% endfor %}"))
    with pytest.raises(TooMuch):
        html(letter, purchases={"last_lines": [{"name": "a"}] * 4000})
    with pytest.raises(Lacking):
        html(
            save(body("{% for l in purchases.last_lines %}{{ l.name }}{% endfor %}")),
            purchases={"last_lines": [{}]},
        )


def _main() -> None:
    """Save each source of standard input, one line of figures each."""
    for source in json.load(sys.stdin):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.process_time()
        try:
            save(body(source))
            outcome = "saved"
        except LiaisonError as error:
            outcome = type(error).__name__
        except Exception as error:
            outcome = f"{type(error).__name__}: {error}"[:200]
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(
            json.dumps(
                {"seconds": time.process_time() - start, "megabytes": grown / 1024, "outcome": outcome}
            ),
            flush=True,
        )


if __name__ == "__main__":
    _main()
