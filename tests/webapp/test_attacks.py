"""What people who mean us harm try, against the whole application: each of these leads nowhere."""

import hashlib
import io
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from email import message_from_bytes
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import String, select, update
from sqlalchemy.exc import IntegrityError
from werkzeug.routing import Rule

from campaigns import customers, segments
from campaigns.clock import FrozenClock
from campaigns.config import Config, Data, DatabaseSettings, Signup
from campaigns.db import Database
from campaigns.db.tables import metadata
from campaigns.errors import Invalid, LiaisonError
from campaigns.mail.compose import Frame, Manner
from campaigns.newsletters import Draft
from campaigns.runtime import Runtime, assemble
from campaigns.staff import ROLES, add_user, get_user, may, set_active
from campaigns.tracking import check_sns, sns_subscribe_url
from scheduler.timetable import timetable
from tests.conftest import NOW
from tests.webapp.conftest import PASSWORD, Browser
from tests.webapp.full_house import House, addresses, furnish
from webapp.app import create_app
from webapp.public.door import MOST_BYTES

SQL = (
    "'", '"', "' OR '1'='1", "1); DROP TABLE customer;--", "x') UNION SELECT password_hash FROM staff_user--",
    "\\", "_%\\'", "]]'", "$1 %(x)s :x", "\x00", "9" * 5_000, str(2**63), "-" + str(2**64), "[]", "NaN",
)  # fmt: skip
WORDS = (
    "as_of", "cause", "class", "column", "consent", "customer", "f", "find", "from", "in_force", "kind", "page",
    "purpose", "r", "reader", "search", "segment", "since", "sort", "order", "start", "state", "status", "tag",
    "template", "text", "until", "version", "view", "with",
)  # fmt: skip
"""What the pages read from their addresses, and what other programs sort by."""
SCRIPT = "\"'></title></textarea></script><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}"

COUNTED_OUT = {"staff_try", "staff_login", "lease"}


@pytest.fixture
def runtime(runtime: Runtime) -> Runtime:
    """With the form for strangers, which is off unless a shop wants it."""
    return replace(runtime, config=runtime.config.model_copy(update={"signup": Signup(is_on=True)}))


@pytest.fixture
def house(runtime: Runtime, client: Browser) -> House:
    return furnish(runtime, client)


def rows_of(runtime: Runtime) -> str:
    """All that is on record, as one short text."""
    digest = hashlib.sha256()
    with runtime.database.engine.connect() as connection:
        for table in metadata().sorted_tables:
            if table.name not in COUNTED_OUT:
                digest.update(repr([tuple(r) for r in connection.execute(select(table))]).encode())
    return digest.hexdigest()


def run_all_jobs(runtime: Runtime) -> None:
    for tick in timetable(runtime.config):
        tick.job(runtime)


def rules(app: Flask, *kinds: str) -> Iterator[Rule]:
    """The addresses of the pages of these kinds."""
    for rule in app.url_map.iter_rules():
        name = rule.endpoint.partition(".")[0]
        if name in app.blueprints and getattr(app.blueprints[name], "liaison_kind", "") in kinds:
            yield rule


# ── S2: what is asked of the database


def test_sql_in_any_address_changes_nothing_and_breaks_nothing(
    app: Flask, runtime: Runtime, client: Browser, house: House
) -> None:
    before = rows_of(runtime)
    pages = [
        page for page in addresses(app, house) if not page.startswith(("/v/", "/health", "/letters/1/due"))
    ]
    for number, page in enumerate(pages):
        payload = SQL[number % len(SQL)]
        with client.get(page, query_string=[(word, payload) for word in WORDS for _ in "ab"]) as answer:
            assert answer.status_code < 500, (page, payload[:40])
            assert len(answer.data) > -1
    assert rows_of(runtime) == before


@pytest.mark.parametrize("number", [str(2**63), "9" * 30, "9" * 5_000])
def test_a_number_no_table_can_hold_is_an_address_that_does_not_exist(
    app: Flask, client: Browser, number: str
) -> None:
    for rule in rules(app, "admin"):
        if "<int:" in rule.rule and "GET" in (rule.methods or ()):
            path = re.sub(r"<int:\w+>", number, rule.rule).replace("<number>", "sent")
            assert client.get(path).status_code == 404, path


