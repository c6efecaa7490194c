"""A letter's source comes through premailer and MJML unharmed: placeholders, conditional comments, rules."""

import re

import pytest

from campaigns.content import Refused, inline_css
from tests.campaigns.content.letters import body, compiled, html, mjml, text

MSO = """<!--[if mso]><table role="presentation" width="600"><tr><td><![endif]-->
<!--[if !mso]><!--><p>not outlook</p><!--<![endif]-->
<!--[if (gte mso 9)|(IE)]></td></tr></table><![endif]-->"""

KEPT_RULES = """
@font-face { font-family: "House"; src: url(https://shop.example/house.woff2) format("woff2"); }
@supports (display: grid) { .grid { display: grid !important } }
@media (prefers-color-scheme: dark) { .card { background: #111 !important } }
@media only screen and (max-width: 480px) { .wide { width: 100% !important } }
@keyframes glow { from { opacity: 0 } to { opacity: 1 } }
[data-ogsc] .card { color: #eee !important }
u + #body .card { color: red }
.card:hover { color: blue }
.card::before { content: "<>&" }
div > p + p, a[href^="https"] { margin: 0 }
"""


def test_a_comparison_keeps_its_signs() -> None:
    letter = compiled(body("{% if purchases.orders < 3 and purchases.orders > 0 %}<p>few</p>{% endif %}"))
    assert "{% if purchases.orders < 3 and purchases.orders > 0 %}" in letter.html
    assert "<p>few</p>" in html(letter, purchases={"orders": 2})
    assert "few" not in html(letter, purchases={"orders": 3})


def test_a_comparison_in_mjml_keeps_its_signs() -> None:
    section = "<mj-section><mj-column><mj-text>{% if purchases.orders < 3 %}few{% endif %}</mj-text></mj-column></mj-section>"
    assert "few" in html(compiled(mjml(section)), purchases={"orders": 1})


def test_an_address_from_a_value_comes_through() -> None:
    letter = compiled(body('<a href="{{ customer.attributes.page }}">mine</a>'))
    assert 'href="https://shop.example/mine"' in html(letter)


def test_an_address_from_a_value_may_only_lead_to_a_page() -> None:
    letter = compiled(body('<a href="{{ customer.attributes.page }}">mine</a>'))
    shown = html(letter, customer={"attributes": {"page": "javascript:alert(1)"}})
    assert "javascript" not in shown and 'href="#"' in shown


def test_a_value_in_a_query_is_escaped_for_it() -> None:
    letter = compiled(body('<a href="https://shop.example/?n={{ customer.number }}&amp;x=1">mine</a>'))
    shown = html(letter, customer={"number": 'a b&"c'})
    assert 'href="https://shop.example/?n=a%20b%26%22c&amp;x=1"' in shown


def test_a_colour_from_a_value_is_inlined_and_kept() -> None:
    letter = compiled(
        body('<p class="x">a</p>', "<style>.x { color: {{ customer.attributes.colour or '#333' }} }</style>")
    )
    assert html(letter).count("#aa0000") == 2


def test_a_value_in_a_style_cannot_bring_declarations_of_its_own() -> None:
    letter = compiled(body("<p style=\"color: {{ customer.attributes.colour or 'red' }}\">a</p>"))
    shown = html(letter, customer={"attributes": {"colour": "red;background:url(https://evil.example)"}})
    assert "evil" not in shown


def test_rows_of_a_table_can_be_repeated() -> None:
    source = body(
        "<table><tbody>{% for line in purchases.last_lines %}<tr><td>{{ line.name }}</td></tr>{% endfor %}</tbody></table>"
    )
    rows = re.findall(r"<tr><td>(.*?)</td></tr>", html(compiled(source)))
    assert rows == ["Blue scarf", "Wool socks"]


def test_rows_of_a_table_can_be_repeated_in_mjml() -> None:
    source = mjml(
        "<mj-section><mj-column><mj-table>{% for line in purchases.last_lines %}"
        "<tr><td>{{ line.name }}</td></tr>{% endfor %}</mj-table></mj-column></mj-section>"
    )
    assert re.findall(r"<td[^>]*>(Blue scarf|Wool socks)</td>", html(compiled(source))) == [
        "Blue scarf",
        "Wool socks",
    ]


