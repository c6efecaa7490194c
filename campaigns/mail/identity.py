"""What the DNS says about a sending domain (SPF, DKIM, DMARC, MX), in plain words with the record to publish."""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import dns.exception
import dns.rdatatype
import dns.resolver

Grade = Literal["good", "warning", "bad", "unknown"]


@dataclass(frozen=True)
class Finding:
    """One thing looked up: how it stands, what that means, and the record to publish where one is missing."""

    subject: str
    grade: Grade
    sentence: str
    publish: str = ""
    seen: str = ""


class Names(Protocol):
    """Looks names up. `find` gives the texts of all records of a kind: empty if there is none, None if nobody answered."""

    def find(self, name: str, kind: str) -> list[str] | None: ...


class Resolver:
    """Names by the machine's own resolver (or the servers given), within `seconds` for each question."""

    def __init__(self, *, seconds: float = 5, servers: Sequence[str] = (), port: int = 53) -> None:
        self._resolver = dns.resolver.Resolver(configure=not servers)
        if servers:
            self._resolver.nameservers = list(servers)
            self._resolver.port = port
        self._resolver.lifetime = seconds

    def find(self, name: str, kind: str) -> list[str] | None:
        try:
            answer = self._resolver.resolve(name, kind, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return []
        except (dns.exception.DNSException, OSError):
            return None
        if kind == "TXT":
            return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]
        if kind == "MX":
            return [str(record.exchange).rstrip(".") for record in answer]
        return [str(record).rstrip(".") for record in answer]


def examine(
    names: Names,
    *,
    domain: str,
    bounce_domain: str,
    dkim: Iterable[tuple[str, str]],
    relays: Sequence[str] = (),
) -> list[Finding]:
    """Everything receivers look at, for letters from `domain` with returns to `bounce_domain`.

    `dkim`: the records (name, text) our keys ask for. `relays`: addresses our letters leave from, when known.
    """
    return [
        spf(names, bounce_domain, relays),
        *(dkim_record(names, name, text) for name, text in dkim),
        dmarc(names, domain),
        returns(names, bounce_domain),
    ]


def spf(names: Names, domain: str, relays: Sequence[str] = ()) -> Finding:
    """Whether the domain of the return path says who may send for it (RFC 7208)."""
    subject = f"SPF of {domain}"
    texts = names.find(domain, "TXT")
    if texts is None:
        return _unanswered(subject)
    records = [text for text in texts if re.match(r"v=spf1(\s|$)", text, re.IGNORECASE)]
    wanted = _wanted_spf(relays)
    if not records:
        return Finding(
            subject, "bad", "Nothing says which servers may send for this domain.", f"{domain} TXT {wanted}"
        )
    if len(records) > 1:  # RFC 7208 section 4.5: more than one is a permanent error
        return Finding(
            subject,
            "bad",
            "There are two records; receivers then ignore both. Keep one.",
            seen=" | ".join(records),
        )
    record = records[0]
    if re.search(r"(^|\s)\+?all(\s|$)", record, re.IGNORECASE):
        return Finding(
            subject,
            "bad",
            "It allows everybody (all), which is worse than nothing; end it with ~all.",
            seen=record,
        )
    lookups = len(
        re.findall(r"(?:^|\s)[+?~-]?(?:include:|a\b|mx\b|ptr\b|exists:|redirect=)", record, re.IGNORECASE)
    )
    if lookups > 10:  # RFC 7208 section 4.6.4
        return Finding(
            subject,
            "bad",
            f"It needs {lookups} further look-ups; more than ten make it invalid.",
            seen=record,
        )
    missing = [relay for relay in relays if not _names_address(record, relay)]
    if missing and "include:" not in record:
        return Finding(
            subject,
            "warning",
            f"It does not name {', '.join(missing)}, from where our letters leave.",
            f"{domain} TXT {wanted}",
            record,
        )
    return Finding(subject, "good", "It says which servers may send for this domain.", seen=record)


