"""The sandbox keeps every mail but those for the addresses that are named."""

from pathlib import Path

import pytest

from campaigns.config import Config, Data, DatabaseSettings, Sandbox, Smtp
from campaigns.mail import InboxFolder, Letter, MemoryMailer, SandboxMailer, SmtpMailer, deliver
from campaigns.runtime import assemble
from tests.smtp_server import Fault, SmtpServer

CONTENT = b"Subject: Hello\r\n\r\nHello.\r\n"


def letter(recipient: str) -> Letter:
    return Letter("bounce@shop.example", recipient, CONTENT)


def test_only_the_named_get_theirs(tmp_path: Path) -> None:
    inner, inbox = MemoryMailer(), InboxFolder(tmp_path / "inbox")
    mailer = SandboxMailer(inner, inbox, ["Ann@Shop.example", "@bücher.example"])
    for recipient in (
        "alice@home.example",
        "ann@shop.example",
        "bob@shop.example",
        "x@xn--bcher-kva.example",
    ):
        assert deliver(mailer, letter(recipient)).is_accepted
    assert [each.recipient for each in inner.outbox] == ["ann@shop.example", "x@xn--bcher-kva.example"]
    assert [each.recipient for each in inbox.newest()] == ["bob@shop.example", "alice@home.example"]


def test_nothing_is_asked_of_the_mail_server_for_what_is_kept(tmp_path: Path) -> None:
    with SmtpServer() as server:
        mailer = SandboxMailer(
            SmtpMailer(Smtp(port=server.port)), InboxFolder(tmp_path), ["ann@shop.example"]
        )
        deliver(mailer, letter("alice@home.example"))
        assert server.connections == 0
        assert deliver(mailer, letter("ann@shop.example")).code == 250
        assert server.recipients() == ["ann@shop.example"]


def test_an_allowed_one_is_given_back_where_the_server_lets_nobody_in(tmp_path: Path) -> None:
    with SmtpServer([Fault("connect", "554 5.7.1 no", times=None)]) as server:
        mailer = SandboxMailer(SmtpMailer(Smtp(port=server.port)), InboxFolder(tmp_path), ["@shop.example"])
        with pytest.raises(Exception, match=r"554 5\.7\.1 no"):
            deliver(mailer, letter("ann@shop.example"))


def test_the_settings_decide(tmp_path: Path) -> None:
    config = Config(
        database=DatabaseSettings(url=f"sqlite:///{tmp_path}/one.db"),
        data=Data(folder=tmp_path),
        sandbox=Sandbox(is_on=True),
    )
    runtime = assemble(config)
    deliver(runtime.mailer, letter("alice@home.example"))
    assert InboxFolder(tmp_path / "inbox").count() == 1
    runtime.database.dispose()
    with pytest.raises(ValueError, match="neither an address nor a domain"):
        Sandbox(allowed=["shop.example"])