def test_sections_of_mjml_can_stand_under_a_condition() -> None:
    section = "<mj-section><mj-column><mj-text>loyal</mj-text></mj-column></mj-section>"
    for inside in (
        "{% if purchases.orders > 5 %}" + section + "{% endif %}",
        "<mj-raw>{% if purchases.orders > 5 %}</mj-raw>" + section + "<mj-raw>{% endif %}</mj-raw>",
    ):
        letter = compiled(mjml(inside))
        assert "loyal" in html(letter, purchases={"orders": 6})
        assert "loyal" not in html(letter, purchases={"orders": 2})


def test_attributes_of_mjml_take_values() -> None:
    button = '<mj-section background-color="{{ customer.attributes.colour }}"><mj-column><mj-button href="{{ customer.attributes.page }}" padding="{{ 4 + 4 }}px">go</mj-button></mj-column></mj-section>'
    shown = html(compiled(mjml(button)))
    assert "#aa0000" in shown and "https://shop.example/mine" in shown and "8px" in shown


def test_comments_for_outlook_are_kept_word_for_word() -> None:
    letter = compiled(body(MSO + "<p>x</p><![if !mso]><i>revealed</i><![endif]>"))
    for line in MSO.splitlines():
        assert line in letter.html
    assert "<![if !mso]><i>revealed</i><![endif]>" in letter.html


def test_what_stands_before_and_after_the_page_is_kept() -> None:
    source = (
        '<!-- one --><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n'
        + body("<p>{{ customer.email }}</p>").removeprefix("<!doctype html>\n")
        + "<!-- {{ customer.email }} -->"
    )
    letter = compiled(source)
    assert letter.html.startswith('<!-- one --><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML')
    assert letter.html.endswith("<!-- {{ customer.email }} -->")


def test_every_rule_of_the_style_block_is_kept() -> None:
    letter = compiled(body('<div class="card wide"><p>a</p><p>b</p></div>', f"<style>{KEPT_RULES}</style>"))
    assert KEPT_RULES in letter.html


def test_an_inlined_copy_does_not_overrule_the_dark_rules() -> None:
    style = "<style>.a{color:#222 !important}@media (prefers-color-scheme:dark){.a{color:#eee !important}}</style>"
    letter = compiled(body('<p class="a">x</p>', style))
    assert re.search(r'<p class="a" style="color:#222">', letter.html)


def test_colours_with_an_alpha_are_inlined() -> None:
    letter = compiled(body('<p class="a">x</p>', "<style>.a{color:#ff000080;background:#f00f}</style>"))
    assert re.search(r'<p class="a" style="color:#ff000080; background:#f00f"', letter.html)


def test_the_authors_own_attributes_win_over_those_made_from_styles() -> None:
    style = "<style>img{width:100%;height:auto} p{width:calc(100% - 4px)} table{text-align:center}</style>"
    letter = compiled(
        body(
            '<img src="https://shop.example/a.png" alt="" width="600"><p>x</p><table><tr><td>y</td></tr></table>',
            style,
        )
    )
    assert 'width="600"' in letter.html and 'height="auto"' not in letter.html
    assert 'width="calc' not in letter.html and '<table style="text-align:center">' in letter.html


def test_entities_and_characters_survive() -> None:
    letter = compiled(body("<p>a&nbsp;b &amp; c &lt;d&gt; é € 😀 &zwnj; Ä&shy;b &copy;</p>"))
    for kept in ("a&nbsp;b &amp; c &lt;d&gt; é € 😀 &zwnj; Ä&shy;b ©",):
        assert kept in letter.html


@pytest.mark.parametrize("before", ["\ufeff", ""])
@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_files_of_other_systems_are_read(before: str, end: str) -> None:
    source = before + body("<P CLASS=x>{{ customer.email }}</P>\n<BR>").replace("\n", end)
    letter = compiled(source)
    assert '<p class="x">{{ customer.email }}</p>' in letter.html and "\r" not in letter.html


def test_uppercase_tags_and_fragments_are_read() -> None:
    letter = compiled('<H1>Hi {{ customer.email }}</H1><A HREF="{{ links.unsubscribe }}">out</A>')
    assert "<h1>Hi {{ customer.email }}</h1>" in letter.html and '<html lang="en">' in letter.html
    assert 'charset="utf-8"' in letter.html


