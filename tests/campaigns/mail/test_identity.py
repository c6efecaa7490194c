"""What the DNS says is read and explained; a real name server on loopback answers."""

import socket
import threading
from collections.abc import Iterator

import dns.message
import dns.rcode
import dns.rrset
import pytest

from campaigns.mail.identity import Finding, Resolver, dkim_record, dmarc, returns, spf

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
}


@pytest.fixture(scope="module")
def names() -> Iterator[Resolver]:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            raw, who = server.recvfrom(4096)
            if raw == b"stop":
                return
            question = dns.message.from_wire(raw)
            asked = question.question[0]
            name, kind = str(asked.name).rstrip("."), asked.rdtype.name
            reply = dns.message.make_response(question)
            if found := ZONE.get((name, kind)):
                reply.answer.append(dns.rrset.from_text_list(asked.name, 60, "IN", kind, found))
            elif name not in {zone_name for zone_name, _kind in ZONE}:
                reply.set_rcode(dns.rcode.NXDOMAIN)
            server.sendto(reply.to_wire(), who)

    thread = threading.Thread(target=answer)
    thread.start()
    port = server.getsockname()[1]
    yield Resolver(servers=["127.0.0.1"], port=port, seconds=2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stopper:
        stopper.sendto(b"stop", ("127.0.0.1", port))
    thread.join()
    server.close()


@pytest.mark.parametrize(
    ("domain", "relays", "grade", "word"),
    [
        ("good.example", ["192.0.2.7"], "good", "may send"),
        ("good.example", ["198.51.100.1"], "warning", "198.51.100.1"),
        ("none.example", ["192.0.2.7"], "bad", "Nothing says"),
        ("two.example", [], "bad", "two records"),
        ("open.example", [], "bad", "everybody"),
        ("deep.example", [], "bad", "11 further"),
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
