"""Filling: static pieces stay the same objects, links are tracked or direct, every body has its way out."""

from urllib.parse import parse_qs, urlsplit

import pytest
from lxml import html as lxml_html

from campaigns.content import Draft, Filler, Refused, joined
from campaigns.links import TOKEN_PLACEHOLDER
from tests.campaigns.content.letters import (
    CONFIG,
    LINKS,
    TOKEN,
    body,
    compiled,
    filler,
    html,
    mjml,
    text,
    vocabulary,
)

LETTER = body(
    '<p>Hello {{ customer.first_name or "you" }}</p>'
    '<a href="https://shop.example/a?x=1&amp;y=2" data-category="Lamps">A lamp</a> <a href="https://shop.example/a?x=1&amp;y=2">Again</a> '
    '<a href="https://shop.example/?n={{ customer.number or "" }}">Yours</a> <a href="mailto:hello@shop.example">Write</a> '
    '<a href="tel:+331234">Call</a> <a href="#top">Up</a> <a href="{{ links.preferences }}">Less</a> <a href="{{ links.view }}">Look</a>'
    '<!--[if mso]><v:roundrect href="https://shop.example/a?x=1&amp;y=2"></v:roundrect><![endif]-->'
)


def test_static_pieces_are_the_very_same_objects() -> None:
    made = filler(compiled(LETTER))
    for fill in (made.html, made.text):
        one = fill({"customer": {"first_name": "Ada", "number": "1"}}, is_tracked=True, token=TOKEN)
        two = fill(
            {"customer": {"first_name": "Bob", "number": "2"}}, is_tracked=True, token=LINKS.token(8, 3)
        )
        same = [a is b for a, b in zip(one, two, strict=True)]
        assert same.count(False) <= 3 and same.count(True) >= 3
        assert sum(len(a) for a, is_same in zip(one, same, strict=True) if is_same) > 0.5 * sum(map(len, one))


def test_the_token_stands_whole_in_the_pieces() -> None:
    pieces = filler(compiled(LETTER)).html({}, is_tracked=True, token=TOKEN)
    assert (
        sum(piece.count(TOKEN_PLACEHOLDER) for piece in pieces)
        == "".join(pieces).count(TOKEN_PLACEHOLDER)
        == 8
    )


def test_links_are_known_by_their_position() -> None:
    links = compiled(LETTER).links
    assert [(link["text"], link["category"]) for link in links] == [
        ("A lamp", "Lamps"),
        ("Again", ""),
        ("Yours", ""),
    ]
    assert links[0]["url"] == "https://shop.example/a?x=1&y=2"


def test_a_tracked_letter_leads_through_us_and_a_direct_one_does_not() -> None:
    letter = compiled(LETTER)
    tracked, direct = html(letter, is_tracked=True), html(letter, is_tracked=False)
    assert f'href="https://liaison.example/c/{TOKEN}/0"' in tracked and f"/o/{TOKEN}" in tracked
    assert "shop.example/a" not in tracked and "data-category" not in tracked
    assert 'href="https://shop.example/a?x=1&amp;y=2"' in direct
    assert "/c/" not in direct and "/o/" not in direct
    for shown in (tracked, direct):
        for kept in (
            f"/u/{TOKEN}",
            f"/p/{TOKEN}",
            f"/v/{TOKEN}",
            "mailto:hello@shop.example",
            "tel:+331234",
            '"#top"',
        ):
            assert kept in shown


def test_a_link_that_nobody_sees_stands_in_tracked_letters_only() -> None:
    letter = compiled(LETTER)
    hidden = f"https://liaison.example/c/{TOKEN}/9999"
    tracked = html(letter, is_tracked=True)
    assert tracked.count(hidden) == 1
    assert hidden not in html(letter, is_tracked=False) + text(letter, is_tracked=True)
    tree = lxml_html.fromstring(tracked)
    (anchor,) = tree.xpath(f'//a[@href="{hidden}"]')
    box = anchor.getparent()
    assert box.text_content() == "" and anchor.get("tabindex") == "-1" and box.get("aria-hidden") == "true"
    for style in (anchor.get("style"), box.get("style")):
        assert "display:none" in style
    assert "mso-hide:all" in box.get("style")
    around = tracked[
        tracked.index("<!--[if !mso]>") : tracked.index("<!--<![endif]-->", tracked.index("<!--[if !mso]>"))
    ]
    assert hidden in around  # Outlook does not read it
    assert all("9999" not in link["url"] for link in letter.links)


