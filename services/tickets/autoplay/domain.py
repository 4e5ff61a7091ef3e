"""The life of an AutoPlay: one total table of states and events, and its application to many in order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from services.tickets.autoplay.schedule import Draw, Schedule

PaymentMethod = Literal["balance", "card"]


class State(StrEnum):
    """Where an AutoPlay stands. While it is `retrying` it goes on with further draws."""

    ACTIVE = "active"
    RETRYING = "retrying"
    PAUSED = "paused"
    PAYMENT_FAILED = "payment_failed"
    CANCELLED = "cancelled"


RUNNING = (State.ACTIVE, State.RETRYING)


class Event(StrEnum):
    """What can happen to an AutoPlay after it was created."""

    CHANGED = "changed"
    PAUSED = "paused"
    RESUMED = "resumed"
    PAUSE_ELAPSED = "pause_elapsed"
    SKIPPED = "skipped"
    RAN = "ran"
    NOT_RUN = "not_run"
    PAYMENT_CONFIRMED = "payment_confirmed"
    PAYMENT_REFUSED = "payment_refused"
    PAYMENTS_SETTLED = "payments_settled"
    PAYMENT_FAILED = "payment_failed"
    CANCELLED = "cancelled"


class Ignored(StrEnum):
    """Why an event changes nothing."""

    NOT_RUNNING = "not_running"
    NOT_PAUSED = "not_paused"
    NOT_RETRYING = "not_retrying"


class Refused(StrEnum):
    """Why a request is refused; the code that its sender gets."""

    NOT_PAUSED = "autoplay_not_paused"
    PAUSED = "autoplay_paused"
    CANCELLED = "autoplay_cancelled"


Decision = State | Ignored | Refused

# What has been bought is settled in every state: an outcome is noted wherever the AutoPlay has got to by then.
TRANSITIONS: Mapping[State, Mapping[Event, Decision]] = {
    State.ACTIVE: {
        Event.CHANGED: State.ACTIVE,
        Event.PAUSED: State.PAUSED,
        Event.RESUMED: Refused.NOT_PAUSED,
        Event.PAUSE_ELAPSED: Ignored.NOT_PAUSED,
        Event.SKIPPED: State.ACTIVE,
        Event.RAN: State.ACTIVE,
        Event.NOT_RUN: State.ACTIVE,
        Event.PAYMENT_CONFIRMED: State.ACTIVE,
        Event.PAYMENT_REFUSED: State.RETRYING,
        Event.PAYMENTS_SETTLED: Ignored.NOT_RETRYING,
        Event.PAYMENT_FAILED: State.PAYMENT_FAILED,
        Event.CANCELLED: State.CANCELLED,
    },
    State.RETRYING: {
        Event.CHANGED: State.RETRYING,
        Event.PAUSED: State.PAUSED,
        Event.RESUMED: Refused.NOT_PAUSED,
        Event.PAUSE_ELAPSED: Ignored.NOT_PAUSED,
        Event.SKIPPED: State.RETRYING,
        Event.RAN: State.RETRYING,
        Event.NOT_RUN: State.RETRYING,
        Event.PAYMENT_CONFIRMED: State.RETRYING,
        Event.PAYMENT_REFUSED: State.RETRYING,
        Event.PAYMENTS_SETTLED: State.ACTIVE,
        Event.PAYMENT_FAILED: State.PAYMENT_FAILED,
        Event.CANCELLED: State.CANCELLED,
    },
    State.PAUSED: {
        Event.CHANGED: State.PAUSED,
        Event.PAUSED: State.PAUSED,
        Event.RESUMED: State.ACTIVE,
        Event.PAUSE_ELAPSED: State.ACTIVE,
        Event.SKIPPED: Refused.PAUSED,
        Event.RAN: Ignored.NOT_RUNNING,
        Event.NOT_RUN: State.PAUSED,
        Event.PAYMENT_CONFIRMED: State.PAUSED,
        Event.PAYMENT_REFUSED: State.PAUSED,
        Event.PAYMENTS_SETTLED: Ignored.NOT_RETRYING,
        Event.PAYMENT_FAILED: State.PAYMENT_FAILED,
        Event.CANCELLED: State.CANCELLED,
    },
    State.PAYMENT_FAILED: {
        Event.CHANGED: State.PAYMENT_FAILED,
        Event.PAUSED: State.PAUSED,
        Event.RESUMED: State.ACTIVE,
        Event.PAUSE_ELAPSED: Ignored.NOT_PAUSED,
        Event.SKIPPED: Refused.PAUSED,
        Event.RAN: Ignored.NOT_RUNNING,
        Event.NOT_RUN: State.PAYMENT_FAILED,
        Event.PAYMENT_CONFIRMED: State.PAYMENT_FAILED,
        Event.PAYMENT_REFUSED: State.PAYMENT_FAILED,
        Event.PAYMENTS_SETTLED: Ignored.NOT_RETRYING,
        Event.PAYMENT_FAILED: State.PAYMENT_FAILED,
        Event.CANCELLED: State.CANCELLED,
    },
    State.CANCELLED: {
        Event.CHANGED: Refused.CANCELLED,
        Event.PAUSED: Refused.CANCELLED,
        Event.RESUMED: Refused.CANCELLED,
        Event.PAUSE_ELAPSED: Ignored.NOT_PAUSED,
        Event.SKIPPED: Refused.CANCELLED,
        Event.RAN: Ignored.NOT_RUNNING,
        Event.NOT_RUN: State.CANCELLED,
        Event.PAYMENT_CONFIRMED: State.CANCELLED,
        Event.PAYMENT_REFUSED: State.CANCELLED,
        Event.PAYMENTS_SETTLED: Ignored.NOT_RETRYING,
        Event.PAYMENT_FAILED: State.CANCELLED,
        Event.CANCELLED: Refused.CANCELLED,
    },
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What is bought, and when: `games` tickets of the offer for each draw that the schedule plays.

    `spending_limit` is in minor units, for a calendar month. Without a `time_zone` the customer's counts.
    """

    lottery: str
    offer_id: str
    games: int
    schedule: Schedule
    payment_method: PaymentMethod
    spending_limit: int | None = None
    time_zone: str | None = None

    def anchored(self, draw: Draw) -> "Terms":
        """The same, with a schedule that counts from this draw when it did not say from which."""
        return replace(self, schedule=self.schedule.anchored(draw))


