"""What the DNS says is read and explained; a real name server on loopback answers."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from campaigns.config import Config, Data, Dkim, Sender, Smtp
from campaigns.errors import Invalid
from campaigns.mail.dkim import new_key
from campaigns.mail.identity import (
    Finding,
    Resolver,
    alignment,
    dkim_record,
    dmarc,
    encryption,
    examine_sender,
    returns,
    reverse_name,
    spf,
    tls_reports,
)
from tests.dns_server import NameServer
from webapp.cli import cli

ZONE = {
    ("good.example", "TXT"): ['"v=spf1 ip4:192.0.2.0/24 ~all"', '"other=1"'],
    ("_dmarc.good.example", "TXT"): ['"v=DMARC1; p=quarantine"'],
    ("good.example", "MX"): ["10 mx1.good.example."],
    ("one._domainkey.good.example", "TXT"): ['"v=DKIM1; k=rsa; p=AA" "BB"'],
    ("two.example", "TXT"): ['"v=spf1 a -all"', '"v=spf1 mx -all"'],
    ("_dmarc.two.example", "TXT"): ['"v=DMARC1; p=maybe"'],
    ("open.example", "TXT"): ['"v=spf1 +all"'],
    ("deep.example", "TXT"): ['"v=spf1 ' + " ".join(f"include:s{i}.example" for i in range(11)) + ' ~all"'],
    ("null.example", "MX"): ["0 ."],
    ("bare.example", "A"): ["192.0.2.1"],
    ("nested.example", "TXT"): ['"v=spf1 include:_a.nested.example ~all"'],
    ("_a.nested.example", "TXT"): ['"v=spf1 ip4:198.51.100.0/28 a:mx1.good.example -ip4:203.0.113.9 ~all"'],
    ("mx1.good.example", "A"): ["192.0.2.25"],
    ("heavy.example", "TXT"): ['"v=spf1 ' + " ".join(f"include:h{i}.example" for i in range(4)) + ' ~all"'],
    **{(f"h{i}.example", "TXT"): ['"v=spf1 a:x.example a:y.example mx:z.example ~all"'] for i in range(4)},
    ("loop.example", "TXT"): ['"v=spf1 include:loop.example ~all"'],
    ("25.2.0.192.in-addr.arpa", "PTR"): ["mx1.good.example."],
    ("26.2.0.192.in-addr.arpa", "PTR"): ["mx1.good.example."],
    ("_smtp._tls.good.example", "TXT"): ['"v=TLSRPTv1; rua=mailto:t@good.example"'],
}


@pytest.fixture(scope="module")
def names() -> Iterator[Resolver]:
    with NameServer(ZONE) as server:
        yield Resolver(servers=["127.0.0.1"], port=server.port, seconds=2, together=300)


@pytest.mark.parametrize(
    ("domain", "relays", "grade", "word"),
    [
        ("good.example", ["192.0.2.7"], "good", "may send"),
        ("good.example", ["198.51.100.1"], "warning", "198.51.100.1"),
        ("none.example", ["192.0.2.7"], "bad", "Nothing says"),
        ("two.example", [], "bad", "two records"),
        ("open.example", [], "bad", "everybody"),
        ("deep.example", [], "bad", "11 further"),
        ("heavy.example", [], "bad", "more than ten"),
        ("loop.example", [], "bad", "more than ten"),
        ("nested.example", ["198.51.100.7"], "good", "may send"),
        ("nested.example", ["192.0.2.25"], "good", "may send"),
        ("nested.example", ["203.0.113.9"], "warning", "203.0.113.9"),
    ],
)
def test_spf_is_explained(names: Resolver, domain: str, relays: list[str], grade: str, word: str) -> None:
    finding = spf(names, domain, relays)
    assert finding.grade == grade
    assert word in finding.sentence


def test_a_missing_record_comes_with_the_one_to_publish(names: Resolver) -> None:
    assert spf(names, "none.example", ["192.0.2.7"]).publish == "none.example TXT v=spf1 ip4:192.0.2.7 ~all"
    assert dmarc(names, "none.example").publish.startswith("_dmarc.none.example TXT v=DMARC1; p=none")


def test_dmarc_of_the_organisation_counts_for_its_subdomains(names: Resolver) -> None:
    assert dmarc(names, "news.good.example").grade == "good"
    assert dmarc(names, "two.example").grade == "bad"


def test_a_published_key_is_compared_with_ours(names: Resolver) -> None:
    name = "one._domainkey.good.example"
    assert dkim_record(names, name, "v=DKIM1; k=rsa; p=AABB").grade == "good"
    assert "Another key" in dkim_record(names, name, "v=DKIM1; k=rsa; p=CC").sentence
    assert "not published" in dkim_record(names, "x._domainkey.good.example", "v=DKIM1; p=CC").sentence


@pytest.mark.parametrize(
    ("domain", "grade"),
    [("good.example", "good"), ("null.example", "bad"), ("bare.example", "warning"), ("none.example", "bad")],
)
def test_returned_mail_needs_a_server(names: Resolver, domain: str, grade: str) -> None:
    assert returns(names, domain).grade == grade


def test_silence_of_the_name_servers_is_unknown_and_not_bad() -> None:
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    names = Resolver(servers=["127.0.0.1"], port=silent.getsockname()[1], seconds=0.2)
    findings: list[Finding] = [
        spf(names, "a.example"),
        dmarc(names, "a.example"),
        returns(names, "a.example"),
    ]
    silent.close()
    assert {finding.grade for finding in findings} == {"unknown"}


def test_the_record_to_publish_keeps_what_is_there(names: Resolver) -> None:
    found = spf(names, "good.example", ["198.51.100.1", "2001:db8::1"])
    wanted = "v=spf1 ip4:198.51.100.1 ip6:2001:db8::1 ip4:192.0.2.0/24 ~all"
    assert found.publish == f"good.example TXT {wanted}"


@pytest.mark.parametrize(
    ("address", "grade", "word"),
    [
        ("192.0.2.25", "good", "leads back"),
        ("192.0.2.26", "bad", "does not lead back"),
        ("192.0.2.27", "bad", "no name"),
        ("2001:db8::1", "bad", "no name"),
    ],
)
def test_an_address_needs_a_name_that_leads_back(
    names: Resolver, address: str, grade: str, word: str
) -> None:
    found = reverse_name(names, address)
    assert found.grade == grade
    assert word in found.sentence


@pytest.mark.parametrize(
    ("domain", "returns_to", "is_signed", "grade"),
    [
        ("shop.example", "shop.example", False, "good"),
        ("shop.example", "bounce.shop.example", False, "good"),
        ("news.shop.co.uk", "b.shop.co.uk", False, "good"),
        ("a.co.uk", "b.co.uk", True, "warning"),
        ("shop.example", "relay.test", True, "warning"),
        ("shop.example", "relay.test", False, "bad"),
    ],
)
def test_the_return_path_should_belong_to_the_sender(
    domain: str, returns_to: str, is_signed: bool, grade: str
) -> None:
    assert alignment(domain, returns_to, is_signed=is_signed).grade == grade


def test_tls_reports_are_a_courtesy(names: Resolver) -> None:
    assert tls_reports(names, "good.example").seen.startswith("v=TLSRPTv1")
    assert tls_reports(names, "none.example").grade == "good"
    assert "v=TLSRPTv1" in tls_reports(names, "none.example").publish


@pytest.mark.parametrize(
    ("host", "security", "grade"),
    [
        ("relay.example", "none", "warning"),
        ("relay.example", "starttls", "good"),
        ("relay.example", "tls", "good"),
        ("127.0.0.1", "none", "good"),
    ],
)
def test_the_way_to_the_relay_is_told(host: str, security: str, grade: str) -> None:
    found = encryption(Smtp.model_validate({"host": host, "security": security}))
    assert found.grade == grade


def test_the_whole_sender_is_examined_with_its_key(names: Resolver, tmp_path: Path) -> None:
    key = new_key(tmp_path / "dkim", domain="good.example", selector="auto")
    config = Config(
        sender=Sender(email="hello@good.example", addresses=["192.0.2.25"]),
        data=Data(folder=tmp_path),
        dkim=Dkim(selector="auto"),
    )
    found = {each.subject: each for each in examine_sender(names, config)}
    assert found["DKIM auto"].grade == "bad"
    assert found["DKIM auto"].publish == " TXT ".join(key.record())
    for subject in (
        "SPF of good.example",
        "DMARC of good.example",
        "MX of good.example",
        "PTR of 192.0.2.25",
    ):
        assert found[subject].grade == "good", subject
    elsewhere = {each.subject: each for each in examine_sender(names, config, "none.example")}
    assert elsewhere["DKIM for none.example"].grade == "bad"
    missing = config.model_copy(update={"dkim": Dkim(selector="gone")})
    assert any("liaison dkim new" in each.sentence for each in examine_sender(names, missing))


def test_all_questions_together_have_a_limit_of_time() -> None:
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    names = Resolver(servers=["127.0.0.1"], port=silent.getsockname()[1], seconds=0.1, together=0.3)
    began = time.monotonic()
    found = examine_sender(names, Config(sender=Sender(addresses=["192.0.2.25"])))
    silent.close()
    assert time.monotonic() - began < 5
    assert {each.grade for each in found if each.subject.startswith(("SPF", "DMARC", "MX", "PTR"))} == {
        "unknown"
    }


def test_check_prints_the_same(names: Resolver, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        '[sender]\nemail = "a@good.example"\naddresses = ["192.0.2.26"]\n'
        f'[data]\nfolder = "{tmp_path}/data"\n[database]\nurl = "sqlite:///{tmp_path}/x.db"\n'
    )
    server = f"127.0.0.1:{names._resolver.port}"
    told = CliRunner().invoke(cli, ["--config", str(path), "check", "--dns", "--server", server])
    assert told.exit_code == 1
    assert "ok   SPF of good.example" in told.output or "BAD  SPF of good.example" not in told.output
    assert "BAD  PTR of 192.0.2.26: The address has a name" in told.output
    wrong = CliRunner().invoke(cli, ["--config", str(path), "check", "--dns", "--server", "x;y"])
    assert isinstance(wrong.exception, Invalid)