def test_nul_is_a_mistake_and_not_a_fault_on_postgresql_either(
    postgres: Database, tmp_path: Path, clock: FrozenClock
) -> None:
    url = postgres.engine.url.render_as_string(hide_password=False)
    config = Config(database=DatabaseSettings(url=url), data=Data(folder=tmp_path / "data"))
    runtime = assemble(config, clock=clock, database=postgres)
    app = create_app(runtime)
    app.test_client_class = Browser
    with runtime.transaction() as session:
        add_user(session, email="ada@shop.example", name="Ada", password=PASSWORD, now=clock.now())
    client = app.test_client()
    assert client.log_in("ada@shop.example").status_code == 303
    for page in (
        "/customers?text=a%00",
        "/customers?tag=%00",
        "/suppressions?text=%00",
        "/templates?text=%00&purpose=%00",
    ):
        assert client.get(page).status_code == 200, page
    for page, form in (
        ("/staff", {"email": "a\0@b.example", "name": "A", "password": PASSWORD, "role": "marketer"}),
        ("/segments/new", {"act": "save", "name": "\0", "r.match": "all"}),
        ("/customers/new", {"email": "ann@home.example", "first_name": "x" * 5_000}),
        ("/templates/new", {"name": "y" * 5_000, "start": "blank-html"}),
    ):
        assert client.post(page, data=form).status_code == 400, page
    assert app.test_client().log_in("a\0", "b\0").status_code == 400


def test_sql_in_a_rule_a_column_or_a_mapping_is_refused_in_words(
    runtime: Runtime, client: Browser, house: House
) -> None:
    before = rows_of(runtime)
    for payload in SQL:
        if "\0" in payload:
            continue
        form = {"r.match": "all", "r.0.match": "any", "act": "save", "name": "Bad"}
        for field in (payload, "customers.first_name"):
            inner = {
                "r.0.0.field": field,
                "r.0.0.op": payload,
                "r.0.0.value": payload,
                "r.0.0.where.category": payload,
            }
            assert client.post("/segments/new", data=form | inner | {"act": "count"}).status_code == 200
        assert client.post("/segments/new", data=form | {"r.0.0.field": payload}).status_code == 400
        assert client.get("/customers/export.csv", query_string={"column": payload}).status_code == 400
        mapped = {"column-0": payload, "source": "Fair", "legal_basis": "consent"}
        assert client.post("/imports/1/check", data=mapped).status_code == 400
        with pytest.raises(LiaisonError), runtime.reading() as session:
            rule = {
                "any": [
                    {"field": "customers.email", "op": "is_one_of", "value": [payload, {"all": payload}]},
                    {payload: []},
                ]
            }
            segments.count(session, rule, runtime.fields, now=runtime.clock.now(), zone=runtime.config.zone)
    assert rows_of(runtime) == before


def test_sql_that_lies_in_the_tables_is_only_words_to_every_job(
    runtime: Runtime, client: Browser, house: House
) -> None:
    poison(runtime, "x'); DELETE FROM staff_user; --\" || (SELECT 1)")
    with runtime.reading() as session:
        before = customers.count_customers(session)
    run_all_jobs(runtime)
    with runtime.reading() as session:
        assert customers.count_customers(session) == before
    assert client.get("/customers?text=DELETE").status_code == 200


# ── S3: what runs in a browser

PLACES = {
    "customer": ("first_name", "last_name", "number", "source", "language", "zone"),
    "customer_attribute": ("label",),
    "customer_tag": ("tag",),
    "consent": ("source", "wording", "evidence"),
    "import_file": ("filename", "source", "error"),
    "product": ("name", "category", "number"),
    "purchase": ("number", "channel"),
    "suppression": ("evidence", "by"),
    "event": ("user_agent", "text", "network"),
    "message": ("reply", "held_reason", "address"),
    "attempt": ("reply", "by"),
    "sender": ("name", "host", "trouble"),
    "sending_halt": ("by", "because"),
    "mailing": ("name", "subject", "preheader", "sender_name", "stopped_because"),
    "newsletter": ("name", "subject", "preheader", "sender_name", "reply_to", "because", "zone"),
    "letter": ("name", "subject", "preheader", "sender_name", "because"),
    "template": ("name",),
    "template_version": ("subject", "preheader"),
    "segment": ("name", "description"),
    "staff_user": ("name",),
    "staff_login": ("agent",),
    "run": ("error",),
    "journey": ("name", "because"),
    "journey_task": ("title", "note", "result", "remark"),
    "journey_notice": ("url", "answer"),
    "simulation": ("name", "error"),
    "simulation_row": ("reason",),
    "key_account": ("because", "ended_because"),
    "sunset": ("begun_by", "evidence"),
    "sending_gap": ("decided_by",),
    "sending_pace": ("because",),
    "category_figure": ("category",),
    "purchase_rhythm": ("name", "label"),
    "returns_inlet": ("trouble",),
    "sign_up": ("email", "language"),
}
"""Every place that a stranger, a file, a mail server or a colleague fills."""


