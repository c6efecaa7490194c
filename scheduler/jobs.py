"""One function per job: takes the runtime, opens its transactions, tells how much it did. Idempotent, in small steps.

A job asks the database what is due, so that it may come late, twice, or in two processes at once, and what it does
is done once all the same.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from campaigns import (
    customers,
    journeys,
    letters,
    messages,
    newsletters,
    runs,
    scoring,
    segments,
    signups,
    simulations,
    suggestions,
    suppression,
    tracking,
)
from campaigns.errors import LiaisonError
from campaigns.runtime import Runtime

Job = Callable[[Runtime], int]

log = logging.getLogger("liaison.clock")

KEEP_RUNS = timedelta(days=90)
PREPARE_SECONDS = 20
"""So long at most one letter's occasion is brought up to date in one tick; the next goes on."""


def launch_due(runtime: Runtime) -> int:
    """Launch every newsletter whose moment has come; returns how many messages were queued.

    One that comes hours late (Liaison was off), or cannot leave as it is, is put aside with the reason.
    """
    now = runtime.clock.now()
    with runtime.reading() as session:
        due = newsletters.due(session, now=now)
    return sum(_launch(runtime, newsletter_id) for newsletter_id in due)


def _launch(runtime: Runtime, newsletter_id: int) -> int:
    now = runtime.clock.now()
    try:
        with runtime.transaction() as session:
            newsletter = newsletters.get_newsletter(session, newsletter_id)
            span = timedelta(hours=runtime.config.sending.stale_hours)
            if because := newsletters.why_ask_first(session, newsletter, span=span, now=now):
                newsletters.put_aside(session, newsletter_id, because=because, now=now)
                return 0
            done = newsletters.launch(
                session,
                newsletter_id,
                fields=runtime.fields,
                zone=runtime.config.zone,
                sender=runtime.config.sender,
                now=now,
                policy=runtime.policy,
            )
    except LiaisonError as error:
        with runtime.transaction() as session:
            newsletters.put_aside(session, newsletter_id, because=_whole(error), now=now)
        log.warning("newsletter %d was put aside: %s", newsletter_id, error)
        return 0
    return done["queued"] if done else 0


def finish_newsletters(runtime: Runtime) -> int:
    """Call those newsletters sent of which nothing waits any more."""
    with runtime.reading() as session:
        on_their_way = newsletters.in_sending(session)
        done = [pair for pair in on_their_way if messages.is_finished(session, pair[1])]
    finished = 0
    for newsletter_id, mailing_id in done:
        with runtime.transaction() as session:
            finished += newsletters.finish(session, newsletter_id, mailing_id, now=runtime.clock.now())
    return finished


def guard_mailings(runtime: Runtime) -> int:
    """Pause what comes back too much, and say so where a person looks; returns how many newsletters were paused."""
    now = runtime.clock.now()
    with runtime.transaction() as session:
        for danger in tracking.guard_mailings(session, runtime.config.guard, now=now):
            log.warning("mailing %d paused by itself: %s", danger.mailing_id, danger.sentence)
        return newsletters.note_paused(session, now=now)


def launch_letters(runtime: Runtime) -> int:
    """Queue what the letters that are on have due: birthdays, days after purchases, each in its customer's morning."""
    with runtime.reading() as session:
        preparing = letters.that_prepare(session, runtime.occasions)
        on = letters.switched_on(session)
    for letter_id in preparing:
        _prepare_letter(runtime, letter_id)
    return sum(_launch_letter(runtime, letter_id) for letter_id in on)


def _prepare_letter(runtime: Runtime, letter_id: int) -> None:
    now, limit = runtime.clock.now(), runtime.clock.monotonic() + PREPARE_SECONDS
    is_more = 1
    while is_more and runtime.clock.monotonic() <= limit:
        try:
            with runtime.transaction() as session:
                is_more = letters.prepare(
                    session,
                    letter_id,
                    occasions=runtime.occasions,
                    fields=runtime.fields,
                    zone=runtime.config.zone,
                    now=now,
                )
        except LiaisonError as error:
            log.warning("letter %d cannot be prepared: %s", letter_id, error)
            return


