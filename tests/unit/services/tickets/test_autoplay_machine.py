"""AutoPlays and their runs: the tables are total, and a machine of random doings agrees with a plain model."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.tickets.autoplay.domain import (
    RUNNING,
    TRANSITIONS,
    Autoplay,
    Changes,
    Entry,
    Event,
    Fact,
    Ignored,
    Refused,
    State,
    Terms,
)
from services.tickets.autoplay.runs import (
    RUN_TRANSITIONS,
    RetryPolicy,
    Run,
    RunEvent,
    RunState,
    order_id_of,
)
from services.tickets.autoplay.schedule import Draw, Schedule

pytestmark = pytest.mark.requirement("T7")

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TERMS = Terms("Saturday Lotto", "book-6", 1, Schedule(), "balance")
DELAYS = (timedelta(hours=1), timedelta(hours=4))


def test_the_tables_say_something_for_every_state_and_event() -> None:
    assert set(TRANSITIONS) == set(State)
    assert set(RUN_TRANSITIONS) == set(RunState)
    assert all(set(row) == set(Event) for row in TRANSITIONS.values())
    assert all(set(row) == set(RunEvent) for row in RUN_TRANSITIONS.values())


def test_what_a_person_does_is_done_or_refused_and_never_ignored() -> None:
    asked = {Event.CHANGED, Event.PAUSED, Event.RESUMED, Event.SKIPPED, Event.CANCELLED}
    for row in TRANSITIONS.values():
        for event, decision in row.items():
            assert isinstance(decision, State | (Refused if event in asked else Ignored))


def test_nothing_leads_out_of_cancelled_and_nothing_runs_there() -> None:
    assert {each for each in TRANSITIONS[State.CANCELLED].values() if isinstance(each, State)} == {State.CANCELLED}
    assert {state for state in State if isinstance(TRANSITIONS[state][Event.RAN], State)} == set(RUNNING)


def test_order_ids_follow_from_the_attempt() -> None:
    draw = Draw("Saturday Lotto", 1, NOW, NOW)
    ids = {
        order_id_of(autoplay, replace(draw, lottery=lottery, number=number), attempt)
        for autoplay in ("a1", "a2")
        for lottery in ("Saturday Lotto", "Car Draw")
        for number in (1, 2)
        for attempt in (1, 2)
    }
    assert len(ids) == 16
    assert order_id_of("a1", draw, 1) in ids
    assert max(map(len, ids)) < 50


class AutoplayMachine(RuleBasedStateMachine):
    """An AutoPlay with one draw a day. The plain model keeps words and lists, and knows nothing of the tables."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.changes = Changes([Autoplay("a1", "c1", TERMS, State.ACTIVE, 1, created_at=NOW, running_since=NOW)])
        self.policy = RetryPolicy(DELAYS)
        self.runs: dict[int, Run] = {}
        # The model: a word for the AutoPlay; for each draw its word, and what became of each attempt.
        self.word = "running"
        self.draws: dict[int, str] = {}
        self.attempts: dict[int, list[str]] = {}

    @property
    def autoplay(self) -> Autoplay:
        return self.changes.autoplay("a1")

    def happens(self, event: Event) -> bool:
        result = self.changes.apply("a1", Fact(event, self.now, "x", reason="why"))
        return isinstance(result, Entry)

    @rule(hours=st.integers(1, 20))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule()
    def somebody_pauses(self) -> None:
        assert self.happens(Event.PAUSED) == (self.word != "cancelled")
        self.word = "paused" if self.word != "cancelled" else self.word

    @rule()
    def somebody_resumes(self) -> None:
        assert self.happens(Event.RESUMED) == (self.word in {"paused", "unpaid"})
        self.word = "running" if self.word in {"paused", "unpaid"} else self.word

    @rule()
    def somebody_cancels(self) -> None:
        assert self.happens(Event.CANCELLED) == (self.word != "cancelled")
        self.word = "cancelled"
        for number, run in self.runs.items():
            self.runs[number] = run.after(RunEvent.GIVEN_UP) or run
        self.draws = {number: "failed" if word == "again" else word for number, word in self.draws.items()}

    @rule()
    def somebody_changes(self) -> None:
        assert self.happens(Event.CHANGED) == (self.word != "cancelled")

    @precondition(lambda self: self.word == "running")
    @rule()
    def a_draw_is_bought(self) -> None:
        number = len(self.runs) + 1
        draw = Draw("Saturday Lotto", number, self.now + timedelta(hours=25), self.now + timedelta(hours=24))
        assert self.happens(Event.RAN)
        self.runs[number] = Run("a1", "c1", draw, RunState.MISSED, self.now).bought(self.now, 1000, "AUD")
        self.draws[number] = "open"
        self.attempts[number] = ["open"]

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def a_payment_is_refused(self, data: st.DataObject) -> None:
        """Any attempt that is not paid, also one refused before: accounts says it again."""
        number = data.draw(st.sampled_from(sorted(self.runs)))
        attempt = data.draw(st.integers(1, len(self.attempts[number])))
        if self.attempts[number][attempt - 1] == "paid":
            return
        run = self.runs[number]
        stopped = self.autoplay.state in {State.CANCELLED, State.PAYMENT_FAILED}
        after = self.policy.refuse(run, attempt, self.now, code="x", reason="y", stopped=stopped)
        fresh = self.attempts[number][attempt - 1] == "open"
        assert (after is not None) == (fresh and self.draws[number] == "open")
        self.attempts[number][attempt - 1] = "refused"
        if after is None:
            return
        self.runs[number] = after
        again = (
            self.word in {"running", "paused"}
            and len(self.attempts[number]) <= len(DELAYS)
            and self.now + DELAYS[len(self.attempts[number]) - 1] < run.draw.closes_at
        )
        self.draws[number] = "again" if again else "failed"
        self.happens(Event.PAYMENT_REFUSED if again else Event.PAYMENT_FAILED)
        if not again and self.word != "cancelled":
            self.word = "unpaid"

    @precondition(lambda self: "again" in self.draws.values())
    @rule(data=st.data())
    def a_retry_is_due(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from([n for n, word in self.draws.items() if word == "again"]))
        run = self.runs[number]
        assert run.next_attempt_at is not None
        self.now = max(self.now, run.next_attempt_at)
        if self.now >= run.draw.closes_at:
            self.runs[number] = run.after(RunEvent.DRAW_CLOSED) or run
            self.draws[number] = "missed"
            self.settled_if_none_is_retried()
        elif self.word == "running":
            assert run.after(RunEvent.BOUGHT_AGAIN) is not None
            self.runs[number] = run.bought(self.now, 1000, "AUD")
            assert self.happens(Event.RAN)
            self.draws[number] = "open"
            self.attempts[number].append("open")

    @precondition(lambda self: "open" in self.draws.values())
    @rule(data=st.data())
    def a_payment_is_booked(self, data: st.DataObject) -> None:
        """Accounts books what it has not refused."""
        number = data.draw(st.sampled_from([n for n, word in self.draws.items() if word == "open"]))
        paid = self.runs[number].after(RunEvent.CONFIRMED)
        assert paid is not None
        self.runs[number] = paid
        assert self.happens(Event.PAYMENT_CONFIRMED)
        self.draws[number] = self.attempts[number][-1] = "paid"
        self.settled_if_none_is_retried()

    def settled_if_none_is_retried(self) -> None:
        if "again" not in self.draws.values():
            self.happens(Event.PAYMENTS_SETTLED)

    @invariant()
    def the_states_are_those_of_the_model(self) -> None:
        running = {"running": RUNNING, "paused": (State.PAUSED,), "unpaid": (State.PAYMENT_FAILED,)}
        assert self.autoplay.state in running.get(self.word, (State.CANCELLED,))
        words = {
            "open": RunState.PENDING, "again": RunState.RETRYING, "paid": RunState.PAID, "failed": RunState.FAILED,
            "missed": RunState.MISSED,
        }  # fmt: skip
        assert {n: run.state for n, run in self.runs.items()} == {n: words[word] for n, word in self.draws.items()}

    @invariant()
    def no_draw_is_paid_twice_and_only_the_refused_is_bought_again(self) -> None:
        for attempts in self.attempts.values():
            assert attempts.count("paid") <= 1
            assert set(attempts[:-1]) <= {"refused"}

    @invariant()
    def every_entry_of_the_timeline_has_the_next_number(self) -> None:
        versions = [entry.autoplay.version for entry in self.changes.made]
        assert versions == list(range(2, len(versions) + 2))

    @invariant()
    def whoever_does_not_run_says_why(self) -> None:
        assert (self.autoplay.code is None) == self.autoplay.runs


AutoplayMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestAutoplayMachine = AutoplayMachine.TestCase