def poison(runtime: Runtime, payload: str) -> None:
    """Write the payload into all these places, whatever the doors would say to it."""
    tables = metadata().tables
    with runtime.database.engine.begin() as connection:
        for name, columns in PLACES.items():
            table = tables[name]
            for column in columns:
                assert isinstance(table.c[column].type, String), column
                said = (
                    table.c[column] + payload
                    if table.c[column].unique or table.c[column].primary_key
                    else payload
                )
                try:
                    with connection.begin_nested():
                        connection.execute(update(table).values({column: said}))
                except IntegrityError:
                    connection.execute(update(table).values({column: table.c[column] + payload}))
        plans = tables["journey_version"]
        for number, plan in connection.execute(select(plans.c.id, plans.c.plan)).all():
            said = _spoil(plan, payload)
            connection.execute(update(plans).where(plans.c.id == number).values(plan=said))
        connection.execute(update(tables["journey_task"]).values(results=[payload]))
        values = {"shelf": payload, "size": payload}
        connection.execute(update(tables["customer"]).values(attributes=values))
        connection.execute(
            update(tables["customer_attribute"])
            .where(tables["customer_attribute"].c.kind == "choice")
            .values(choices=[payload])
        )


def _spoil(plan: Any, payload: str) -> Any:
    """A journey's plan with the payload wherever people write their own words."""
    if isinstance(plan, dict):
        own = ("title", "note", "word", "url", "subject")
        return {name: payload if name in own else _spoil(part, payload) for name, part in plan.items()}
    return [_spoil(part, payload) for part in plan] if isinstance(plan, list) else plan