def _launch_letter(runtime: Runtime, letter_id: int) -> int:
    now = runtime.clock.now()
    try:
        with runtime.reading() as session:
            letter = letters.get_letter(session, letter_id)
            if not letters.is_anybody_due(
                session, letter, occasions=runtime.occasions, zone=runtime.config.zone, now=now
            ):
                return 0
        if letters.is_for_owners(letter, runtime.occasions):
            return letters.tell_owners(runtime, letter_id)
        with runtime.transaction() as session:
            done = letters.launch_due(
                session,
                letter_id,
                occasions=runtime.occasions,
                zone=runtime.config.zone,
                sender=runtime.config.sender,
                now=now,
                policy=runtime.policy,
            )
    except LiaisonError as error:
        with runtime.transaction() as session:
            letters.stop_because(session, letter_id, _whole(error), now=now)
        log.warning("letter %d cannot leave: %s", letter_id, error)
        return 0
    return done["queued"]


def advance_journeys(runtime: Runtime) -> int:
    """Let customers into the journeys that are on, and lead on whoever's moment has come; returns how many moved."""
    with runtime.reading() as session:
        on = journeys.switched_on(session)
    return sum(_advance_journey(runtime, journey_id) for journey_id in on)


def _advance_journey(runtime: Runtime, journey_id: int) -> int:
    now, means = runtime.clock.now(), journeys.means_of(runtime)
    try:
        _let_in(runtime, journey_id, means, now)
        with runtime.reading() as session:
            ways = [
                version_id
                for version_id in journeys.versions_under_way(session, journey_id)
                if journeys.has_due(session, version_id, now=now)
            ]
        done = sum(_lead(runtime, version_id, means, now) for version_id in ways)
        with runtime.reading() as session:
            is_silent = journeys.get_journey(session, journey_id).because == ""
    except LiaisonError as error:
        because = _whole(error)
        log.warning("journey %d does not move: %s", journey_id, error)
        done, is_silent = 0, False
    else:
        because = ""
    if because or not is_silent:
        with runtime.transaction() as session:
            journeys.note(session, journey_id, because, now=now)
    return done


def _let_in(runtime: Runtime, journey_id: int, means: journeys.Means, now: datetime) -> None:
    with runtime.reading() as session:
        needs_preparing = journeys.needs_preparing(session, journey_id, means)
    if needs_preparing:
        with runtime.transaction() as session:
            journeys.prepare(session, journey_id, means, now=now)
    with runtime.reading() as session:
        if not journeys.is_anybody_at_the_door(session, journey_id, means, now=now):
            return
    with runtime.transaction() as session:
        journeys.enter_due(session, journey_id, means, now=now)


def _lead(runtime: Runtime, version_id: int, means: journeys.Means, now: datetime) -> int:
    """Batch after batch, each in a transaction of its own, so that nobody waits long for the write lock."""
    done = 0
    while True:
        with runtime.transaction() as session:
            met = journeys.advance(session, version_id, means, now=now)
        done += met
        if met < journeys.BATCH:
            return done


def send_notices(runtime: Runtime) -> int:
    """Call the webhooks that journeys left to be called; returns how many were taken."""
    settings = runtime.config.journeys
    secret = settings.webhook_secret.get_secret_value()
    if not secret:
        return 0
    manner = journeys.Manner(
        secret, settings.webhook_http, settings.webhook_private, settings.webhook_seconds
    )
    with runtime.reading() as session:
        if not journeys.has_due_notices(session, now=runtime.clock.now()):
            return 0
    with runtime.transaction() as session:
        calls = journeys.claim_notices(session, now=runtime.clock.now(), limit=10)
    taken = 0
    for call in calls:
        reply = journeys.send_notice(call, manner, now=runtime.clock.now())
        with runtime.transaction() as session:
            journeys.record_reply(session, call, reply, now=runtime.clock.now())
        taken += reply.is_taken
    return taken


def run_simulations(runtime: Runtime) -> int:
    """Play the simulations that were asked for, one after the other; returns how many were played."""
    done = 0
    while _play_next(runtime):
        done += 1
    return done


