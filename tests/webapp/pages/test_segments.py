"""The segments' pages: the list, the editor by its buttons alone, one segment with its reasons."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from campaigns import segments
from campaigns.clock import FrozenClock
from campaigns.letters import Letter
from campaigns.runtime import Runtime
from campaigns.segments.model import Size
from scheduler.jobs import count_segments
from tests.campaigns.segments.world import MOMENTS, World
from tests.webapp.conftest import Browser

FRENCH = {"all": [{"field": "customer.country", "op": "is", "value": "FR"}]}


@pytest.fixture
def world(runtime: Runtime) -> World:
    made = World(1, MOMENTS[0], size=20)
    with runtime.transaction() as session:
        made.fill(session)
    return made


@pytest.fixture
def marketer(log_in: Callable[[str], Browser], world: World) -> Browser:
    return log_in("marketer")


def save(runtime: Runtime, name: str, rule: object = FRENCH) -> int:
    with runtime.transaction() as session:
        made = segments.save_segment(
            session,
            None,
            name=name,
            rule=rule,
            fields=runtime.fields,
            now=runtime.clock.now(),
            zone=runtime.config.zone,
        )
        return made.id


def test_the_empty_page_offers_ready_made_ones(marketer: Browser, runtime: Runtime) -> None:
    page = marketer.get("/segments").text
    assert "No segment yet" in page
    assert "Birthdays this week" in page
    made = marketer.post("/segments/ready/birthdays")
    assert made.status_code == 303
    page = marketer.get("/segments").text
    assert "/segments/ready/birthdays" not in page
    assert "/segments/ready/loyal" in page
    assert marketer.post("/segments/ready/birthdays").status_code == 409
    assert marketer.post("/segments/ready/nothing").status_code == 404


def test_a_rule_is_built_by_buttons_alone(marketer: Browser, runtime: Runtime, world: World) -> None:
    page = marketer.get("/segments/new").text
    assert "Choose what to ask" in page
    form = {"name": "Belgians who bought", "r.match": "all", "r.0.field": "customer.country"}
    page = marketer.post("/segments/new", data={**form, "act": "refresh"}).text
    assert 'name="r.0.op"' in page
    assert "Not counted yet" in page
    form |= {"r.0.op": "one_of", "r.0.value": "BE"}
    page = marketer.post("/segments/new", data={**form, "act": "group:r"}).text
    assert 'name="r.1.match"' in page
    form |= {"r.1.match": "none", "r.1.0.field": "purchases.last", "r.1.0.op": "in_last", "r.1.0.value": "90"}
    page = marketer.post("/segments/new", data={**form, "act": "refresh"}).text
    assert "Customers of whom this is not known" in page
    refused = marketer.post("/segments/new", data={**form, "act": "save"})
    assert refused.status_code == 400
    assert "Say whether customers" in refused.text
    form |= {"r.1.0.if_unknown": "no"}
    page = marketer.post("/segments/new", data={**form, "act": "count"}).text
    assert "of 20 customers" in page
    saved = marketer.post("/segments/new", data={**form, "act": "save"})
    assert saved.status_code == 303
    with runtime.reading() as session:
        (kept,) = segments.list_segments(session)
    assert kept.rule == {
        "all": [
            {"field": "customer.country", "op": "one_of", "value": ["BE"]},
            {"none": [{"field": "purchases.last", "op": "in_last", "value": 90, "if_unknown": False}]},
        ]
    }
    assert "Belgians who bought" in marketer.get(saved.location).text


def test_parts_are_taken_out_again(marketer: Browser) -> None:
    form = {
        "r.match": "any",
        "r.0.field": "customer.email",
        "r.1.match": "all",
        "r.1.0.field": "customer.age",
    }
    page = marketer.post("/segments/new", data={**form, "act": "remove:r.0"}).text
    assert 'name="r.0.match"' in page
    assert 'name="r.0.0.field"' in page
    assert 'name="r.1.' not in page
    page = marketer.post("/segments/new", data={**form, "act": "remove:r"}).text
    assert 'name="r.1.match"' in page, "the rule itself stays"


EVERY_KIND = {
    "all": [
        {"field": "customer.first_name", "op": "contains", "value": "é"},
        {"field": "score.class", "op": "one_of", "value": ["champion", "loyal"]},
        {"field": "customer.tags", "op": "has_none", "value": ["vip"]},
        {"field": "customer.age", "op": "between", "value": [18, 65]},
        {"field": "purchases.spent", "op": "at_least", "value": 12_50},
        {
            "field": "purchases.count",
            "op": "at_least",
            "value": 2,
            "where": {"category": "wine", "period": {"from": "2026-01-01", "to": "2026-06-30"}},
        },
        {
            "field": "clicked.count",
            "op": "equals",
            "value": 0,
            "where": {"mailing": "letter:3", "period": {"last_days": 30}},
        },
        {"field": "purchases.last", "op": "within", "value": ["2026-01-01", "2026-06-30"]},
        {"field": "attribute.contract", "op": "before", "value": "2026-12-31"},
        {"field": "customer.birthday", "op": "in_month", "value": 12},
        {"field": "consent.mail", "op": "truth", "value": True},
        {"field": "customer.number", "op": "unknown"},
        {"field": "customer.country", "op": "none_of", "value": ["BE", "FR"], "if_unknown": True},
    ]
}


def inputs(page: str) -> dict[str, list[str]]:
    """What a browser would send back: the chosen value of every field of the editor."""
    form = page[page.index("data-editor") : page.index("</form>", page.index("data-editor"))]
    found: dict[str, list[str]] = {}
    for tag in re.findall(r"<(?:input|select)\b[^>]*>", form):
        name = re.search(r'name="([^"]+)"', tag)
        if name is None or "select" in tag[:8]:
            continue
        if 'type="checkbox"' in tag and " checked" not in tag:
            continue
        value = re.search(r'value="([^"]*)"', tag)
        found.setdefault(name[1], []).append(value[1] if value else "")
    for name, options in re.findall(r'<select\b[^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        found[name] = [chosen[1]] if chosen else [re.search(r'<option value="([^"]*)"', options)[1]]  # type: ignore[index]
    return found


def test_a_saved_rule_comes_back_unchanged_from_the_editor(marketer: Browser, runtime: Runtime) -> None:
    number = save(runtime, "Every kind", EVERY_KIND)
    page = marketer.get(f"/segments/{number}/edit").text
    sent = {**inputs(page), "name": ["Every kind"], "act": ["save"]}
    answer = marketer.post(f"/segments/{number}/edit", data=sent)
    assert answer.status_code == 303, re.findall(r"-fault\">([^<]+)", answer.text)
    with runtime.reading() as session:
        kept = segments.get_segment(session, number).rule
    for got, meant in zip(kept["all"], EVERY_KIND["all"], strict=True):
        assert got == meant


def test_the_editors_script_gets_the_form_alone(marketer: Browser) -> None:
    part = marketer.post(
        "/segments/new", data={"r.match": "all", "act": "count"}, headers={"HX-Request": "true"}
    )
    assert "<html" not in part.text
    assert "data-editor" in part.text
    assert "of 20 customers" in part.text


def test_one_segment_shows_its_members_and_why(marketer: Browser, runtime: Runtime, world: World) -> None:
    number = save(runtime, "French")
    french = [person for person in world.people if person.plain["customer.country"] == "FR"]
    page = marketer.get(f"/segments/{number}").text
    assert "Country is “FR”" in page
    assert f"See all {len(french)}" in page
    listed = marketer.get(f"/segments/{number}/members").text
    assert all(person.plain["customer.email"] in listed for person in french)
    inside, outside = french[0], next(p for p in world.people if p not in french)
    asked = f"/segments/{number}?customer="
    assert ">in</span>" in marketer.get(asked + inside.plain["customer.email"]).text
    assert ">not in</span>" in marketer.get(asked + f"%23{outside.id}").text
    assert "Nobody has the address" in marketer.get(asked + "nobody@x.example").text


def test_two_segments_are_compared(marketer: Browser, runtime: Runtime) -> None:
    one, other = save(runtime, "French"), save(runtime, "All", {"all": []})
    page = marketer.get(f"/segments/{one}?with={other}").text
    assert "In both" in page
    assert marketer.get(f"/segments/{one}?with=99").status_code == 404


def test_the_file_holds_no_formula(marketer: Browser, runtime: Runtime, world: World) -> None:
    number = save(runtime, "All", {"all": []})
    from sqlalchemy import update

    from campaigns.customers import Customer

    with runtime.transaction() as session:
        session.execute(update(Customer).values(last_name="=HYPERLINK(1)"))
    answer = marketer.get(f"/segments/{number}/members.csv")
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert len(answer.text.splitlines()) == 21
    assert ",'=HYPERLINK(1)," in answer.text


def test_it_is_copied_put_away_and_taken_back(marketer: Browser, runtime: Runtime) -> None:
    number = save(runtime, "French")
    copy = marketer.post(f"/segments/{number}/copy")
    assert "French (copy)" in marketer.get(copy.location).text
    assert marketer.post(f"/segments/{number}/archive").status_code == 303
    assert f"/segments/{number}" not in marketer.get("/segments").text.replace(copy.location, "")
    assert "French" in marketer.get("/segments?show=archived").text
    assert marketer.post(f"/segments/{number}/unarchive").status_code == 303
    assert marketer.post(f"/segments/{number}/recount").status_code == 303


def test_a_rule_whose_field_is_gone_can_be_mended(marketer: Browser, runtime: Runtime) -> None:
    number = save(runtime, "Red ones", {"all": [{"field": "attribute.colour", "op": "is", "value": "red"}]})
    from sqlalchemy import delete

    from campaigns.customers import Attribute

    with runtime.transaction() as session:
        session.execute(delete(Attribute).where(Attribute.name == "colour"))
    assert "There is no such field" in marketer.get(f"/segments/{number}").text
    assert "attribute.colour (is gone)" in marketer.get(f"/segments/{number}/edit").text
    assert "Red ones" in marketer.get("/segments").text


def test_an_auditor_may_look_and_not_touch(log_in: Callable[[str], Browser], runtime: Runtime) -> None:
    number = save(runtime, "All", {"all": []})
    auditor = log_in("auditor")
    page = auditor.get(f"/segments/{number}")
    assert page.status_code == 200
    assert "Put away" not in page.text
    assert auditor.post(f"/segments/{number}/archive").status_code == 403


@pytest.mark.parametrize("payload", ["'; DROP TABLE customer; --", "<script>alert(1)</script>", "%s{{7*7}}"])
def test_hostile_words_are_words(marketer: Browser, payload: str) -> None:
    form = {
        "name": payload,
        "r.match": "all",
        "r.0.field": "customer.first_name",
        "r.0.op": "is",
        "r.0.value": payload,
        "r.1.field": payload,
        f"r.{payload}.field": "x",
        "r.2.field": "purchases.count",
        "r.2.where.category": payload,
        f"r.2.where.{payload}": payload,
        "act": f"add:{payload}",
    }
    answer = marketer.post("/segments/new", data=form)
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert marketer.post("/segments/new", data={**form, "act": "save"}).status_code == 400


def test_a_sign_that_no_text_holds_is_refused_in_words(marketer: Browser) -> None:
    answer = marketer.post("/segments/new", data={"name": "Nul\u0000", "r.match": "all", "act": "add:"})
    assert answer.status_code == 400
    assert "Traceback" not in answer.text


def test_an_address_may_begin_a_rule_and_names_that_are_no_fields_are_left_out(marketer: Browser) -> None:
    text = marketer.get("/segments/new?score.class=lost&relation.phase=dissolution&page=2").text
    assert 'value="score.class" selected' in text
    assert 'value="relation.phase" selected' in text
    assert "of 20 customers" in text
    assert 'name="r.2.field"' not in text


def test_its_size_is_noted_each_night(runtime: Runtime, world: World, clock: FrozenClock) -> None:
    number = save(runtime, "French")
    for _ in range(2):
        clock.advance(timedelta(days=1))
        assert count_segments(runtime) == 1
        assert count_segments(runtime) == 0  # once a day
    with runtime.reading() as session:
        found = segments.sizes(session, number)
    assert [day for day, _ in found] == ["2026-11-23", "2026-11-24", "2026-11-25"]
    french = [person for person in world.people if person.plain["customer.country"] == "FR"]
    assert found[0] == ("2026-11-23", len(french))


def test_sizes_of_several_days_are_drawn(marketer: Browser, runtime: Runtime) -> None:
    number = save(runtime, "French")
    assert "Size over time" not in marketer.get(f"/segments/{number}").text
    with runtime.transaction() as session:
        session.add(Size(segment_id=number, on="2026-11-20", customers=1234))
    text = marketer.get(f"/segments/{number}").text
    assert "Size over time" in text
    assert 'data-value="1234">1,234</td>' in text


def test_letters_that_ask_about_it_stand_under_used_by(marketer: Browser, runtime: Runtime) -> None:
    number = save(runtime, "French")
    now = runtime.clock.now()
    with runtime.transaction() as session:
        asks = {"segment": str(number)}
        session.add(
            Letter(name="Hello", occasion="segment_entered", options=asks, created_at=now, updated_at=now)
        )
    text = marketer.get(f"/segments/{number}").text
    assert re.search(r'href="/letters/\d+">Hello</a>', text)
