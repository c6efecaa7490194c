"""What the DNS says about a sending domain (SPF, DKIM, DMARC, MX, reverse names), in plain words with the record to
publish. Only names that the settings name are looked up, by the machine's resolver; nothing is connected to."""

import ipaddress
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import dns.exception
import dns.rdatatype
import dns.resolver

from campaigns.config import Config, Smtp
from campaigns.errors import ConfigError, Invalid
from campaigns.mail.dkim import read_key
from campaigns.mail.probe import LOOPBACK

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
    """Names by the machine's own resolver (or the servers given), within `seconds` for each question and
    `together` for all of them: after that nobody is asked any more."""

    def __init__(
        self, *, seconds: float = 3, together: float = 20, servers: Sequence[str] = (), port: int = 53
    ) -> None:
        self._resolver = dns.resolver.Resolver(configure=not servers)
        if servers:
            self._resolver.nameservers = list(servers)
            self._resolver.port = port
        self._resolver.lifetime = seconds
        self._until = time.monotonic() + together
        self._found: dict[tuple[str, str], list[str] | None] = {}

    @classmethod
    def at(cls, server: str) -> "Resolver":
        """By the server `address` or `address:port`; "" by the machine's own. Invalid if it is no address."""
        if not server:
            return cls()
        host, _, port = server.partition(":") if server.count(":") == 1 else (server, "", "")
        if not _is_address(host) or not (port or "53").isdecimal():
            raise Invalid(f"{server!r} is not the address of a name server; write one like 192.0.2.1:53.")
        return cls(servers=[host], port=int(port or 53))

    def find(self, name: str, kind: str) -> list[str] | None:
        asked = (name.casefold(), kind)
        if asked not in self._found:
            self._found[asked] = self._ask(name, kind) if time.monotonic() < self._until else None
        return self._found[asked]

    def _ask(self, name: str, kind: str) -> list[str] | None:
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
    addresses: Sequence[str] = (),
) -> list[Finding]:
    """Everything receivers look at, for letters from `domain` with returns to `bounce_domain`.

    `dkim`: the records (name, text) our keys ask for. `addresses`: IP addresses our letters leave from, when known.
    """
    records = list(dkim)
    return [
        spf(names, bounce_domain, addresses),
        *(dkim_record(names, name, text) for name, text in records),
        *([] if records else [_no_key(domain)]),
        dmarc(names, domain),
        alignment(domain, bounce_domain, is_signed=bool(records)),
        returns(names, bounce_domain),
        *(reverse_name(names, address) for address in addresses),
        tls_reports(names, domain),
    ]


def examine_sender(names: Names, config: Config, domain: str = "") -> list[Finding]:
    """The same for the sender of the settings (or another From domain), the way our letters leave included."""
    domain = domain or config.sender.domain
    records, faults = [], []
    for selector in (config.dkim.selector, config.dkim.ed25519_selector):
        try:
            if selector:
                key = read_key(config.data.folder / "dkim", domain=config.sender.domain, selector=selector)
                records.append(key.record())
        except ConfigError as error:
            faults.append(Finding(f"DKIM {selector}", "bad", " ".join(error.faults.values()).capitalize()))
    found = examine(
        names,
        domain=domain,
        bounce_domain=config.sender.bounce_domain or domain,
        dkim=records,
        addresses=config.sender.addresses,
    )
    signed = [] if domain == config.sender.domain else [_foreign_key(domain, config.sender.domain)]
    return [*found, *faults, *(signed if records else []), encryption(config.smtp)]


def _no_key(domain: str) -> Finding:
    return Finding(
        f"DKIM of {domain}",
        "warning",
        "Liaison does not sign. If the relay does, nothing is missing; else make a key with "
        "`liaison dkim new` and publish what it prints: Gmail, Yahoo and Microsoft ask for it.",
    )


def _foreign_key(domain: str, signer: str) -> Finding:
    return Finding(
        f"DKIM for {domain}",
        "good" if organisation(domain) == organisation(signer) else "bad",
        f"Letters from {domain} are signed by {signer}"
        + (
            ", which counts as the same owner."
            if organisation(domain) == organisation(signer)
            else ", another owner: DMARC does not count that signature."
        ),
    )


def encryption(settings: Smtp) -> Finding:
    """How our letters go to the relay. What happens after it only the relay knows, so no message notes it."""
    way = {"none": "in clear", "starttls": "encrypted (STARTTLS)", "tls": "encrypted (TLS)"}[
        settings.security
    ]
    is_near = settings.host.startswith(LOOPBACK)
    is_good = settings.security != "none" or is_near
    sentence = f"Letters go {way} to the relay {settings.host}:{settings.port}."
    if is_near and settings.security == "none":
        sentence += " It is this machine itself, so nothing is in between."
    elif not is_good:
        sentence += " Set smtp.security to starttls or tls, if the relay offers it."
    sentence += " How they go on from there is the relay's matter."
    return Finding("TLS to the relay", "good" if is_good else "warning", sentence)


_SECOND_LEVEL = re.compile(r"\A(?:co|com|ac|org|net|gov|edu|ltd|or|ne|go|gouv|asso)\.[a-z]{2}\Z")


def organisation(domain: str) -> str:
    """The organisational domain (RFC 7489 3.2): the last two labels, three below `co.uk` and its like."""
    labels = domain.casefold().rstrip(".").split(".")
    return ".".join(labels[-3 if _SECOND_LEVEL.match(".".join(labels[-2:])) else -2 :])