def test_without_tracking_a_picture_tells_the_day_only_where_config_wants_it() -> None:
    made = Filler(Draft(compiled(LETTER)), config=CONFIG, links=LINKS, shows_day=True)
    shown = joined(made.html({}, is_tracked=False, token=TOKEN), TOKEN)
    assert shown.count(f"/o/{TOKEN}") == 1 and "/c/" not in shown
    assert "/o/" not in html(compiled(LETTER), is_tracked=False)


def test_the_hidden_link_can_be_switched_off() -> None:
    tracking = CONFIG.tracking.model_copy(update={"hidden_link": False})
    made = Filler(
        Draft(compiled(LETTER)), config=CONFIG.model_copy(update={"tracking": tracking}), links=LINKS
    )
    assert "/9999" not in joined(made.html({}, is_tracked=True, token=TOKEN), TOKEN)


def test_a_link_under_a_condition_is_tracked_as_well() -> None:
    letter = compiled(
        body('<a {% if purchases.orders %}href="https://shop.example/a"{% endif %} class="x">x</a>')
    )
    assert f'href="https://liaison.example/c/{TOKEN}/0"' in html(letter, is_tracked=True)
    assert f"/c/{TOKEN}/0" not in html(letter, is_tracked=True, purchases={"orders": 0})


def test_outlooks_copy_of_a_link_is_the_same_link() -> None:
    assert f'<v:roundrect href="https://liaison.example/c/{TOKEN}/0">' in html(
        compiled(LETTER), is_tracked=True
    )


def test_a_target_of_ones_own_is_sealed_into_its_link() -> None:
    shown = html(compiled(LETTER), is_tracked=True, customer={"number": "a&b c"})
    address = shown.split(f"/c/{TOKEN}/2")[1].split('"')[0].replace("&amp;", "&")
    asked = parse_qs(urlsplit(address).query)
    assert asked["to"] == ["https://shop.example/?n=a%26b%20c"]
    assert LINKS.is_sealed_click(TOKEN, 2, asked["to"][0], asked["s"][0])


def test_a_way_out_that_is_an_expression_of_mjml_works_too() -> None:
    letter = compiled(
        mjml(
            '<mj-section><mj-column><mj-button href="https://shop.example">go</mj-button></mj-column></mj-section>'
        )
    )
    assert f"/u/{TOKEN}" in html(letter) and f"/u/{TOKEN}" in text(letter)


def test_the_preheader_stands_first_and_hidden() -> None:
    letter = compiled(body("<p>x</p>"), preheader="Look & {{ customer.first_name or 'see' }}")
    shown = html(letter, customer={"first_name": "<Ada>"})
    first = shown.split("<body>")[1]
    assert first.startswith('<div style="display:none') and "Look &amp; &lt;Ada&gt;&#847;" in first
    assert "Look" not in text(letter)


def test_a_mailing_may_bring_its_own_subject_and_preheader() -> None:
    made = Filler(
        Draft(compiled(body("x"), preheader="old")),
        config=CONFIG,
        links=LINKS,
        subject="New {{ customer.first_name or '' }}",
        preheader="fresh",
    )
    values = vocabulary().values()
    assert made.subject(values) == "New Alice"
    shown = joined(made.html(values, is_tracked=False), TOKEN)
    assert "fresh" in shown and "old" not in shown


def test_an_empty_subject_is_not_sent() -> None:
    with pytest.raises(Refused, match="subject is empty"):
        filler(compiled(body("x"), subject="{{ customer.first_name or '' }}")).subject({})


def test_what_is_absent_needs_no_value_at_all() -> None:
    made = filler(
        compiled(
            body(
                "{{ customer.first_name or 'you' }} {% for l in purchases.last_lines %}x{% endfor %}{{ score.category or '' }}{{ letter.age or '' }}"
            )
        )
    )
    assert "you " in joined(made.html({}, is_tracked=False), TOKEN)


def test_the_language_of_the_letter_writes_its_dates_and_amounts() -> None:
    from campaigns.content import compile_source

    source = body(
        "{{ purchases.last_on|date if purchases.last_on else '' }} {{ (purchases.last_amount or 0)|money('EUR') }} {{ 1234.5|number }}"
    )
    made = compile_source(
        source, format="html", subject="x", preheader="", language="fr", vocabulary=vocabulary()
    )
    assert "9 novembre 2026" in html(made) and "49,90\u00a0€" in html(made) and "1\u202f234,5" in html(made)
