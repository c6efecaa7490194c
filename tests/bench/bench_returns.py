"""Returned mails read a second, and kept a second; against flufl.bounce, which finds addresses only."""

import email
import tempfile
import time
from pathlib import Path

from flufl.bounce import all_failures

from campaigns.config import Config, Data, DatabaseSettings
from campaigns.db.migrate import upgrade
from campaigns.runtime import assemble
from campaigns.tracking import keep_mail, keep_returned, read_returned, read_spool, spool_folder
from tests.bench.harness import machine, report
from tests.campaigns.tracking.story import customer, mailing, message
from tests.campaigns.tracking.test_returned import FORMATS, dsn

PEOPLE = 1_000
ALONE = 200


def main() -> None:
    mails = [row[1] for row in FORMATS] + [dsn() for _ in FORMATS]
    for mail in mails:
        read_returned(mail)  # patterns are compiled at first use
        all_failures(email.message_from_bytes(mail))
    reference = a_second(lambda mail: all_failures(email.message_from_bytes(mail)), mails)
    report(
        "returned mails read",
        a_second(read_returned, mails),
        "mails/s",
        reference="flufl.bounce (addresses only), mails/s",
        reference_value=reference,
        conditions=f"half RFC 3464, half {len(FORMATS)} formats of servers' own; {machine()}",
    )
    with tempfile.TemporaryDirectory(prefix="liaison-bench-") as folder:
        kept, one_by_one = kept_a_second(Path(folder))
        report(
            "returned mails kept",
            kept,
            "mails/s",
            reference="the same, each mail in a transaction of its own, mails/s",
            reference_value=one_by_one,
            conditions=f"{PEOPLE} bounces from the spool into events and suppressions, SQLite; {machine()}",
        )


def a_second(read: object, mails: list[bytes]) -> float:
    assert callable(read)
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < 2:
        for mail in mails:
            read(mail)
        count += len(mails)
    return count / (time.perf_counter() - began)


def kept_a_second(folder: Path) -> tuple[float, float]:
    """A letter to PEOPLE people and some more, all of which comes back at once: by the spool, and one by one."""
    config = Config(
        database=DatabaseSettings(url=f"sqlite:///{folder / 'liaison.db'}"), data=Data(folder=folder / "data")
    )
    runtime = assemble(config)
    upgrade(runtime.database)
    with runtime.transaction() as session:
        letters = mailing(session)
        ids = [
            message(session, letters, customer(session, f"c{n}"), address=f"c{n}@shop.example")
            for n in range(PEOPLE + ALONE)
        ]
    mails = []
    for number, message_id in enumerate(ids):
        token = runtime.links.token(message_id, letters, "bounce")
        address = f"c{number}@shop.example"
        mails.append(dsn(token=token, address=address, final=address))
    for mail in mails[:PEOPLE]:
        keep_mail(spool_folder(config), mail, [])
    began = time.perf_counter()
    outcomes = read_spool(runtime)
    kept = PEOPLE / (time.perf_counter() - began)
    assert outcomes == {"bounced": PEOPLE}, outcomes
    began = time.perf_counter()
    for mail in mails[PEOPLE:]:
        with runtime.transaction() as session:
            keep_returned(session, read_returned(mail), runtime.links, now=runtime.clock.now())
    one_by_one = ALONE / (time.perf_counter() - began)
    runtime.database.dispose()
    return kept, one_by_one


if __name__ == "__main__":
    main()