def alignment(domain: str, bounce_domain: str, *, is_signed: bool) -> Finding:
    """Whether the return path or the signature belongs to the owner of the From address (RFC 7489 3.1)."""
    subject = "Alignment"
    if organisation(domain) == organisation(bounce_domain):
        return Finding(
            subject,
            "good",
            f"The return path ({bounce_domain}) belongs to the From domain: SPF counts for DMARC.",
        )
    if is_signed:
        return Finding(
            subject,
            "warning",
            f"The return path ({bounce_domain}) is another owner's: for DMARC only our signature counts. "
            f"Better set sender.bounce_domain to a name below {organisation(domain)}.",
        )
    return Finding(
        subject,
        "bad",
        f"Neither return path ({bounce_domain}) nor a signature belongs to {domain}: DMARC fails. Set "
        f"sender.bounce_domain to a name below {organisation(domain)}, or sign with `liaison dkim new`.",
    )


def reverse_name(names: Names, address: str) -> Finding:
    """Whether the address our letters leave from has a name that leads back to it (PTR; Gmail asks for it)."""
    subject = f"PTR of {address}"
    pointer = ipaddress.ip_address(address).reverse_pointer
    found = names.find(pointer, "PTR")
    if found is None:
        return _unanswered(subject)
    if not found:
        return Finding(
            subject,
            "bad",
            "The address has no name; many receivers refuse mail from it. Ask whoever gave you the address.",
            f"{pointer} PTR mail.{'<your domain>'}",
        )
    kind = "A" if ipaddress.ip_address(address).version == 4 else "AAAA"
    wanted = ipaddress.ip_address(address)
    back = [each for name in found[:5] for each in names.find(name, kind) or []]
    if any(ipaddress.ip_address(each) == wanted for each in back if _is_address(each)):
        return Finding(
            subject, "good", "The address has a name, and the name leads back to it.", seen=found[0]
        )
    return Finding(
        subject,
        "bad",
        "The address has a name, but the name does not lead back to it.",
        f"{found[0]} {kind} {address}",
        found[0],
    )


def tls_reports(names: Names, domain: str) -> Finding:
    """Whether receivers are told where to report failed encryption (RFC 8460); a courtesy, never a fault."""
    subject = f"TLS reports of {domain}"
    texts = names.find(f"_smtp._tls.{domain}", "TXT")
    if texts is None:
        return _unanswered(subject)
    for text in texts:
        if text.lower().replace(" ", "").startswith("v=tlsrptv1"):
            return Finding(subject, "good", "Others are told where to report failed encryption.", seen=text)
    return Finding(
        subject,
        "good",
        "Nobody is asked to report failed encryption to you; that is not needed, but free.",
        f"_smtp._tls.{domain} TXT v=TLSRPTv1; rua=mailto:postmaster@{domain}",
    )


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
    walk = _Walk(names)
    walk.through(domain, record)
    if walk.lookups > MOST_LOOKUPS:
        return Finding(
            subject,
            "bad",
            f"It needs {walk.lookups} further look-ups, counted through its includes; more than ten make it "
            "invalid. Put addresses (ip4:) in the place of includes.",
            seen=record,
        )
    missing = [relay for relay in relays if not walk.allows(relay)]
    if missing:
        return Finding(
            subject,
            "warning",
            f"It does not name {', '.join(missing)}, from where our letters leave.",
            f"{domain} TXT {_with(record, missing)}",
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


MOST_LOOKUPS = 10
"""RFC 7208 section 4.6.4."""


class _Walk:
    """An SPF record with everything it includes: the look-ups it costs and the networks it names."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self.lookups = 0
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []

    def through(self, domain: str, record: str) -> None:
        """Take up the terms of one record; stops soon after the eleventh look-up."""
        for term in record.split()[1:]:
            name, _, value = re.sub(r"\A[+?~-]", "", term).partition(":" if "=" not in term else "=")
            name = name.partition("/")[0].casefold()
            if term[:1] in "-~?" or self.lookups > MOST_LOOKUPS * 2:
                continue
            if name in ("ip4", "ip6"):
                self._add(value)
            elif name in ("a", "mx", "ptr", "exists", "include", "redirect"):
                self.lookups += 1
                self._look(name, value.partition("/")[0] or domain)

    def _look(self, name: str, value: str) -> None:
        if name in ("include", "redirect"):
            for text in self._names.find(value, "TXT") or ():
                if re.match(r"v=spf1(\s|$)", text, re.IGNORECASE):
                    self.through(value, text)
        elif name in ("a", "mx"):
            hosts = [value] if name == "a" else (self._names.find(value, "MX") or [])[:10]
            for host in filter(None, hosts):
                for kind in ("A", "AAAA"):
                    for address in self._names.find(host, kind) or ():
                        self._add(address)

    def _add(self, network: str) -> None:
        try:
            self._networks.append(ipaddress.ip_network(network, strict=False))
        except ValueError:
            return

    def allows(self, relay: str) -> bool:
        return _is_address(relay) and any(ipaddress.ip_address(relay) in each for each in self._networks)


def _with(record: str, relays: Sequence[str]) -> str:
    """The record with these addresses named in it."""
    more = [f"ip{ipaddress.ip_address(relay).version}:{relay}" for relay in relays if _is_address(relay)]
    terms = record.split()
    return " ".join([terms[0], *more, *terms[1:]])
