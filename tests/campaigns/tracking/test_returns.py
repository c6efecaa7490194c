"""From a returned mail to the register: only our own signature counts, only a dead address is suppressed."""

import json
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from campaigns import suppression, tracking
from campaigns.runtime import Runtime
from campaigns.tracking import keep_returned, read_returned
from tests.campaigns.tracking.story import events, letter
from tests.campaigns.tracking.test_returned import ARF, dsn
from tests.conftest import NOW


def keep(runtime: Runtime, raw: bytes) -> str:
    with runtime.transaction() as session:
        return keep_returned(session, read_returned(raw), runtime.links, now=NOW).outcome


def bounce_token(runtime: Runtime, name: str = "alice") -> str:
    return runtime.links.token(*letter(runtime, name), "bounce")


def keys(runtime: Runtime) -> list[str]:
    with runtime.reading() as session:
        return list(session.scalars(suppression.suppressed_keys()))


def test_a_dead_address_is_suppressed_with_its_evidence(runtime: Runtime) -> None:
    assert keep(runtime, dsn(token=bounce_token(runtime))) == "bounced"
    assert keys(runtime) == ["alice@shop.example"]
    with runtime.reading() as session:
        row = session.scalars(suppression.of_address("alice@shop.example")).one()
    assert "550 5.1.1 no such user" in row.evidence
    assert (row.cause, row.message_id) == ("hard_bounce", 1)
    details = events(runtime)[0].details
    assert details == {
        "code": "5.1.1",
        "class": "hard",
        "cause": "address_unknown",
        "rule": "says_address_unknown",
        "source": "returned mail",
    }


def test_the_same_mail_read_again_changes_nothing(runtime: Runtime) -> None:
    raw = dsn(token=bounce_token(runtime))
    assert [keep(runtime, raw) for _ in range(3)] == ["bounced", "known", "known"]
    assert len(events(runtime)) == 1


def test_without_our_signature_nothing_changes(runtime: Runtime) -> None:
    token = bounce_token(runtime)
    good = token[:-3] + ("AAA" if token[-3:] != "AAA" else "BBB")
    web = runtime.links.token(1, 1)  # of the web, seen by every recipient: opens no return path
    for forged in ("x" * 28, good, web, ""):
        assert keep(runtime, dsn(token=forged)) == "not_ours"
    assert keep(runtime, ARF.format(kind="abuse", token="x" * 28).encode()) == "not_ours"
    assert keys(runtime) == []
    assert events(runtime) == []


def test_our_message_id_in_the_returned_part_is_enough(runtime: Runtime) -> None:
    raw = dsn(token=bounce_token(runtime)).replace(b"To: bounce+", b"To: postmaster+", 1)
    assert keep(runtime, raw) == "bounced"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("5.2.2", "552 mailbox full"),
        ("5.7.1", "554 blocked using zen.spamhaus.org"),
        ("5.7.26", "550 unauthenticated mail is prohibited, DMARC"),
        ("5.7.1", "550 message content rejected"),
        ("4.4.7", "delivery expired"),
        ("5.3.4", "552 too big"),
    ],
)
def test_what_is_our_fault_or_passes_never_suppresses(runtime: Runtime, status: str, words: str) -> None:
    assert keep(runtime, dsn(token=bounce_token(runtime), status=status, words=words)) == "bounced"
    assert keys(runtime) == []


def test_a_delay_is_kept_as_one_and_a_success_as_delivery(runtime: Runtime) -> None:
    token = bounce_token(runtime)
    late = dsn(token=token, action="delayed", status="4.4.1", words="timed out")
    good = dsn(token=token, action="delivered", status="2.0.0", words="250 ok")
    assert [keep(runtime, raw) for raw in (late, late, good, good)] == [
        "deferred",
        "known",
        "delivered",
        "known",
    ]
    assert [event.kind for event in events(runtime)] == ["deferred", "delivered"]
    assert keys(runtime) == []


def test_where_a_letter_was_forwarded_to_is_not_held_against_the_person(runtime: Runtime) -> None:
    raw = dsn(token=bounce_token(runtime), final="other@elsewhere.example", address="other@elsewhere.example")
    assert keep(runtime, raw) == "bounced"
    assert keys(runtime) == []
    assert events(runtime)[0].details["rule"].endswith("_elsewhere")


