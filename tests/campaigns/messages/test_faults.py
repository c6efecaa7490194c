"""Every fault at every step of the dialogue: each recipient ends in the state that the fault calls for."""

import resource
import ssl
from collections.abc import Callable
from datetime import timedelta

import pytest
from pydantic import SecretStr

from campaigns.clock import FrozenClock
from campaigns.messages import Mailing, send_due
from campaigns.runtime import Runtime
from tests.campaigns.mail.test_smtp import certificate, tls
from tests.campaigns.messages.test_sending import HASTY, PATIENT, launch, sqlite_runtime, states, to
from tests.smtp_server import Fault, SmtpServer

__all__ = ["certificate", "sqlite_runtime", "tls"]

STEPS = ("connect", "ehlo", "starttls", "handshake", "auth", "mail", "rcpt", "data", "dot")
BROKEN = ("close", "reset", "hang", "slow", "garbage", "endless")
CODES = (421, 450, 451, 452, 550, 552, 554)
PEOPLE, TIMES = 20, 2
QUICK = {
    ("connect", "421"),
    ("ehlo", "garbage"),
    ("starttls", "450"),
    ("starttls", "close"),
    ("handshake", "hang"),
    ("handshake", "garbage"),
    ("auth", "451"),
    ("mail", "552"),
    ("rcpt", "endless"),
    ("data", "reset"),
    ("dot", "452"),
    ("dot", "garbage"),
}
"""Run in `make test`; the others in `make soak`. tests/…/test_sending.py has more of the quick ones."""

LOGIN = ("shop", "secret")
MOST_MEGABYTES = 200


def expected(step: str, act: str) -> dict[str, int]:
    """What becomes of twenty when the fault plays twice."""
    is_of_the_mail = step in ("mail", "rcpt", "data", "dot")
    if is_of_the_mail and act.startswith("5"):
        return {"sent": PEOPLE - TIMES, "failed": TIMES}
    if step == "dot" and act in ("close", "reset", "hang", "garbage", "endless"):
        return {"sent": PEOPLE - TIMES, "unknown": TIMES}
    return {"sent": PEOPLE}


@pytest.mark.parametrize(
    ("step", "act"),
    [
        pytest.param(step, act, marks=() if (step, act) in QUICK else pytest.mark.soak)
        for step in STEPS
        for act in (*BROKEN, *map(str, CODES))
    ],
)
def test_each_fault_at_each_step(
    sqlite_runtime: Runtime,
    mailing: Callable[..., Mailing],
    tls: ssl.SSLContext,
    step: str,
    act: str,
) -> None:
    said = f"{act} {act[0]}.9.9 as you asked" if act.isdecimal() else act
    needs_tls = step in ("starttls", "handshake")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with SmtpServer([Fault(step, said, times=TIMES)], login=LOGIN, tls=tls if needs_tls else None) as server:
        login = {"username": LOGIN[0], "password": SecretStr(LOGIN[1])}
        secured = {"security": "starttls" if needs_tls else "none"}
        smtp = (HASTY if act == "hang" else PATIENT).model_copy(update=login | secured)
        runtime = to(sqlite_runtime, server, smtp, connections=2, retry_first_seconds=60)
        mailing_id = launch(runtime, mailing, PEOPLE)
        assert isinstance(runtime.clock, FrozenClock)
        for _ in range(6):
            send_due(runtime)
            if not states(runtime, mailing_id).get("queued"):
                break
            runtime.clock.advance(timedelta(hours=1))
        assert states(runtime, mailing_id) == expected(step, act)
        assert len(server.recipients()) == expected(step, act)["sent"]
        assert not server.twice()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < MOST_MEGABYTES
