"""Sending: rows to accepted mails, with the full ledger, against EmailMessage + smtplib into the same sink.

The mail is a personalised newsletter of about 20 KB with 15 tracked links and a pixel, HTML and text. Sizes:
LIAISON_BENCH_MAILS (20,000), LIAISON_BENCH_PROCESSES (2). LIAISON_BENCH_POSTGRES=<url of an empty database>
measures on PostgreSQL. Postfix's smtp-source is measured too where it is installed.
"""

import json
import os
import shutil
import smtplib
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from sqlalchemy import insert, select

from campaigns.config import Config, Data, DatabaseSettings, Dkim, Sending, Smtp
from campaigns.content import compile_source, create_template, save_version, vocabulary
from campaigns.customers import Customer
from campaigns.db.tables import metadata
from campaigns.mail.dkim import new_key
from campaigns.messages import counts, enqueue, is_finished, open_mailing
from campaigns.runtime import Runtime, assemble
from tests.bench.harness import machine, report

MAILS = int(os.environ.get("LIAISON_BENCH_MAILS", "20000"))
PROCESSES = int(os.environ.get("LIAISON_BENCH_PROCESSES", "2"))
ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SENDER = """
import json, resource, signal, sys, threading
from campaigns.config import Config
from campaigns.messages import run_sender
from campaigns.runtime import assemble
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
runtime = assemble(Config.model_validate_json(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
begun = resource.getrusage(resource.RUSAGE_SELF)
run_sender(runtime, stop)
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"cpu": used.ru_utime + used.ru_stime - begun.ru_utime - begun.ru_stime, "mb": used.ru_maxrss / 1024}), flush=True)
"""


def source() -> str:
    """A newsletter of about 20 KB: tables and inline styles, as compiled ones have, and 15 links."""
    style = (
        "font-family:Helvetica,Arial,sans-serif;font-size:16px;line-height:24px;color:#334155;padding:0 24px"
    )
    words = "A warm jumper of undyed wool, knitted by people who have done so for forty winters. "
    greeting = "{{ customer.first_name or 'you' }}"
    articles = "".join(
        f'<tr><td style="{style}"><h2 style="{style};font-weight:700">Article {n}'
        f"{f' for {greeting}' if n % 7 == 0 else ''}</h2>"
        f'<p style="{style}">{words * 6}</p>'
        f'<p style="{style}"><a href="https://shop.example/article/{n}?utm_source=letter&amp;n={n}" '
        f'style="{style};font-weight:700;color:#0f766e">See article {n}</a></p></td></tr>\n'
        for n in range(15)
    )
    return (
        '<html lang="en"><body><table role="presentation" width="100%">'
        f'<tr><td style="{style}"><h1>Good morning {{{{ customer.first_name or "you" }}}}</h1></td></tr>\n'
        f'{articles}<tr><td style="{style}">{{{{ shop.name }}}}, 1 Example Street. '
        f'<a href="{{{{ links.unsubscribe }}}}">Unsubscribe</a></td></tr></table></body></html>'
    )


class SinkProcess:
    """The counting server, in a process of its own; `away` seconds from here, there and back."""

    def __init__(self, away: float = 0) -> None:
        self.away = away

    def __enter__(self) -> "SinkProcess":
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.sink", str(self.away)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self._read())
        return self

    def _read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def taken(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self._read())

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)
        if self.process.stdout is not None:
            self.process.stdout.close()


@dataclass(frozen=True)
class Course:
    """What is varied."""

    mails: int = MAILS
    processes: int = PROCESSES
    connections: int = int(os.environ.get("LIAISON_BENCH_CONNECTIONS", "4"))
    away: float = 0
    is_signed: bool = False


def filled(folder: Path, port: int, course: Course) -> tuple[Runtime, int]:
    """A database with the people and a queued mailing to all of them."""
    if course.is_signed:
        new_key(folder / "dkim", domain="shop.example", selector="bench")
    url = os.environ.get("LIAISON_BENCH_POSTGRES") or f"sqlite:///{folder}/bench.db"
    config = Config(
        database=DatabaseSettings(url=url),
        data=Data(folder=folder),
        smtp=Smtp(port=port),
        dkim=Dkim(selector="bench" if course.is_signed else ""),
        sending=Sending(connections=course.connections, batch=max(500, course.connections * 25)),
    )
    runtime = assemble(config)
    metadata().drop_all(runtime.database.engine)
    metadata().create_all(runtime.database.engine)
    with runtime.transaction() as session:
        people = [
            {
                "email": f"person{n}@d{n % 50}.example",
                "address_key": f"person{n}@d{n % 50}.example",
                "domain": f"d{n % 50}.example",
                "first_name": f"Zoé{n % 997}",
                "last_name": "Martin",
                "may_mail": True,
                "may_track": True,
                "attributes": {},
                "created_at": NOW,
                "updated_at": NOW,
            }
            for n in range(course.mails)
        ]
        session.execute(insert(Customer), people)
        template = create_template(session, name="Bench", now=NOW)
        compiled = compile_source(
            source(),
            format="html",
            subject="News for {{ customer.first_name or 'you' }}",
            preheader="",
            language="en",
            vocabulary=vocabulary(session, None, "newsletter"),
        )
        version = save_version(session, template.id, compiled=compiled, now=NOW, by=None)
        mailing = open_mailing(
            session,
            kind="newsletter",
            source_id=1,
            name="Bench",
            version_id=version.id,
            subject="",
            sender_name="The shop",
            sender_email="hello@shop.example",
            now=NOW,
        )
        enqueue(session, mailing.id, select(Customer.id), now=runtime.clock.now())
    return runtime, mailing.id


