"""Templates and versions in both databases: numbered, unchanging, never overwritten; starters copied once."""

import pytest
from sqlalchemy import select

from campaigns.content import (
    Filler,
    Template,
    archive,
    change_template,
    check_lines,
    create_template,
    duplicate,
    joined,
    list_templates,
    newest_version,
    reader_values,
    restore_version,
    save_version,
    seed_starters,
    sources_used,
    starters,
    versions,
)
from campaigns.customers import add_customer, declare_attribute
from campaigns.errors import Conflict, Invalid, NotFound
from campaigns.runtime import Runtime
from tests.campaigns.content.letters import body


def saved(runtime: Runtime, session, template: Template, inside: str, **more):
    return save_version(
        session,
        template.id,
        format="html",
        source=body(inside),
        subject="Hello",
        preheader="",
        now=runtime.clock.now(),
        by=1,
        config=runtime.config,
        **more,
    )


@pytest.fixture
def template(runtime: Runtime) -> Template:
    with runtime.transaction() as session:
        return create_template(session, name="Spring", now=runtime.clock.now())


def test_versions_are_numbered_and_the_newest_speaks(runtime: Runtime, template: Template) -> None:
    with runtime.transaction() as session:
        with pytest.raises(NotFound):
            newest_version(session, template.id)
        first = saved(runtime, session, template, "<p>one</p>")
        second = saved(runtime, session, template, "<p>two</p>")
        assert saved(runtime, session, template, "<p>two</p>").id == second.id
        assert (first.number, second.number) == (1, 2)
        assert newest_version(session, template.id).id == second.id


def test_a_save_on_an_older_version_is_refused(runtime: Runtime, template: Template) -> None:
    with runtime.transaction() as session:
        first = saved(runtime, session, template, "<p>one</p>")
        saved(runtime, session, template, "<p>two</p>", based_on=first.id)
        with pytest.raises(Conflict, match="version 2 meanwhile"):
            saved(runtime, session, template, "<p>three</p>", based_on=first.id)


def test_an_old_version_comes_back_as_a_new_one(runtime: Runtime, template: Template) -> None:
    with runtime.transaction() as session:
        first = saved(runtime, session, template, "<p>one</p>")
        saved(runtime, session, template, "<p>two</p>")
        again = restore_version(session, first.id, now=runtime.clock.now(), by=1)
        assert again.number == 3 and again.source == first.source and len(versions(session, template.id)) == 3


def test_a_copy_says_the_same_under_its_own_name(runtime: Runtime, template: Template) -> None:
    with runtime.transaction() as session:
        saved(runtime, session, template, "<p>one</p>")
        copy = duplicate(session, template.id, name="Summer", now=runtime.clock.now(), by=1)
        assert newest_version(session, copy.id).source == newest_version(session, template.id).source
        with pytest.raises(Invalid, match="already a template called Spring"):
            change_template(
                session, copy.id, name="Spring", purpose="x", language="en", now=runtime.clock.now()
            )


def test_the_archived_are_listed_only_when_asked_for(runtime: Runtime, template: Template) -> None:
    with runtime.transaction() as session:
        archive(session, template.id, now=runtime.clock.now())
        assert session.scalars(list_templates()).all() == []
        assert [t.name for t in session.scalars(list_templates(is_archived=True))] == ["Spring"]


def test_declared_attributes_can_be_named_and_others_cannot(runtime: Runtime, template: Template) -> None:
    with runtime.transaction() as session:
        with pytest.raises(Invalid, match=r"no value customer\.attributes\.shoe"):
            saved(runtime, session, template, "{{ customer.attributes.shoe or 0 }}")
        declare_attribute(session, name="shoe", label="Shoe size", kind="number")
        saved(runtime, session, template, "{{ customer.attributes.shoe or 0 }}")


def test_a_newsletters_own_words_are_held_to_the_same_language(runtime: Runtime, template: Template) -> None:
    with runtime.reading() as session:
        good = "{{ customer.first_name or 'Hello' }}: news"
        check_lines(session, template.id, subject=good, preheader="", config=runtime.config)
        for bad in ("{{ customer.first_name }}", "{{ custmer.x }}", "{% if %}", "a\nb"):
            with pytest.raises(Invalid) as refused:
                check_lines(session, template.id, subject=bad, preheader=bad, config=runtime.config)
            assert set(refused.value.faults) == {"subject", "preheader"}


def test_a_version_loads_only_what_it_names_of_each_reader(runtime: Runtime, template: Template) -> None:
    inside = "<p>{{ customer.first_name or 'you' }} {{ purchases.orders }}</p>"
    with runtime.transaction() as session:
        version = saved(runtime, session, template, inside)
        customer = add_customer(
            session, email="a@customer.example", first_name="<Ada>", now=runtime.clock.now()
        )
        assert sources_used(version) == ["customer", "purchases"]
        values = reader_values(session, sources_used(version), [customer.id], now=runtime.clock.now())
        filler = Filler(version, config=runtime.config, links=runtime.links)
        shown = joined(filler.html(values[customer.id], is_tracked=True), runtime.links.token(1, 1))
    assert "&lt;Ada&gt; 0" in shown and f"/u/{runtime.links.token(1, 1)}" in shown


def test_starters_are_copied_once_and_each_can_be_saved(runtime: Runtime) -> None:
    now = runtime.clock.now()
    with runtime.transaction() as session:
        made = seed_starters(session, now=now, config=runtime.config, sources=runtime.merge_sources)
        assert sorted(made) == ["After a purchase", "Birthday", "Newsletter", "Win back"]
        assert len(made) == len(starters()) == len(session.scalars(select(Template)).all())
        assert seed_starters(session, now=now, config=runtime.config) == []


def test_every_value_of_every_source_is_loaded(runtime: Runtime) -> None:
    with runtime.transaction() as session:
        customer = add_customer(session, email="b@customer.example", now=runtime.clock.now())
        for source in runtime.merge_sources.values():
            loaded = source.load(session, [customer.id], runtime.clock.now())[customer.id]
            for field in source.fields:
                assert field.name in loaded, (source.name, field.name)
                assert field.may_lack or loaded[field.name] is not None, (source.name, field.name)
                assert loaded[field.name] != "", "what is absent is None"
