"""What cannot be sent is refused at saving: one plain sentence, and the line where it stands."""

import pytest

from campaigns.content import Refused
from tests.campaigns.content.letters import OUT, body, mjml, save

BAD = {
    "an unclosed condition": (body("<p>\n{% if purchases.orders %}x</p>"), "endif", None),
    "a broken expression": (body("<p>a</p>\n<p>{{ customer. }}</p>"), "does not understand", 4),
    "an unknown field": (
        body("<p>a</p>\n\n{{ customer.frist_name or 'x' }}"),
        "did you mean customer.first_name",
        5,
    ),
    "a field without its family": (body("{{ first_name or 'x' }}"), "did you mean customer.first_name", 3),
    "an unknown family": (body("{{ custmer.first_name or 'x' }}"), "did you mean customer.first_name", 3),
    "an unknown field of an entry": (
        body("{% for l in purchases.last_lines %}\n{{ l.nmae }}{% endfor %}"),
        "did you mean l.name",
        4,
    ),
    "an unknown filter": (body("{{ customer.email|uper }}"), "did you mean upper", 3),
    "a value without a fallback": (
        body("<p>x</p>\n<p>Hi {{ customer.first_name }}</p>"),
        "customer.first_name may be missing",
        4,
    ),
    "a filtered value without a fallback": (body("{{ customer.first_name|title }}"), "may be missing", 3),
    "a joined value without a fallback": (body("{{ 'Hi ' ~ customer.first_name }}"), "may be missing", 3),
    "a comparison with what may be missing": (
        body("{% if customer.attributes.age > 18 %}x{% endif %}"),
        "may be missing",
        3,
    ),
    "a date that may be missing": (
        body("{{ purchases.last_on|date }}"),
        "purchases.last_on may be missing",
        3,
    ),
    "a detail of an entry that may be missing": (
        body("{% for l in purchases.last_lines %}{{ l.category }}{% endfor %}"),
        "l.category may be missing",
        3,
    ),
    "the first of an empty list": (body("{{ (purchases.last_lines|first).name }}"), "may be missing", 3),
    "a whole family printed": (body("{{ customer }}"), "not a single value", 3),
    "no way out": (body("<p>x</p>", out=""), "no link to unsubscribe", None),
    "a way out only for some": (
        body("<p>x</p>", out="{% if purchases.orders > 1 %}" + OUT + "{% endif %}"),
        "takes the unsubscribe link away",
        None,
    ),
    "a way out within an address": (
        body("x", out='<a href="https://x.example/?u={{ links.unsubscribe }}">x</a>'),
        "stand alone",
        4,
    ),
    "a way out in a comment": (body("x", out="<!-- " + OUT + " -->"), "no link to unsubscribe", None),
    "media within media": (
        body(
            "x",
            "<style>@media screen {\n .a{color:red}\n @media (max-width:9px) { .a{color:blue} } }</style>",
        ),
        "@media inside @media",
        4,
    ),
    "a style sheet elsewhere": (
        body("x", '\n<link rel="stylesheet" href="https://fonts.example/a.css">'),
        "<link>",
        3,
    ),
    "an import": (body("x", "<style>\n@import url(https://fonts.example/a.css);</style>"), "@import", 3),
    "an import written in disguise": (
        body("x", "<style>@\\69mport url(x)</style><style>@im/**/port</style><style>@IMPORT 'x'</style>"),
        "another server",
        2,
    ),
    "a script": (body("<p>a</p>\n<script>alert(1)</script>"), "Scripts", 4),
    "a handler": (body('<p onclick="x()">a</p>'), "onclick", 3),
    "a form": (body("<form><input></form>"), "Forms", 3),
    "a frame": (body('<iframe src="https://x.example"></iframe>'), "other pages", 3),
    "a base": (body("x", '<base href="https://x.example">'), "<base>", 2),
    "a refresh": (body("x", '<meta http-equiv="refresh" content="0">'), "by itself", 2),
    "an address that runs": (body('<a href=" java\nscript:alert(1)">x</a>'), "run a script", None),
    "an address that is a page": (body('<a href="data:text/html,x">x</a>'), "run a script", 3),
    "a relative address": (body('<p>x</p>\n<a href="/shop">x</a>'), "not a whole address", 4),
    "an address without its beginning": (body('<a href="www.shop.example">x</a>'), "not a whole address", 3),
    "a script hidden in a comment for Outlook": (
        body("<!--[if mso]><script>x</script><![endif]-->"),
        "holds a script",
        3,
    ),
    "an expression in a style": (body('<p style="width:expression(alert(1))">x</p>'), "run a script", 3),
    "an unknown layout": (
        '{% extends "nowhere.mjml" %}{% block content %}{% endblock %}',
        "no layout nowhere.mjml",
        1,
    ),
    "a layout from elsewhere": ('{% extends "../../config.toml" %}', "no layout", 1),
    "a layout by a value": ("{% extends customer.email %}", "in quotes", 1),
    "text that a layout would lose": ('{% extends "letter.mjml" %}\nHello', "outside the blocks", 1),
    "nothing at all": ("  \n", "nothing in this template", None),
    "no MJML": ("<p>x</p>" + OUT, "no <mjml>", 1),
    "an unknown tag of MJML": (
        mjml("<mj-section>\n<mj-colum></mj-colum></mj-section>"),
        "did you mean <mj-column>",
        3,
    ),
    "a part read from a file": (mjml('<mj-include path="/etc/passwd"></mj-include>'), "reads files", 2),
    "a font from elsewhere": (
        mjml("", '<mj-font name="x" href="https://fonts.example/x"></mj-font>'),
        "another server",
        1,
    ),
    "an unbalanced tag of MJML": (
        mjml("<mj-section><mj-column><mj-text>\n<b>x</mj-text></mj-column></mj-section>"),
        "</b> is expected",
        3,
    ),
    "an attribute in two branches": (
        body('\n<p {% if purchases.orders %}class="a"{% else %}class="b"{% endif %}>x</p>'),
        "class stands twice in one <p>",
        4,
    ),
    "a value among attributes": (body("<p {{ customer.email }}>x</p>"), "must stand within quotes", 3),
    "a value in the name of an attribute": (
        body('<p data-{{ customer.email }}="x">x</p>'),
        "must stand within quotes",
        3,
    ),
    "a handler under a condition": (body('<p {% if 1 %}onclick="x()"{% endif %}>x</p>'), "onclick", 3),
    "an address that runs under a condition": (
        body('<a {% if 1 %}href="javascript:x"{% endif %}>x</a>'),
        "run a script",
        3,
    ),
    "an element opened in two branches": (
        body('{% if purchases.orders %}<div class="a">\n{% else %}<div class="b">{% endif %}x</div>'),
        "<div> is opened in more branches",
        3,
    ),
    "a bare sign in MJML": (
        mjml("<mj-section><mj-column><mj-text>\na < b</mj-text></mj-column></mj-section>"),
        "&lt;",
        3,
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_it_is_refused_with_its_line(what: str) -> None:
    source, sentence, line = BAD[what]
    with pytest.raises(Refused) as refused:
        save(source, format="mjml" if "mjml" in source.lower() or what == "no MJML" else "html")
    assert sentence in str(refused.value), str(refused.value)
    if line is not None:
        assert refused.value.line == line, str(refused.value)


def test_every_fault_of_the_language_is_told_at_once() -> None:
    with pytest.raises(Refused) as refused:
        save(
            body("{{ customer.a }}\n{{ customer.b|nope }}"), subject="{{ customer.c }}", preheader="{% if %}"
        )
    assert {(fault.where, fault.line) for fault in refused.value.found} >= {
        ("source", 3),
        ("source", 4),
        ("subject", 1),
        ("preheader", 1),
    }
    assert set(refused.value.faults) == {"source", "subject", "preheader"}


def test_a_subject_may_not_lack_a_value_or_be_empty() -> None:
    with pytest.raises(Refused, match=r"Subject: customer\.first_name may be missing"):
        save(body("x"), subject="Hi {{ customer.first_name }}")
    with pytest.raises(Refused, match="empty for a customer of whom nothing is known"):
        save(body("x"), subject="{{ customer.first_name or '' }}")
    with pytest.raises(Refused, match="One line only"):
        save(body("x"), subject="a\nBcc: evil@example.com")


def test_fallbacks_and_questions_are_enough() -> None:
    save(
        body(
            '{{ customer.first_name or "there" }} {{ customer.first_name|default("x") }} {{ customer.first_name|title or "y" }}'
            "{% if customer.first_name %}{{ customer.first_name|upper }}{% endif %}"
            "{% if purchases.last_on %}{{ purchases.last_on|date('short') }}{% endif %}"
            "{% if customer.attributes.age and customer.attributes.age > 18 %}x{% endif %}"
            "{% for l in purchases.last_lines %}{{ loop.index }} {{ l.category or '-' }}{% else %}none{% endfor %}"
            "{% set n = purchases.orders + 1 %}{{ n }} {{ n|plural('order', 'orders') }}"
        ),
        subject="{{ customer.first_name or 'Hello' }}",
        preheader="{{ score.category|lower or 'news' }}",
    )


def test_facts_of_the_occasion_can_be_relied_on_in_its_own_letters_only() -> None:
    save(body("Order {{ letter.order_number }}"), purpose="after_purchase")
    with pytest.raises(Refused, match=r"letter\.order_number may be missing"):
        save(body("Order {{ letter.order_number }}"), purpose="newsletter")


def test_an_error_in_a_layout_is_told_at_the_line_that_calls_it() -> None:
    with pytest.raises(Refused) as refused:
        save(
            '\n{% extends "letter.mjml" %}\n{% block title %}{{ customer.nme }}{% endblock %}{% block content %}{% endblock %}',
            format="mjml",
        )
    assert refused.value.line == 3