class Elements(HTMLParser):
    """Collects what could run: event attributes, foreign scripts, addresses that are programs."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name.startswith("on") or (
                name in ("href", "src", "action")
                and str(value).strip().lower().startswith(("javascript:", "data:text"))
            ):
                self.found.append(f"<{tag} {name}={value}>")
        if ("src", "x") in attrs:
            self.found.append(tag)


def running(html: str) -> list[str]:
    reader = Elements()
    reader.feed(html)
    return (
        reader.found
        + (["the payload"] if "<script>alert(1)" in html else [])
        + (["49"] if ">49" in html else [])
    )


def test_a_script_that_lies_in_the_tables_is_only_words_on_every_page(
    app: Flask, runtime: Runtime, client: Browser, house: House
) -> None:
    poison(runtime, SCRIPT)
    seen = 0
    for page in addresses(app, house):
        with client.get(page, headers={"HX-Request": "true"} if page.endswith("progress") else {}) as answer:
            if answer.mimetype != "text/html":
                continue
            policy = answer.headers["Content-Security-Policy"]
            if "sandbox" in policy:
                assert "script" not in policy and "default-src 'none'" in policy
            assert running(answer.text) == [], page
            seen += SCRIPT[:8] not in answer.text and "alert(1)" in answer.text
    assert seen > 30, "the payload was on hardly any page: this test has seen nothing"


def test_what_is_sent_to_a_page_is_only_words_in_its_answer(
    app: Flask, client: Browser, house: House
) -> None:
    for page in addresses(app, house):
        with client.get(page, query_string=dict.fromkeys(WORDS, SCRIPT)) as answer:
            assert answer.mimetype != "text/html" or running(answer.text) == [], page
    stranger = app.test_client()
    for path in (
        f"/{SCRIPT}",
        f"/c/{SCRIPT}",
        f"/u/{SCRIPT}",
        f"/login?next=/{SCRIPT}",
        f"/u/{house.token}?thanks={SCRIPT}",
    ):
        assert running(stranger.get(path, headers={"Accept-Language": SCRIPT}).text) == []
    assert running(stranger.log_in(SCRIPT, SCRIPT).text) == []


# ── S4, S5: who may do what


def changing(app: Flask, house: House) -> list[tuple[str, str]]:
    """(endpoint, address) of everything in the admin that changes something."""
    names = {rule.endpoint for rule in rules(app, "admin", "open")}
    found = []
    for path in dict.fromkeys(addresses(app, house, method="POST")):
        endpoint, _ = app.url_map.bind("localhost").match(path, method="POST")
        if endpoint in names:
            found.append((str(endpoint), path))
    return found


def test_a_change_is_only_taken_from_a_form_of_ours(
    app: Flask, runtime: Runtime, client: Browser, house: House
) -> None:
    before, token = rows_of(runtime), client.token
    for _, path in changing(app, house):
        client.token = ""
        assert client.post(path).status_code == 400, path
        client.token = token
        for origin in ("https://evil.example", "null", "http://localhost:1", "http://localhost@evil.example"):
            assert client.post(path, headers={"Origin": origin}).status_code == 400, path
        assert client.get(
            path, query_string={"csrf_token": token, "act": "save", "_method": "POST"}
        ).status_code in (200, 303, 404, 405, 409)
        for method in ("PUT", "PATCH", "DELETE"):
            assert client.open(path, method=method).status_code == 405
        client.token = token
    assert rows_of(runtime) == before
    assert not [
        rule
        for rule in rules(app, "admin", "open", "public", "api")
        if {"PUT", "PATCH", "DELETE"} & set(rule.methods or ())
    ]


def test_each_role_gets_what_the_table_of_rights_says(
    app: Flask, runtime: Runtime, log_in: Callable[[str], Browser], house: House
) -> None:
    places = _places(app, house)
    seen: set[tuple[str, str]] = set()  # of the pages one may read, one is enough
    people = {role: log_in(role) for role in ROLES if role != "administrator"}
    before = rows_of(runtime)
    for rule, (role, person) in product(list(rules(app, "admin")), people.items()):
        name = rule.endpoint.partition(".")[0]
        path = places[rule.endpoint]
        is_needed = not may(role, name, "read") or (role, name) not in seen
        if "GET" in (rule.methods or ()) and is_needed:
            seen.add((role, name))
            with person.get(path) as answer:
                assert (answer.status_code != 403) == may(role, name, "read"), path
        if "POST" in (rule.methods or ()) and not may(role, name, "write"):
            assert person.post(path).status_code == 403, path
    assert rows_of(runtime) == before


def _places(app: Flask, house: House) -> dict[str, str]:
    """One address of each endpoint."""
    match = app.url_map.bind("localhost").match
    return {
        match(path, method=method)[0]: path
        for method in ("GET", "POST")
        for path in reversed(addresses(app, house, method=method))
    }


def test_a_stranger_sees_and_changes_nothing(app: Flask, runtime: Runtime, house: House) -> None:
    before = rows_of(runtime)
    stranger = app.test_client()
    stranger.get("/login")
    places = _places(app, house)
    for rule in rules(app, "admin"):
        path = places[rule.endpoint]
        for method in {"GET", "POST"} & set(rule.methods or ()):
            answer = stranger.open(path, method=method)
            assert answer.status_code == 303 and answer.location.startswith("/login"), path
    assert rows_of(runtime) == before


# ── S6: what is left lying about


LEFT_LYING = (
        "/.env", "/.git/config", "/.git/HEAD", "/config.toml", "/config.toml~", "/debug", "/console", "/?__debugger__=yes&cmd=resource&f=style.css",
        "/install", "/setup", "/upgrade", "/admin", "/backup.sql", "/liaison.db", "/data/liaison.db", "/server-status", "/phpinfo.php", "/wp-login.php",
        "/actuator/env", "/static/", "/static/../app.py", "/static/..%2f..%2fconfig.toml", "/static/%2e%2e/security.py", "/static//etc/passwd",
        "/static/..\\..\\config.toml", "/static/.git/config", "/metrics", "/swagger.json", "/api/v1/", "/inbox/../../etc/passwd", "//evil.example/%2f..",
)  # fmt: skip


def test_nothing_lies_about(app: Flask) -> None:
    for path in LEFT_LYING:
        _is_not_there(app, path)


def _is_not_there(app: Flask, path: str) -> None:
    answer = app.test_client().get(path)
    assert answer.status_code in (303, 308, 404), path
    assert "secret" not in answer.text.lower() and "Traceback" not in answer.text
    if "Location" in answer.headers:
        assert re.match(r"/(?![/\\])|http://localhost/", answer.location), answer.location


def test_the_debugger_is_off(app: Flask, client: Browser) -> None:
    app.view_functions["today.show"] = lambda: 1 / 0
    assert not app.debug
    for environ in ({"werkzeug.debug.preserve_context": lambda *_: None}, {}):
        assert "ZeroDivisionError" not in client.get("/today", environ_overrides=environ).text


# ── S7, S8: logging in


@pytest.mark.parametrize("act", ["password", "off", "out"])
def test_a_login_that_was_ended_is_worth_nothing(
    app: Flask, runtime: Runtime, log_in: Callable[[str], Browser], act: str
) -> None:
    mine = log_in("marketer")
    other = app.test_client()
    other.set_cookie("liaison", mine.get_cookie("liaison").value)
    again = app.test_client()
    assert again.log_in("marketer@shop.example").status_code == 303
    assert other.get("/today").status_code == again.get("/today").status_code == 200
    if act == "password":
        form = {"present": PASSWORD, "password": "another long word", "again": "another long word"}
        assert mine.post("/account/password", data=form).status_code == 303
        assert again.get("/today").status_code == 303
    elif act == "off":
        with runtime.transaction() as session:
            set_active(session, get_user(session, "marketer@shop.example"), False)
        assert again.get("/today").status_code == other.get("/today").status_code == 303
    else:
        mine.post("/login/out")
        assert other.get("/today").status_code == 303


def test_the_limit_of_tries_is_not_passed_by_saying_one_comes_from_elsewhere(
    app: Flask, runtime: Runtime, client: Browser
) -> None:
    stranger, said = app.test_client(), []
    for number in range(runtime.config.security.login_tries + 1):
        stranger.get("/login")
        said.append(
            stranger.post(
                "/login",
                data={"email": " ADMINISTRATOR@shop.example", "password": "wrong"},
                headers={"X-Forwarded-For": f"192.0.2.{number}", "Forwarded": f"for=192.0.2.{number}"},
            ).status_code
        )
    assert said[-1] == 429 and set(said[:-1]) == {401}


def test_who_holds_a_browser_cannot_try_passwords_without_end(runtime: Runtime, client: Browser) -> None:
    form = {"present": "wrong", "password": "another long word", "again": "another long word"}
    said = [
        client.post("/account/password", data=form).status_code
        for _ in range(runtime.config.security.login_tries + 1)
    ]
    assert said == [400] * runtime.config.security.login_tries + [429]


# ── S9, S10: where one is led


FOREIGN = (
    "https://evil.example", "//evil.example", "/\\evil.example", "https:evil.example", "https://shop.example@evil.example", "javascript:alert(1)", "https://evil.example/\r\nSet-Cookie: a=b",
)  # fmt: skip


def test_a_link_leads_nowhere_the_letter_did_not_say(app: Flask, house: House) -> None:
    stranger = app.test_client(use_cookies=False)
    for target in FOREIGN:
        for query in (
            {"to": target},
            {"to": target, "s": "0" * 20},
            {"to": target, "s": ""},
            {"url": target, "next": target},
        ):
            _lead(stranger, house, target, query)


def _lead(stranger: Browser, house: House, target: str, query: dict[str, str]) -> None:
    for place in ("0", "9999", "-1", "00", "٠", "0/", "0/.."):
        answer = stranger.get(f"/c/{house.token}/{place}", query_string=query)
        assert "evil" not in answer.headers.get("Location", ""), (place, query)
        assert "Set-Cookie" not in answer.headers
    for path in (f"/u/{house.token}", f"/p/{house.token}", "/login"):
        answer = stranger.get(path, query_string={"next": target, "return": target})
        assert "Location" not in answer.headers and f'"{target}"' not in answer.text


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/a.pem", "https://169.254.169.254/latest/meta-data/a.pem", "https://127.0.0.1/a.pem", "https://[::1]/a.pem",
        "https://2130706433/a.pem", "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem", "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem",
        "https://evil.example#.sns.eu-west-1.amazonaws.com/a.pem", "https://evil.example\\.sns.eu-west-1.amazonaws.com/a.pem", "file:///etc/passwd",
        "https://sns.eu-west-1.amazonaws.com:8443/a.pem", "gopher://sns.eu-west-1.amazonaws.com/a.pem", "https://bucket.s3.amazonaws.com/a.pem", "https://localhost/a.pem",
        "https://sns.eu-west-1.amazonaws.com:x/a.pem", "https://[sns.eu-west-1.amazonaws.com/a.pem",
    ],
)  # fmt: skip
def test_nothing_is_fetched_but_from_amazon(runtime: Runtime, url: str) -> None:
    def fetch(asked: str) -> bytes:
        pytest.fail(f"{asked} was asked")

    with pytest.raises(LiaisonError):
        sns_subscribe_url({"SubscribeURL": url})
    payload = {
        "Type": "Notification", "TopicArn": "arn:aws:sns:eu-west-1:1:t", "MessageId": "1", "Message": "{}",
        "Timestamp": runtime.clock.now().strftime("%Y-%m-%dT%H:%M:%S.000Z"), "SignatureVersion": "2", "Signature": "AAAA", "SigningCertURL": url,
    }  # fmt: skip
    with pytest.raises(LiaisonError):
        check_sns(payload, topics=["arn:aws:sns:eu-west-1:1:t"], fetch=fetch, now=runtime.clock.now())


# ── S11: headers of mails

BREAKS = (
    "\r\n",
    "\n",
    "\r",
    "\0",
    "\u2028",
    "\u2029",
    "\x85",
    "\x0b",
    "\x0c",
    "\x1c",
    "=0A",
    "=?utf-8?q?a=0D=0A?=",
    "=?utf-8?b?DQo=?=",
)


def test_no_field_of_a_mail_can_add_a_header() -> None:
    for sign, words in product(
        BREAKS, ("a{}Bcc: evil@x.example", "{}{}Bcc: evil@x.example", "a{} Bcc:x{}.{}")
    ):
        payload = words.format(sign, sign, sign)
        plain = _mail("Shop", "Ann", "Hello", "l", "News")
        raw = _mail(payload, payload, payload, payload, payload)
        assert re.findall(rb"\r(?!\n)|(?<!\r)\n", raw) == []
        assert _names(raw) == _names(plain), repr(payload)
        assert message_from_bytes(raw)["Bcc"] is None


def _mail(sender: str, to: str, subject: str, feedback: str, list_name: str) -> bytes:
    manner = Manner(
        sender_name=sender, sender_email="hello@shop.example", list_name=list_name, list_key="news", feedback="1", base_url="https://shop.example",
    )  # fmt: skip
    return Frame(manner).mail(
        to_name=to, to_address="ann@home.example", subject=subject, text=["Hello"], html=None, token="x" * 28, message_id="<1@shop.example>",
        now=NOW,
    )  # fmt: skip


def _names(raw: bytes) -> list[str]:
    return list(message_from_bytes(raw))


@pytest.mark.parametrize("sign", ["\r\n", "\n", "\0", "\u2028", "\x85"])
def test_an_address_with_a_line_end_is_none(sign: str) -> None:
    for address in (f"a{sign}b@x.example", f"a@x.example{sign}Bcc: b@x.example", f"a@x{sign}.example"):
        with pytest.raises(Invalid):
            customers.normalise_address(address)


@pytest.mark.parametrize("sign", ["\r\n", "\n", "\r", "\0"])
def test_a_subject_with_a_line_end_is_refused(sign: str) -> None:
    with pytest.raises(Invalid):
        Draft(name="n", subject=f"a{sign}b").cleaned()


def test_an_address_is_no_option_of_a_program(runtime: Runtime) -> None:
    with runtime.transaction() as session:
        try:
            made = customers.add_customer(session, email="-oQ/tmp/x@x.example", now=runtime.clock.now())
        except Invalid:
            return
        assert made.email.startswith("-")  # no program is started with it: mails leave by SMTP alone


# ── S12, S13: what is uploaded, and how much


def send(client: Browser, data: bytes, name: str) -> int:
    client.get("/imports/new")
    file = (io.BytesIO(data), name)
    return client.post("/imports/new", data={"kind": "customers", "file": file}).status_code


@pytest.mark.parametrize(
    "name",
    ["../../../evil.csv", "/etc/cron.d/evil", "..\\..\\evil.csv", "a\0b.csv", "x" * 3_000 + ".csv", SCRIPT],
)
def test_an_upload_lands_in_its_own_folder_whatever_it_is_called(
    client: Browser, runtime: Runtime, name: str
) -> None:
    assert send(client, b"email\nann@home.example\n", name) in (303, 400)
    folder = runtime.config.data.folder
    written = [path for path in folder.parent.rglob("*") if path.is_file() and "liaison.db" not in path.name]
    assert all(
        (folder / "imports") in path.parents or path.name == "secret" or path.parent == folder
        for path in written
    ), written
    assert all("evil" not in path.name for path in written)


NO_LISTS = [
    b"PK\x03\x04" + b"x" * 100,
    b"%PDF-1.7",
    b"\x89PNG\r\n",
    b"\x1f\x8bbroken",
    b"\0" * 5_000,
    b"",
    bytes(range(256)) * 40,
]


def test_what_is_no_list_is_refused(client: Browser) -> None:
    for data in NO_LISTS:
        assert send(client, data, "a.csv") == 400


def within_two_seconds(act: Callable[[], object]) -> object:
    began = time.monotonic()
    said = act()
    assert time.monotonic() - began < 2
    return said


def test_a_million_fields_are_not_read(app: Flask, client: Browser, house: House) -> None:
    body = b"&".join(b"a%d=1" % number for number in range(1_000_000))
    kind = "application/x-www-form-urlencoded"
    for path in (f"/u/{house.token}", f"/p/{house.token}", "/login", "/segments/new"):
        answer = within_two_seconds(lambda path=path: client.post(path, data=body, content_type=kind))
        assert answer.status_code == 413, path


def test_a_stranger_cannot_fill_the_disk_or_the_memory(app: Flask, client: Browser, house: House) -> None:
    class Endless(io.RawIOBase):
        read_so_far = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:
            self.read_so_far += len(buffer)
            assert self.read_so_far < 100 * MOST_BYTES, "it is being read"
            buffer[:] = b"x" * len(buffer)
            return len(buffer)

    stranger = app.test_client()
    stranger.get("/login")
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    for path in (
        "/login",
        "/login/out",
        "/imports/new",
        f"/u/{house.token}",
        f"/p/{house.token}",
        "/hooks/postmark",
        "/nowhere",
    ):
        body = Endless()
        environ = {
            "wsgi.input": io.BufferedReader(_After(head, body)),
            "CONTENT_LENGTH": "100000000",
            "CONTENT_TYPE": "multipart/form-data; boundary=b",
        }
        answer = within_two_seconds(
            lambda path=path, environ=environ: stranger.open(path, method="POST", environ_overrides=environ)
        )
        assert answer.status_code in (303, 400, 403, 404, 405, 413), path


class _After(io.RawIOBase):
    def __init__(self, head: bytes, rest: io.RawIOBase) -> None:
        self.head, self.rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:
        if self.head:
            size = min(len(buffer), len(self.head))
            buffer[:size], self.head = self.head[:size], self.head[size:]
            return size
        return self.rest.readinto(buffer)


def test_a_deep_or_wide_rule_is_refused_at_once(runtime: Runtime, client: Browser) -> None:
    deep: dict[str, object] = {"all": []}
    for _ in range(50_000):
        deep = {"all": [deep]}
    wide = {"any": [{"field": "customers.first_name", "op": "is", "value": "x"}] * 50_000}
    for rule in (deep, wide, {"all": [[[[]]]]}, {"all": {"all": []}}, {"field": ["x"]}):
        with pytest.raises(Invalid), runtime.reading() as session:
            within_two_seconds(
                lambda rule=rule, session=session: segments.count(
                    session, rule, runtime.fields, now=runtime.clock.now(), zone=runtime.config.zone
                )
            )
    form = {f"r.{a}.{b}.{c}.field": "customers.email" for a in range(20) for b in range(10) for c in range(5)}
    assert (
        within_two_seconds(lambda: client.post("/segments/new", data={"r.match": "all", **form})).status_code
        == 200
    )


TRAPS = (
    "a" * 50_000 + "!",
    "(a+)+$" * 999,
    "@" * 20_000,
    "a@" * 9_999,
    "." * 30_000 + "@x",
    "\u0130" * 9_000,
    " " * 50_000,
    "%_" * 20_000,
)


def test_no_search_can_be_trapped(client: Browser, house: House) -> None:
    pages = (
        "/customers?text=",
        "/suppressions?text=",
        "/templates?text=",
        "/newsletters?text=",
        "/inbox?search=",
        "/templates/2?find=",
    )
    for page, text in product(pages, TRAPS):
        path, _, name = page.rstrip("=").partition("?")
        assert (
            within_two_seconds(
                lambda path=path, name=name, text=text: client.get(path, query_string={name: text})
            ).status_code
            == 200
        ), page


# ── S14: files for spreadsheets

FORMULAS = (
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    '=HYPERLINK("http://x")',
    "'=1",
    "＝1+1",
    "%0A=1",
)


def test_an_export_holds_no_formula_and_comes_back_as_it_was(
    app: Flask, runtime: Runtime, client: Browser, house: House
) -> None:
    for formula in FORMULAS:
        poison(runtime, formula)
        for page in addresses(app, house):
            if not page.endswith(".csv"):
                continue
            with client.get(page) as answer:
                for cell in re.findall(r'(?:^|,)"?([^",\r\n]*)', answer.text.removeprefix("\ufeff"), re.M):
                    assert not re.match(r"[=@\t\r]|[+-](?![\d.,\s]*$)", cell), (page, cell)
        assert customers.plain_cell(customers.safe_cell(formula)) == formula


# ── S15: what every answer carries


def test_every_answer_carries_what_protects_it(app: Flask, client: Browser, house: House) -> None:
    stranger = app.test_client()
    big = {"data": b"x" * 300_000, "content_type": "application/x-www-form-urlencoded"}
    asked = [
        ("GET", "/today", {}), ("GET", "/login", {}), ("GET", "/nowhere", {}), ("GET", "/static/seal.svg", {}), ("GET", "/static/none", {}),
        ("GET", "/customers/999", {}), ("DELETE", "/today", {}), ("POST", "/login", {}), ("POST", f"/u/{house.token}", big), ("GET", "/health", {}), ("GET", "/metrics", {}),
        ("GET", f"/c/{house.token}/0", {}), ("GET", f"/c/{house.token}/99", {}), ("GET", f"/o/{house.token}", {}), ("GET", "/o/x", {}), ("GET", f"/u/{house.token}", {}),
        ("GET", f"/v/{house.token}", {}), ("GET", f"/p/{house.token}", {}), ("POST", "/hooks/postmark", {}), ("OPTIONS", "/customers", {}), ("GET", "/customers/export.csv", {}),
    ]  # fmt: skip
    for method, path, more in asked:
        for who in (client, stranger):
            with who.open(path, method=method, **more) as answer:
                policy = answer.headers.get("Content-Security-Policy", "")
                assert "default-src 'none'" in policy and "frame-ancestors" in policy, path
                assert (
                    "unsafe-inline" not in policy.replace("style-src 'unsafe-inline'", "")
                    and "unsafe-eval" not in policy
                )
                assert answer.headers.get("X-Content-Type-Options") == "nosniff", path
                assert answer.headers.get("Referrer-Policy") in ("same-origin", "no-referrer"), path
                assert "Server" not in answer.headers and "X-Powered-By" not in answer.headers
                if path.startswith(("/c/", "/o/", "/u/", "/v/", "/p/", "/hooks", "/health")):
                    assert "Set-Cookie" not in answer.headers, path
                if not path.startswith("/static") and answer.status_code == 200 and method == "GET":
                    assert "no-store" in answer.headers.get("Cache-Control", ""), path