def _play_next(runtime: Runtime) -> bool:
    with runtime.reading() as session:
        if not simulations.is_any_waiting(session):
            return False
    with runtime.transaction() as session:
        asked = simulations.take(session, now=runtime.clock.now())
    if asked is None:
        return False
    now, seen = runtime.clock.now(), [0]

    def told(percent: int) -> None:
        if percent >= seen[0] + 5:
            seen[0] = percent
            with runtime.transaction() as session:
                simulations.note_progress(session, asked.id, percent, now=runtime.clock.now())

    try:
        found = simulations.play(
            runtime.database,
            runtime.config,
            journeys.means_of(runtime),
            kind=asked.kind,
            source_id=asked.source_id,
            now=now,
            days=asked.days,
            told=told,
        )
    except LiaisonError as error:
        with runtime.transaction() as session:
            simulations.fail(session, asked.id, _whole(error), now=runtime.clock.now())
        return True
    with runtime.transaction() as session:
        simulations.keep(session, asked.id, found.mails, found.summary, since=now, now=runtime.clock.now())
    return True


def ingest_hits(runtime: Runtime) -> int:
    """Read the web processes' journals of clicks and opens into events."""
    return tracking.ingest(runtime)


def read_returned_mail(runtime: Runtime) -> int:
    """What the returns listener took in becomes bounces, reports and unsubscriptions."""
    return tracking.read_spool(runtime).total()


def fetch_returned_mail(runtime: Runtime) -> int:
    """What lies in the mailbox of a provider becomes the same, if one is configured."""
    return tracking.fetch_mailbox(runtime).total()


def refresh_scores(runtime: Runtime) -> int:
    """Score anew those customers of whom something changed; everybody, without holding anybody up, the first time."""
    with runtime.reading() as session:
        is_first = scoring.refreshed_at(session) is None
    if is_first:
        return scoring.refresh_everybody(runtime.database, now=runtime.clock.now(), config=runtime.config)
    with runtime.transaction() as session:
        return scoring.refresh(session, now=runtime.clock.now(), config=runtime.config)


def refresh_all_scores(runtime: Runtime) -> int:
    """Score everybody anew, once a night: recency ages by itself."""

    def refresh(rt: Runtime) -> int:
        return scoring.refresh_everybody(rt.database, now=rt.clock.now(), config=rt.config)

    return _once_a_day(runtime, "refresh_all_scores", runtime.config.scores.full_hour, refresh)


def learn_suggestions(runtime: Runtime) -> int:
    """Learn anew which product goes with which, once a night; returns how many pairs are known."""

    def learn(rt: Runtime) -> int:
        support = rt.config.suggestions.least_support
        return suggestions.refresh(rt.database, least_support=support, now=rt.clock.now())

    return _once_a_day(runtime, "learn_suggestions", runtime.config.scores.full_hour, learn)


def count_segments(runtime: Runtime) -> int:
    """Note once a day how many are in each segment; returns how many could be counted."""

    def work(rt: Runtime) -> int:
        with rt.reading() as session:
            ids = [segment.id for segment in segments.list_segments(session)]
        return sum(_count_segment(rt, segment_id) for segment_id in ids)

    return _once_a_day(runtime, "count_segments", runtime.config.scores.full_hour, work)


def _count_segment(runtime: Runtime, segment_id: int) -> bool:
    try:
        with runtime.transaction() as session:
            segments.recount(
                session,
                segments.get_segment(session, segment_id),
                runtime.fields,
                now=runtime.clock.now(),
                zone=runtime.config.zone,
            )
    except LiaisonError as error:  # a field that it asks for is gone: its page says so
        log.info("segment %d was not counted: %s", segment_id, error)
        return False
    return True