def ours(folder: Path, course: Course = Course()) -> dict[str, float]:
    """Mails a second from the first claim to the last row `sent`; processor and memory of the senders.

    `mb_half`, `mb_end`: what the largest of them held after half of the mails, and after all.
    """
    with SinkProcess(course.away) as sink:
        runtime, mailing_id = filled(folder, sink.port, course)
        senders = [
            subprocess.Popen(
                [sys.executable, "-c", SENDER, runtime.config.model_dump_json()],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            for _ in range(course.processes)
        ]
        for sender in senders:
            assert sender.stdout is not None
            assert sender.stdout.readline() == "ready\n"
        began = time.perf_counter()
        for sender in senders:
            assert sender.stdin is not None
            sender.stdin.write("\n")
            sender.stdin.flush()
        half = 0.0
        while (taken := sink.taken()) < course.mails:
            assert all(sender.poll() is None for sender in senders), "A sender died."
            if not half and taken >= course.mails // 2:
                half = max(map(held, senders))
            time.sleep(0.05)
        end = max(map(held, senders))
        while not _is_done(runtime, mailing_id):
            time.sleep(0.02)
        seconds = time.perf_counter() - began
        used = []
        for sender in senders:
            sender.terminate()
            out, _ = sender.communicate(timeout=30)
            used.append(json.loads(out.splitlines()[-1]))
        with runtime.reading() as session:
            found = counts(session, mailing_id)
        assert found["sent"] == course.mails == sink.taken(), found
        runtime.database.dispose()
    return {
        "per_second": course.mails / seconds,
        "cpu_per_1000": sum(one["cpu"] for one in used) / course.mails * 1000,
        "mb": max(one["mb"] for one in used),
        "mb_half": half,
        "mb_end": end,
    }


def held(process: "subprocess.Popen[str]") -> float:
    """Megabytes that a process holds now."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1048576


def _is_done(runtime: Runtime, mailing_id: int) -> bool:
    with runtime.reading() as session:
        return is_finished(session, mailing_id)


def obvious(mails: int) -> float:
    """The same mail the obvious way: EmailMessage and smtplib, one process, one connection; mails a second."""
    html = source()
    with SinkProcess() as sink, smtplib.SMTP("127.0.0.1", sink.port) as server:
        began = time.perf_counter()
        for n in range(mails):
            message = EmailMessage()
            message["From"] = "The shop <hello@shop.example>"
            message["To"] = f"Zoé <person{n}@d.example>"
            message["Subject"] = f"News for Zoé{n}"
            message["Date"] = format_datetime(NOW)
            message["Message-ID"] = f"<{n}@shop.example>"
            message["List-Unsubscribe"] = f"<https://shop.example/u/{n}>"
            message.set_content("Good morning é\n" * 200)
            message.add_alternative(
                html.replace("{{ customer.first_name or 'you' }}", f"Zoé{n}"), subtype="html"
            )
            server.send_message(message)
        return mails / (time.perf_counter() - began)


def smtp_source(mails: int) -> float | None:
    """Postfix's own load generator into the same sink, eight connections; None where it is not installed."""
    program = shutil.which("smtp-source") or shutil.which("smtp-source", path="/usr/sbin")
    if program is None:
        return None
    with SinkProcess() as sink:
        began = time.perf_counter()
        subprocess.run(
            [
                program,
                "-s",
                "8",
                "-m",
                str(mails),
                "-l",
                "30000",
                "-f",
                "a@shop.example",
                "-t",
                "b@shop.example",
                f"inet:127.0.0.1:{sink.port}",
            ],
            check=True,
        )
        return mails / (time.perf_counter() - began)


def told(course: Course, result: dict[str, float]) -> str:
    """The conditions of a run, in words."""
    far = f" to a relay {course.away * 1000:.0f} ms away" if course.away else ""
    signed = ", signed (RSA 2048)" if course.is_signed else ""
    return (
        f"{course.mails} mails of {len(source()) // 1000} KB{signed}{far}, {course.processes} processes of "
        f"{course.connections} connections, ledger and journal; "
        f"{result['cpu_per_1000'] * 1000:.0f} µs of processor a mail; {machine()}"
    )


def main() -> None:
    reference = obvious(min(300, MAILS))
    for bench, course in (
        ("send, signed", Course(is_signed=True)),
        ("send, relay 20 ms away", Course(away=0.02, connections=64)),
    ):
        with tempfile.TemporaryDirectory() as name:
            result = ours(Path(name), course)
            report(
                bench,
                result["per_second"],
                "mails/s",
                reference="EmailMessage + smtplib, unsigned and near by",
                reference_value=reference,
                memory_mb=result["mb"],
                conditions=told(course, result),
            )
    with tempfile.TemporaryDirectory() as name:
        result = ours(Path(name))
        conditions = told(Course(), result)
        report(
            "send",
            result["per_second"],
            "mails/s",
            reference="EmailMessage + smtplib",
            reference_value=reference,
            memory_mb=result["mb"],
            conditions=conditions,
        )
        postfix = smtp_source(MAILS)
        if postfix is not None:
            report(
                "send",
                result["per_second"],
                "mails/s",
                reference="smtp-source",
                reference_value=postfix,
                memory_mb=result["mb"],
                conditions=conditions,
            )


if __name__ == "__main__":
    main()