def dkim_record(names: Names, name: str, text: str) -> Finding:
    """Whether the public half of one of our keys is published and the same (RFC 6376 section 3.6)."""
    subject = f"DKIM {name.partition('.')[0]}"
    texts = names.find(name, "TXT")
    if texts is None:
        return _unanswered(subject)
    if not texts:
        return Finding(
            subject,
            "bad",
            "The key is not published; our signatures cannot be checked.",
            f"{name} TXT {text}",
        )
    if any(_tags(found).get("p") == _tags(text)["p"] for found in texts):
        return Finding(subject, "good", "The published key is ours.", seen=texts[0])
    return Finding(
        subject,
        "bad",
        "Another key than ours is published; our signatures fail.",
        f"{name} TXT {text}",
        texts[0],
    )


def dmarc(names: Names, domain: str) -> Finding:
    """Whether the domain of the From address has a policy (RFC 7489), or inherits its organisation's."""
    subject = f"DMARC of {domain}"
    for candidate in (domain, ".".join(domain.split(".")[-2:])):
        texts = names.find(f"_dmarc.{candidate}", "TXT")
        if texts is None:
            return _unanswered(subject)
        records = [text for text in texts if text.lower().replace(" ", "").startswith("v=dmarc1")]
        if not records:
            continue
        if len(records) > 1:
            return Finding(
                subject,
                "bad",
                "There are two records; receivers then ignore both. Keep one.",
                seen=" | ".join(records),
            )
        policy = _tags(records[0]).get("p", "").lower()
        if policy == "none":
            return Finding(
                subject,
                "good",
                "There is a policy (none: nothing is refused yet, which is enough for Gmail, Yahoo and Microsoft).",
                seen=records[0],
            )
        if policy in ("quarantine", "reject"):
            return Finding(
                subject,
                "good",
                f"There is a policy ({policy}): letters that fail SPF and DKIM are not delivered.",
                seen=records[0],
            )
        return Finding(
            subject,
            "bad",
            "The record has no valid policy (p=).",
            f"_dmarc.{domain} TXT v=DMARC1; p=none",
            records[0],
        )
    return Finding(
        subject,
        "bad",
        "There is no policy; Gmail, Yahoo and Microsoft ask for one from 5,000 mails a day.",
        f"_dmarc.{domain} TXT v=DMARC1; p=none; rua=mailto:postmaster@{domain}",
    )


def returns(names: Names, domain: str) -> Finding:
    """Whether returned mail finds a server (RFC 5321 section 5.1)."""
    subject = f"MX of {domain}"
    hosts = names.find(domain, "MX")
    if hosts is None:
        return _unanswered(subject)
    if hosts == [""]:  # RFC 7505: a null MX takes no mail
        return Finding(subject, "bad", "The domain says that it takes no mail; bounces and answers are lost.")
    if hosts:
        return Finding(subject, "good", f"Returned mail goes to {', '.join(sorted(hosts))}.")
    if names.find(domain, "A") or names.find(domain, "AAAA"):
        return Finding(
            subject,
            "warning",
            "There is no MX; returned mail goes to the domain's own address.",
            f"{domain} MX 10 mail.{domain}",
        )
    return Finding(
        subject,
        "bad",
        "No server takes mail for this domain; bounces and answers are lost.",
        f"{domain} MX 10 mail.{domain}",
    )


def _unanswered(subject: str) -> Finding:
    return Finding(subject, "unknown", "The name servers did not answer; try again later.")


def _tags(record: str) -> dict[str, str]:
    """`k=v; k=v` as a dict; blanks within values out (RFC 6376 section 3.2)."""
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): re.sub(r"\s", "", value) for name, _, value in pairs if name.strip()}


def _wanted_spf(relays: Sequence[str]) -> str:
    parts = [f"ip{ipaddress.ip_address(relay).version}:{relay}" for relay in relays if _is_address(relay)]
    return " ".join(["v=spf1", *(parts or ["mx"]), "~all"])


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _names_address(record: str, relay: str) -> bool:
    if not _is_address(relay):
        return f":{relay}" in record
    address = ipaddress.ip_address(relay)
    for network in re.findall(r"ip[46]:([0-9a-fA-F:./]+)", record):
        try:
            if address in ipaddress.ip_network(network, strict=False):
                return True
        except (ValueError, TypeError):
            continue
    return bool(re.search(r"(?:^|\s)[+]?(?:mx|a)\b", record))