def retire_stale(runtime: Runtime) -> int:
    """Once a day: end the last calls that silence has answered; where config lets it, begin new ones by itself."""
    rule = runtime.config.stale
    if not rule.is_on:
        return 0

    def retire(rt: Runtime) -> int:
        now = rt.clock.now()
        with rt.transaction() as session:
            count = scoring.end_sunsets(session, rule, now=now)["suppressed"]
            if rule.acts_by_itself and rule.letter_first:
                scoring.begin_sunset(session, rule, now=now)
            elif rule.acts_by_itself:
                count += scoring.retire_stale(session, rule, now=now)
        return count

    return _once_a_day(runtime, "retire_stale", runtime.config.scores.full_hour, retire)


def revive_stale(runtime: Runtime) -> int:
    """Write again to those left alone as silent who bought or gave a sign of life since."""
    now = runtime.clock.now()
    with runtime.reading() as session:  # nearly always there is nobody: no need of the write lock
        if session.execute(scoring.revived(now).limit(1)).first() is None:
            return 0
    with runtime.transaction() as session:
        return scoring.revive_stale(session, now=now)


def retire_faded(runtime: Runtime) -> int:
    """Once a day: mailboxes that are full or silent again and again are left alone (`[fading]` in config)."""

    def work(rt: Runtime) -> int:
        with rt.transaction() as session:
            return tracking.retire_faded(session, rt.config.fading, now=rt.clock.now())

    return _once_a_day(runtime, "retire_faded", runtime.config.scores.full_hour, work)


def run_imports(runtime: Runtime) -> int:
    """Go on with files that were uploaded and confirmed."""
    return customers.continue_imports(
        runtime.database,
        runtime.import_kinds,
        suppressed=suppression.suppressed_keys(),
        clock=runtime.clock,
    )


def recover_claims(runtime: Runtime) -> int:
    """Settle what senders held when they died, by their journals; what nobody knows becomes `unknown`.

    Senders do this among themselves; the clock does it, too, so that it is done while none of them lives.
    """
    count = messages.recover_journals(runtime)
    if hours := runtime.config.sending.unknown_is_sent_after_hours:
        with runtime.transaction() as session:
            older_than = timedelta(hours=hours)
            count += messages.end_unknown(session, older_than=older_than, now=runtime.clock.now())
    return count


def forget_old_runs(runtime: Runtime) -> int:
    """Delete notes on runs that nobody will ask for any more, once a day."""

    def forget(rt: Runtime) -> int:
        with rt.transaction() as session:
            return runs.forget_runs(session, before=rt.clock.now() - KEEP_RUNS)

    return _once_a_day(runtime, "forget_old_runs", 4, forget)


def _once_a_day(runtime: Runtime, schedule: str, hour: int, job: Job) -> int:
    """Run `job` once for each local day, from `hour` o'clock on; the row of the run decides who does it.

    The key is the date on the team's wall: a night with two 03:00 runs it once, and one without it, too. After a
    stop over that hour it is made up for on the same day.
    """
    now = runtime.clock.now()
    here = now.astimezone(runtime.config.zone)
    if here.hour < hour:
        return 0
    today = here.date().isoformat()
    with runtime.reading() as session:
        if runs.was_begun(session, schedule, today):
            return 0
    with runtime.transaction() as session:
        if not runs.begin_run(session, schedule, today, now=now):
            return 0
    try:
        count = job(runtime)
    except Exception as error:
        with runtime.transaction() as session:
            runs.finish_run(session, schedule, today, now=runtime.clock.now(), error=repr(error))
        raise
    with runtime.transaction() as session:
        runs.finish_run(session, schedule, today, now=runtime.clock.now(), count=count)
    return count


def _whole(error: LiaisonError) -> str:
    faults = getattr(error, "faults", {})
    return " ".join([str(error), *faults.values()])


def send_confirmations(runtime: Runtime) -> int:
    """Ask those who signed up to confirm."""
    return signups.send_confirmations(runtime) if runtime.config.signup.is_on else 0


def forget_signups(runtime: Runtime) -> int:
    """Once a day: requests that nobody confirmed leave no trace."""

    def forget(rt: Runtime) -> int:
        with rt.transaction() as session:
            return signups.forget_unconfirmed(session, now=rt.clock.now(), days=rt.config.signup.days)

    return _once_a_day(runtime, "forget_signups", 4, forget)
