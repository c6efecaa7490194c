"""Paces: what they cost a mail, and how quick receivers fare beside a slow and beside a refusing one.

The first figure is the queue with all limits set against the same queue with none; the others are mails a second to
quick receivers, whose server answers after 50 ms as one far away does, beside a run without the bad one at the same time.
Sizes: LIAISON_BENCH_PACING_MAILS (1,000). A soak test holds the 5 %.
"""

import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import insert, select

from campaigns.config import Config, Data, DatabaseSettings, Pacing, Sending, Smtp
from campaigns.content import compile_source, create_template, save_version, vocabulary
from campaigns.customers import Customer
from campaigns.db.tables import metadata
from campaigns.mail import Answer
from campaigns.messages import enqueue, open_mailing, send_due
from campaigns.messages.pacing import Pacer
from campaigns.messages.rules import FairQueue
from campaigns.runtime import Runtime, assemble
from tests.bench.harness import machine, report, seconds
from tests.smtp_server import Fault, SmtpServer

MAILS = int(os.environ.get("LIAISON_BENCH_PACING_MAILS", "1000"))
QUICK = 10
SOURCE = '<html lang="en"><body><p>Good morning. <a href="{{ links.unsubscribe }}">Unsubscribe</a></p></body></html>'
OK = Answer("dot", 250, "2.0.0 ok")


@dataclass
class Mail:
    """What the queue needs of a message."""

    id: int
    domain: str
    priority: int = 5


class Open:
    """A gate without limits and without memory: what the queue would cost alone."""

    def key(self, domain: str) -> str:
        return domain

    def is_open(self, now: float) -> bool:
        return True

    def may_go(self, key: str, under_way: int, now: float) -> bool:
        return True

    def gone(self, key: str, now: float) -> None:
        """Nothing is remembered."""

    def is_bounded(self, key: str) -> bool:
        return False

    def ahead(self, key: str, now: float) -> int:
        return 1 << 30


def through(pacer: Pacer | None, number: int) -> None:
    """Claim, take and answer so many mails to a thousand receivers, 500 at a time."""
    queue: FairQueue[Mail] = FairQueue(4, pacer or Open())
    for start in range(0, number, 500):
        for n in range(start, start + 500):
            queue.add(Mail(n, f"d{n % 997}.example"))
        for _ in range(500):
            mail = queue.take(time.monotonic())
            assert mail is not None
            queue.done(mail.domain, 0.001)
            if pacer is not None:
                now = time.monotonic()
                pacer.heard(pacer.key(mail.domain), OK, taken_at=now, now=now)


def cost() -> None:
    """Microseconds of processor a mail."""
    number = 100_000
    busy = Pacing(per_minute=10**9, domain_per_minute=10**6)
    alone = seconds(lambda: through(None, number), times=3)
    with_ = seconds(lambda: through(Pacer(Pacing()), number), times=3)
    strict = seconds(lambda: through(Pacer(busy), number), times=3)
    for name, value in (("the settings as shipped", with_), ("a limit on everything", strict)):
        report(
            "pacing: cost of a mail",
            value / number * 1e6,
            "µs",
            reference="the same queue without paces, µs",
            reference_value=alone / number * 1e6,
            is_higher_better=False,
            conditions=f"{name}; a whole mail costs about 200 µs; {machine()}",
        )


def quick_rate(bad: int, delay: float = 0.0, fault: str = "") -> float:
    """Mails a second that quick receivers get, with so many mails for a bad one in the same newsletter."""
    faults = [Fault("rcpt", fault, times=None, only="@bad.example")] if fault else []
    delays = {f"q{n}.example": 0.05 for n in range(QUICK)} | {"bad.example": delay}
    with tempfile.TemporaryDirectory() as name, SmtpServer(faults, delays=delays) as server:
        runtime = _filled(Path(name), server.port, bad)
        send_due(runtime)
        moments = sorted(mail.at for mail in list(server.accepted) if "@q" in mail.recipient)
        assert len(moments) == MAILS, len(moments)
        runtime.database.dispose()
    # The middle nine tenths: neither the first connections nor the last stragglers.
    first, last = moments[MAILS // 20], moments[-MAILS // 20]
    return MAILS * 0.9 / (last - first)


def _filled(folder: Path, port: int, bad: int) -> Runtime:
    config = Config(
        database=DatabaseSettings(url=f"sqlite:///{folder}/bench.db"),
        data=Data(folder=folder),
        smtp=Smtp(port=port),
        sending=Sending(connections=4),
    )
    runtime = assemble(config)
    metadata().create_all(runtime.database.engine)
    now = runtime.clock.now()
    places = [f"q{n % QUICK}.example" for n in range(MAILS)]
    for n in range(bad):  # spread evenly among the others
        places.insert(n * (len(places) // bad if bad else 1), "bad.example")
    with runtime.transaction() as session:
        session.execute(
            insert(Customer),
            [
                {
                    "email": f"p{n}@{domain}",
                    "address_key": f"p{n}@{domain}",
                    "domain": domain,
                    "may_mail": True,
                    "may_track": True,
                    "attributes": {},
                    "created_at": now,
                    "updated_at": now,
                }
                for n, domain in enumerate(places)
            ],
        )
        template = create_template(session, name="Bench", now=now)
        words = vocabulary(session, None, "newsletter")
        compiled = compile_source(
            SOURCE, format="html", subject="News", preheader="", language="en", vocabulary=words
        )
        version = save_version(session, template.id, compiled=compiled, now=now, by=None)
        mailing = open_mailing(
            session,
            kind="newsletter",
            source_id=1,
            name="Bench",
            version_id=version.id,
            subject="",
            sender_name="The shop",
            sender_email="hello@shop.example",
            now=now,
        )
        enqueue(session, mailing.id, select(Customer.id), now=now)
    return runtime


def neighbours() -> dict[str, float]:
    """How quick receivers fare beside a bad one, against a run without it at the same time (1: the same)."""
    found = {}
    for name, bad, delay, fault in (
        ("a receiver that takes 2 s an answer", 8, 2.0, ""),
        ("a receiver that says 421", MAILS // 5, 0.0, "421 4.7.0 too many"),
        ("a receiver that says 451", MAILS // 5, 0.0, "451 4.3.0 later"),
    ):
        # Both at once, so that whatever else the machine does slows down both alike.
        with ThreadPoolExecutor(2) as threads:
            alone, beside = threads.submit(quick_rate, 0), threads.submit(quick_rate, bad, delay, fault)
        found[name] = beside.result() / alone.result()
        report(
            f"pacing: beside {name}",
            beside.result(),
            "mails/s to quick receivers",
            reference="without it at the same time, mails/s",
            reference_value=alone.result(),
            conditions=f"{MAILS} mails to {QUICK} receivers 50 ms away, 4 connections; {machine()}",
        )
    return found


if __name__ == "__main__":
    cost()
    neighbours()