def test_a_condition_may_stand_among_attributes() -> None:
    letter = compiled(
        body('<td {% if purchases.orders > 1 %}bgcolor="#ff0000"{% endif %} class="b">x</td>')
        .replace("<td", "<table><tr><td")
        .replace("</td>", "</td></tr></table>")
    )
    assert 'bgcolor="#ff0000"' in html(letter, purchases={"orders": 2})
    assert "bgcolor" not in html(letter, purchases={"orders": 0})


def test_a_condition_may_wrap_what_stands_between() -> None:
    wrapped = '{% if purchases.orders > 1 %}<div class="a">{% endif %}<p>x</p>{% if purchases.orders > 1 %}</div>{% endif %}'
    letter = compiled(body(wrapped))
    assert '<div class="a"><p>x</p></div>' in html(letter, purchases={"orders": 2})
    assert "div" not in html(letter, purchases={"orders": 0})


def test_quotes_within_an_expression_within_an_attribute() -> None:
    letter = compiled(body('<img src="https://shop.example/a.png" alt="{{ customer.first_name or "you" }}">'))
    assert 'alt="you"' in html(letter, customer={"first_name": None})
    assert 'alt="&lt;b&gt;&#34;"' in html(letter, customer={"first_name": '<b>"'})


def test_raw_text_is_left_as_it_is() -> None:
    assert "{{ not ours }}" in html(compiled(body("<p>{% raw %}{{ not ours }}{% endraw %}</p>")))


def test_comments_of_the_author_are_not_sent() -> None:
    assert "secret" not in compiled(body("<p>{# secret #}a</p>")).html


def test_spaces_around_white_space_control_are_obeyed() -> None:
    assert "<p>ab</p>" in html(compiled(body("<p>a {{- 'b' -}} </p>")))


def test_a_width_that_mjml_cannot_hold_is_named_with_its_line() -> None:
    section = '<mj-section>\n<mj-column width="{{ customer.attributes.age or 1 }}">\n<mj-text>x</mj-text></mj-column></mj-section>'
    with pytest.raises(Refused) as refused:
        compiled(mjml(section))
    assert "{{ customer.attributes.age or 1 }} gets lost" in str(refused.value) and refused.value.line == 3


def test_a_statement_in_a_style_block_is_refused_with_its_line() -> None:
    with pytest.raises(Refused) as refused:
        compiled(
            body(
                "<p>x</p>",
                "<style>\n.a{color:red}\n{% if purchases.orders %}.b{color:blue}{% endif %}</style>",
            )
        )
    assert "style block" in str(refused.value) and refused.value.line == 4


def test_the_bare_inliner_changes_nothing_but_styles() -> None:
    source = '<!-- a --><html><head><style>p{color:{{ c }}}</style></head><body>{% for p in ps if p.x < 2 %}<p title="{{ p.t }}">{{ p.n|e }}</p>{% endfor %}<!--[if mso]>{{ x }}<![endif]--></body></html>'
    made = inline_css(source)
    assert made.startswith("<!-- a --><html")
    for kept in (
        "{% for p in ps if p.x < 2 %}",
        'title="{{ p.t }}"',
        "{{ p.n|e }}",
        "<!--[if mso]>{{ x }}<![endif]-->",
    ):
        assert kept in made
    assert 'style="color:{{ c }}"' in made


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def caught(*_: object, **__: object) -> None:
        raise AssertionError("something called out")

    monkeypatch.setattr(socket.socket, "connect", caught)
    monkeypatch.setattr(socket, "getaddrinfo", caught)
    inline_css(
        '<html><head><link rel="stylesheet" href="http://10.0.0.1/a.css"><style>@import url(http://10.0.0.1/b.css); p{color:red}</style>'
        "</head><body><p>x</p></body></html>"
    )


def test_the_text_part_reads_like_a_letter() -> None:
    source = body(
        "<style>p{color:red}</style><div style='display:none'>preview</div><h1>News</h1><p>Hello {{ customer.first_name or 'you' }},<br>second line</p>"
        "<ul><li>one</li><li>two <a href='https://shop.example/two'>more</a></li></ul><ol><li>first</li></ol>"
        "<table><tr><th>What</th><th>Price</th></tr>{% for l in purchases.last_lines %}<tr><td>{{ l.name }}</td><td>{{ l.amount|money(l.currency) }}</td></tr>{% endfor %}</table>"
        "<blockquote>said</blockquote><p><img src='https://shop.example/a.png' alt='A lamp'></p><hr><p><a href='https://shop.example'>https://shop.example</a></p>"
    )
    assert text(compiled(source)).startswith(
        """News
====

Hello Alice,
second line

- one
- two more (https://shop.example/two)

1. first

What · Price
Blue scarf · €38.00
Wool socks · €11.90

> said

[A lamp]

----------------------------------------

https://shop.example

Unsubscribe (https://liaison.example/u/"""
    )