def test_a_spam_report_suppresses_for_good(runtime: Runtime) -> None:
    raw = ARF.format(kind="abuse", token=bounce_token(runtime)).encode()
    assert [keep(runtime, raw), keep(runtime, raw)] == ["spam_reported", "known"]
    with runtime.reading() as session:
        assert suppression.causes_in_force(session, "alice@shop.example") == ["spam_report"]
        assert not tracking.reader(session, 1).may_mail


def test_a_letter_to_the_unsubscribe_address_unsubscribes(runtime: Runtime) -> None:
    message_id, mailing_id = letter(runtime)
    token = runtime.links.token(message_id, mailing_id)
    raw = f"From: alice@shop.example\nTo: unsubscribe+{token}@shop.example\nSubject: unsubscribe\n\n".encode()
    assert [keep(runtime, raw), keep(runtime, raw)] == ["unsubscribed", "known"]
    assert keys(runtime) == ["alice@shop.example"]
    forged = raw.replace(token.encode(), b"x" * 28)
    assert keep(runtime, forged) == "not_ours"


def test_a_mail_program_may_ask_in_its_users_place(runtime: Runtime) -> None:
    token = runtime.links.token(*letter(runtime))
    raw = f"From: alice@shop.example\nTo: unsubscribe+{token}@shop.example\nAuto-Submitted: auto-generated\nSubject: unsubscribe\n\n".encode()
    assert keep(runtime, raw) == "unsubscribed"


def test_a_persons_letter_to_the_return_path_is_kept_for_a_person(runtime: Runtime) -> None:
    token = runtime.links.token(*letter(runtime), "bounce")
    raw = (
        f"From: alice@shop.example\nTo: bounce+{token}@shop.example\nSubject: Thank you\n\nWhat a fine tea!\n"
    )
    assert keep(runtime, raw.encode()) == "answered"


def test_an_automatic_answer_is_left_alone(runtime: Runtime) -> None:
    token = bounce_token(runtime)
    raw = f"From: alice@shop.example\nTo: bounce+{token}@shop.example\nSubject: Out of office\nAuto-Submitted: auto-replied\n\nback on Monday, 550 user unknown\n"
    assert keep(runtime, raw.encode()) == "left_alone"
    assert events(runtime) == []


def test_a_message_no_longer_on_record_is_gone(runtime: Runtime) -> None:
    assert keep(runtime, dsn(token=runtime.links.token(4711, 1, "bounce"))) == "gone"


def test_the_commands_read_and_apply(runtime: Runtime, tmp_path: Path) -> None:
    folder = tmp_path / "mails"
    folder.mkdir()
    for number, name in enumerate(("alice", "bob")):
        (folder / f"{number}.eml").write_bytes(
            dsn(token=bounce_token(runtime, name), address=f"{name}@shop.example")
        )
    (folder / "x.eml").write_bytes(b"\xff\x00 nothing")

    def run(noun: str, *arguments: str) -> list[dict]:
        command = import_module(f"webapp.commands.{noun}").command
        result = CliRunner().invoke(
            command, arguments, obj=SimpleNamespace(runtime=runtime), catch_exceptions=False
        )
        assert result.exit_code == 0
        return [json.loads(line) for line in result.stdout.splitlines()]

    assert [row["kind"] for row in run("inspect", "bounce", "--json", str(folder))] == [
        "bounce",
        "bounce",
        "other",
    ]
    *_, totals = run("bounces", "read", str(folder), "--json")
    assert totals == {"read": 3, "is_applied": False, "bounce": 2, "other": 1}
    assert keys(runtime) == []
    *_, totals = run("bounces", "read", str(folder), "--apply", "--json")
    assert totals == {"read": 3, "is_applied": True, "bounced": 2, "not_ours": 1}
    assert len(keys(runtime)) == 2
    listed = run("suppressions", "list", "--json")
    assert {row["address"] for row in listed} == {"alice@shop.example", "bob@shop.example"}
    (lifted,) = run("suppressions", "lift", str(listed[0]["id"]), "--because", "He rang", "--json")
    assert lifted["lifted_because"] == "He rang"
    assert run("suppressions", "add", "eve@shop.example", "--because", "asked", "--json")[0]["is_new"]
    agents = tmp_path / "agents.txt"
    agents.write_text("curl/8\nMozilla/5.0\n")
    assert [row["judgement"] for row in run("inspect", "agent", str(agents), "--json")] == [
        "machine",
        "proxied",
    ]
    assert run("hits", "judge", "--rules", "1", "--json")[0]["changed"] == 0
