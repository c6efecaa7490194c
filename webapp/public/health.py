"""`/health` for a load balancer, `/metrics` for Prometheus (behind a token): figures, and nothing personal."""

import hmac

from flask import Response, abort, request
from flask.typing import ResponseReturnValue
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from campaigns.reports import Health, health
from webapp.context import runtime
from webapp.security import public_blueprint

blueprint = public_blueprint("health")


@blueprint.get("/health")
def show() -> ResponseReturnValue:
    """200 while the database answers and the clock ticks, else 503. No figures: anybody may ask this."""
    is_well = bool(figures := _figures()) and not any(alarm.name == "clock" for alarm in figures.alarms)
    return Response(
        '{"status": "ok"}\n' if is_well else '{"status": "trouble"}\n',
        200 if is_well else 503,
        mimetype="application/json",
    )


@blueprint.get("/metrics")
def metrics() -> ResponseReturnValue:
    """Gauges in Prometheus's format, for who brings `Authorization: Bearer <web.metrics_token>`."""
    token = runtime().config.web.metrics_token.get_secret_value()
    said = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not token or not hmac.compare_digest(said.encode(), token.encode()):
        abort(404)
    figures = _figures()
    if figures is None:
        abort(503)
    return Response(generate_latest(_registry(figures)), content_type=CONTENT_TYPE_LATEST)


def _figures() -> Health | None:
    try:
        with runtime().reading() as session:
            return health(session, now=runtime().clock.now())
    except Exception:  # the database is away: that is what was asked
        return None


def _registry(figures: Health) -> CollectorRegistry:
    registry = CollectorRegistry()
    queue = Gauge("liaison_messages", "Messages that wait, by state", ["state"], registry=registry)
    for state, number in figures.queue.items():
        queue.labels(state).set(number)
    tries = Gauge(
        "liaison_attempts",
        "Tries of the last 15 minutes that did not end in sent, by what became of them",
        ["outcome"],
        registry=registry,
    )
    for outcome, number in figures.attempts.items():
        tries.labels(outcome).set(number)
    gauges = {
        "liaison_oldest_due_seconds": (
            "How long the oldest queued message has been due",
            figures.oldest_due_seconds,
        ),
        "liaison_clock_lag_seconds": (
            "Since the clock's lease ended; -1 if there never was one",
            -1 if figures.clock_lag_seconds is None else figures.clock_lag_seconds,
        ),
        "liaison_senders": ("Sender processes seen within a minute", figures.senders),
        "liaison_sent_per_second": ("Messages handed over a second, now", figures.sent_per_second),
        "liaison_halted": ("1 while all sending is stopped by hand", float(figures.is_halted)),
        "liaison_sent": ("Messages handed over by the senders that live now", figures.sent_total),
        "liaison_alarms": ("Things that need a person", len(figures.alarms)),
    }
    for name, (meaning, value) in gauges.items():
        Gauge(name, meaning, registry=registry).set(value)
    return registry