@dataclass(frozen=True, slots=True)
class Autoplay:
    """An AutoPlay as it stands. `version` grows with every entry of its timeline.

    `running_since` is when it last began to run, or to run on these terms: draws closed before are none of its own.
    `resume_at` is the end of a pause that has one; `code` and `reason` say why it does not run.
    """

    autoplay_id: str
    customer_id: str
    terms: Terms
    state: State
    version: int
    created_at: datetime
    running_since: datetime
    resume_at: datetime | None = None
    code: str | None = None
    reason: str | None = None

    @property
    def runs(self) -> bool:
        """Whether it buys draws: active, or with a payment that is tried again."""
        return self.state in RUNNING


@dataclass(frozen=True, slots=True)
class Fact:
    """What happened, when, and by whom; which draw and which order it is about, if any, and why.

    `resume_at` is the end of a pause, `terms` are those after a change. `retrying` says of what runs again that a
    payment is to be tried again.
    """

    event: Event
    at: datetime
    actor: str
    code: str | None = None
    reason: str | None = None
    draw_number: int | None = None
    order_id: str | None = None
    resume_at: datetime | None = None
    terms: Terms | None = None
    retrying: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """An AutoPlay after a fact: one entry of its timeline."""

    autoplay: Autoplay
    fact: Fact
    before: Autoplay

    @property
    def changed(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What somebody made different, before and after; the status is the entry's own."""
        if self.fact.event not in {Event.CHANGED, Event.PAUSED}:
            return {}, {}
        before, after = shown(self.before), shown(self.autoplay)
        names = [name for name in after if name != "status" and before[name] != after[name]]
        return {name: before[name] for name in names}, {name: after[name] for name in names}


def shown(autoplay: Autoplay) -> dict[str, Any]:
    """What people can change of an AutoPlay, under the names that HTTP has for it."""
    terms = autoplay.terms
    schedule = terms.schedule
    return {
        "status": autoplay.state.value,
        "resumes_at": autoplay.resume_at,
        "lottery": terms.lottery,
        "offer_id": terms.offer_id,
        "games": terms.games,
        "schedule": {
            "cadence": schedule.cadence.value,
            "weekdays": [day.value for day in schedule.weekdays],
            "every": schedule.every,
            "first_draw_number": schedule.first_draw_number,
            "day_of_month": schedule.day_of_month,
        },
        "payment_method": terms.payment_method,
        "spending_limit": terms.spending_limit,
        "time_zone": terms.time_zone,
    }


def apply(autoplay: Autoplay, fact: Fact) -> Autoplay | Ignored | Refused:
    """The AutoPlay after the fact, by the table, or why there is none."""
    decision = TRANSITIONS[autoplay.state][fact.event]
    if not isinstance(decision, State):
        return decision
    if fact.retrying and decision is State.ACTIVE:
        decision = State.RETRYING
    after = replace(autoplay, state=decision, version=autoplay.version + 1, terms=fact.terms or autoplay.terms)
    if fact.event in {Event.RESUMED, Event.PAUSE_ELAPSED, Event.CHANGED}:
        after = replace(after, running_since=fact.at)
    if decision in RUNNING:
        return replace(after, resume_at=None, code=None, reason=None)
    if decision is not autoplay.state or fact.event is Event.PAUSED:
        code = fact.event if fact.event is Event.PAYMENT_FAILED else fact.code or fact.event
        return replace(after, resume_at=fact.resume_at, code=code, reason=fact.reason)
    return after


class Changes:
    """AutoPlays whose customers are locked, and what becomes of them as facts are applied one after the other."""

    def __init__(self, autoplays: Iterable[Autoplay]) -> None:
        self._autoplays = {autoplay.autoplay_id: autoplay for autoplay in autoplays}
        self.made: list[Entry] = []

    def autoplay(self, autoplay_id: str) -> Autoplay:
        """The AutoPlay as it stands now."""
        return self._autoplays[autoplay_id]

    def all(self) -> list[Autoplay]:
        """All of them as they stand now."""
        return list(self._autoplays.values())

    def apply(self, autoplay_id: str, fact: Fact) -> Entry | Ignored | Refused:
        """Apply a fact to one of them by the table."""
        before = self._autoplays[autoplay_id]
        after = apply(before, fact)
        if not isinstance(after, Autoplay):
            return after
        self._autoplays[autoplay_id] = after
        entry = Entry(after, fact, before)
        self.made.append(entry)
        return entry