def test_a_condition_leaves_no_hole_in_the_text() -> None:
    letter = compiled(body("<p>a</p>{% if purchases.orders > 9 %}<p>b</p>{% endif %}<p>c</p>"))
    assert text(letter).startswith("a\n\nc\n") and text(letter, purchases={"orders": 10}).startswith(
        "a\n\nb\n\nc\n"
    )


FOREIGN = """<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office">
<head>
<!--[if gte mso 9]><xml><o:OfficeDocumentSettings><o:AllowPNG/><o:PixelsPerInch>96</o:PixelsPerInch></o:OfficeDocumentSettings></xml><![endif]-->
<meta http-equiv="Content-Type" content="text/html; charset=utf-8" />
<title>*|MC:SUBJECT|*</title>
<!--[if !mso]><!--><link href="https://fonts.example/css?family=A|B" rel="stylesheet" /><!--<![endif]-->
<style type="text/css">
  @import url("https://fonts.example/c.css");
  @media screen{#outlook a{padding:0}.big{width:100%!important}}
  #outlook a { padding: 0; }
  .ExternalClass, .ExternalClass p, .ReadMsgBody { width: 100%; line-height: 100%; }
  * { -ms-text-size-adjust: 100%; }
  div[style*="margin: 16px 0"] { margin: 0 !important; }
  a[x-apple-data-detectors], .unstyle a { color: inherit !important; }
  u ~ div .wrap { min-width: 320px !important; }
  .button:not(.plain) { color: red; } :is(h1, h2) { color: green; }
  @media yahoo { .y { color: purple } }
  @-ms-viewport { width: device-width; }
  .stack { display: block !important; mso-line-height-rule: exactly; }
  td.stack { background: #fff url("https://shop.example/a.png") no-repeat; font-family: "Open Sans", Arial }
</style>
<!--[if mso]><style type="text/css">.stack { width: 1px !important }</style><![endif]-->
</head>
<body bgcolor="#ffffff" style="margin: 0; padding: 0 !important;" leftmargin="0">
<span style="display:none!important">{{preheader}}</span>
<table width="100%" bgcolor="*|COLOR|*"><tr><td class="stack" align="center" valign="top">
{{#each lines}}<a class="button" href="{{{url}}}">{{ name }}</a>{{/each}}
<a href="*|UNSUB|*">out</a> <a href="%%view%%">view</a> <a href="[[shop]]?a=<%= id %>&amp;b=${id}">x</a>
<!--[if mso]><v:roundrect href="{{ url }}" style="height:40px"><w:anchorlock/><center>Go</center></v:roundrect><![endif]-->
<img src="{{ image }}" alt="" width="600" height="200" border="0" style="display:block">
</td></tr></table>
<!-- prevent Gmail --><div style="white-space:nowrap;font:15px courier">&nbsp; &nbsp;</div>
</body></html>"""


def test_a_page_of_another_system_is_inlined_unharmed() -> None:
    made = inline_css(FOREIGN)
    for placeholder in re.findall(
        r"\{\{.*?\}\}\}?|\*\|.*?\|\*|%%.*?%%|\[\[.*?\]\]|<%.*?%>|\$\{.*?\}", FOREIGN
    ):
        assert made.count(placeholder) >= FOREIGN.count(placeholder), placeholder
    for comment in re.findall(r"<!--.*?-->", FOREIGN, re.DOTALL):
        assert comment in made
    style = re.search(r"<style.*?</style>", FOREIGN, re.DOTALL)
    assert style is not None and style[0] in made
    assert FOREIGN.split("<html")[0] in made and 'xmlns:v="urn:schemas-microsoft-com:vml"' in made
    assert re.search(
        r'<td class="stack" align="center" valign="top" style="[^"]*mso-line-height-rule:exactly', made
    )
    assert 'width="600" height="200"' in made and "lang=" not in made.split("<head")[0]


def test_dense_css_is_not_taken_for_a_comment() -> None:
    letter = compiled(body('<p id="a">x</p>', "<style>@media screen{#a{color:red}}#a{margin:0}</style>"))
    assert "@media screen{ #a{color:red}}" in letter.html
