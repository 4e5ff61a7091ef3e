"""The status table: total, and equal to a plain model of what money and agents do to a ticket."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tickets.cancellations.api import REFUSALS
from services.tickets.cancellations.domain import TooLate
from services.tickets.lifecycle.domain import Change, Changes, Fact, Ticket
from services.tickets.lifecycle.table import TRANSITIONS, Ignored, Refused, State, Status, TicketEvent, states_shown_as
from services.tickets.orders.domain import BoughtTicket, Order, Outcome

pytestmark = pytest.mark.requirement("T3")

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
RESOLUTIONS = {TicketEvent.RESOLVED_PAID, TicketEvent.RESOLVED_CANCELLED, TicketEvent.RETRIED}
CANCELS = {State.CANCELLING, State.CANCELLED}
REQUESTS = {TicketEvent.CANCELLATION_REQUESTED, *RESOLUTIONS}
EVENTS = st.lists(st.sampled_from(TicketEvent), max_size=12)
# A late charge is asked back only where no reversal was asked for before, as of what an agent cancelled in limbo.
_OF_AGENTS = {*RESOLUTIONS, TicketEvent.CHARGED_LATE}
UNRESOLVED = st.lists(st.sampled_from([event for event in TicketEvent if event not in _OF_AGENTS]), max_size=12)


def ticket(ticket_id: str = "t1", state: State = State.PURCHASED) -> Ticket:
    order = Order("o1", "c1", NOON, Outcome.COMPLETED, None, "chk", None, None, None, "txn", "card", 1000, "AUD")
    bought = BoughtTicket(ticket_id, 0, "Lotto", 1, NOON, NOON, "book", "a book", 1000, None)
    return Ticket(order, bought, state, version=1, limbo=None, customer_name=None, shown_revision=0)


def fact(event: TicketEvent, minute: int = 0) -> Fact:
    return Fact(event, NOON + timedelta(minutes=minute), f"cause-{minute}", "tests", code=str(event), reason="because")


@dataclass
class Model:
    """A ticket told as two stories: its payment, which an agent's request ends, and its reversal."""

    payment: str = "open"
    reversal: str = "none"
    paid_out: bool = False

    def happens(self, event: TicketEvent) -> None:
        if event is TicketEvent.PRIZE_PAID:
            self.paid_out = True
        elif event in RESOLUTIONS:
            if self.status is Status.LIMBO:
                self._resolve(event)
        elif event is TicketEvent.CANCELLATION_REQUESTED:
            if self.reversal == "none" and self.payment in {"open", "confirmed"} and not self.paid_out:
                self.reversal = "requested"
        elif event is TicketEvent.CHARGED_LATE:
            if self.status is Status.CANCELLED and not self.paid_out:
                self.reversal = "requested"
        elif event in {TicketEvent.REVERSAL_CREDITED, TicketEvent.REVERSAL_REFUSED}:
            self._reverse(credited=event is TicketEvent.REVERSAL_CREDITED)
        elif self.reversal == "none":
            self._pay(event.removeprefix("payment_"))

    def _resolve(self, event: TicketEvent) -> None:
        """What an agent says: nothing is left to credit after a refusal; an overdue payment may have been taken."""
        if event is TicketEvent.RESOLVED_PAID:
            self.payment, self.reversal = "confirmed", "none"
        elif self.paid_out and (event is TicketEvent.RESOLVED_CANCELLED or self.reversal == "refused"):
            return
        elif event is TicketEvent.RESOLVED_CANCELLED:
            self.reversal = "requested" if (self.payment, self.reversal) == ("overdue", "none") else "credited"
        elif self.reversal == "refused":
            self.reversal = "requested"
        else:
            self.payment = "open"

    def _reverse(self, *, credited: bool) -> None:
        if credited and self.reversal in {"requested", "refused"}:
            self.reversal = "credited"
        elif not credited and self.reversal == "requested":
            self.reversal = "refused"

    def _pay(self, result: str) -> None:
        strength = ["open", "overdue", "refused", "confirmed"]
        self.payment = max(self.payment, result, key=strength.index)

    @property
    def status(self) -> Status:
        if self.reversal != "none":
            reversals = {"requested": Status.CANCELLING, "credited": Status.CANCELLED, "refused": Status.LIMBO}
            return reversals[self.reversal]
        return {"open": Status.PURCHASED, "confirmed": Status.PAID}.get(self.payment, Status.LIMBO)


def test_the_table_is_total() -> None:
    assert {(state, event) for state in TRANSITIONS for event in TRANSITIONS[state]} == set(product(State, TicketEvent))


def test_every_state_can_be_reached_and_cancelled_is_only_left_for_a_late_charge() -> None:
    reached = {State.PURCHASED}
    for _ in State:
        reached |= {to for state in reached for to in TRANSITIONS[state].values() if isinstance(to, State)}
    assert reached == set(State)
    left = {
        event for event, to in TRANSITIONS[State.CANCELLED].items() if to not in {*Ignored, *Refused, State.CANCELLED}
    }
    assert left == {TicketEvent.CHARGED_LATE}


def test_only_an_agents_request_is_refused_and_each_refusal_has_a_problem() -> None:
    for state, event in product(State, TicketEvent):
        if event not in REQUESTS:
            assert not isinstance(TRANSITIONS[state][event], Refused)
        else:
            assert not isinstance(TRANSITIONS[state][event], Ignored)
    assert all(problem.code == code.value for code, problem in REFUSALS.items())
    assert {*REFUSALS, Refused.NOT_IN_LIMBO, Refused.DRAW_CANCELLED} == {*Refused, *TooLate}


@pytest.mark.parametrize(
    ("state", "event", "expected"),
    [
        (State.PURCHASED, TicketEvent.PAYMENT_CONFIRMED, State.PAID),
        (State.PURCHASED, TicketEvent.PAYMENT_REFUSED, State.LIMBO_PAYMENT_REFUSED),
        (State.PURCHASED, TicketEvent.PAYMENT_OVERDUE, State.LIMBO_PAYMENT_OVERDUE),
        (State.PURCHASED, TicketEvent.CANCELLATION_REQUESTED, State.CANCELLING),
        (State.PAID, TicketEvent.CANCELLATION_REQUESTED, State.CANCELLING),
        (State.PAID, TicketEvent.PAYMENT_OVERDUE, Ignored.PAYMENT_KNOWN),
        (State.CANCELLING, TicketEvent.REVERSAL_CREDITED, State.CANCELLED),
        (State.CANCELLING, TicketEvent.REVERSAL_REFUSED, State.LIMBO_REVERSAL_REFUSED),
        (State.CANCELLING, TicketEvent.CANCELLATION_REQUESTED, Refused.ALREADY_CANCELLING),
        (State.CANCELLED, TicketEvent.CANCELLATION_REQUESTED, Refused.ALREADY_CANCELLED),
        (State.LIMBO_PAYMENT_OVERDUE, TicketEvent.PAYMENT_CONFIRMED, State.PAID),
        # The repetition of an old confirmation must not bring a ticket back whose reversal was refused.
        (State.LIMBO_REVERSAL_REFUSED, TicketEvent.PAYMENT_CONFIRMED, Ignored.CANCELLATION_DECIDES),
        (State.LIMBO_REVERSAL_REFUSED, TicketEvent.REVERSAL_CREDITED, State.CANCELLED),
        (State.LIMBO_PAYMENT_REFUSED, TicketEvent.CANCELLATION_REQUESTED, Refused.IN_LIMBO),
    ],
)
def test_transitions(state: State, event: TicketEvent, expected: object) -> None:
    assert TRANSITIONS[state][event] is expected


@given(EVENTS)
def test_statuses_follow_the_model(events: list[TicketEvent]) -> None:
    changes, model = Changes([ticket()]), Model()
    for minute, event in enumerate(events):
        changes.apply("t1", fact(event, minute))
        model.happens(event)
        now = changes.ticket("t1")
        assert now is not None
        assert now.status is model.status


@pytest.mark.parametrize("event", sorted(RESOLUTIONS))
def test_an_agent_decides_on_what_is_in_limbo_and_on_nothing_else(event: TicketEvent) -> None:
    for state in State:
        decision = TRANSITIONS[state][event]
        if state.status is Status.LIMBO:
            assert isinstance(decision, State)
            assert decision.status is not Status.LIMBO
        else:
            assert decision is Refused.NOT_IN_LIMBO


@given(UNRESOLVED, st.data())
def test_repetitions_change_nothing(events: list[TicketEvent], data: st.DataObject) -> None:
    """A result that comes again at any later time has no further effect, as long as it came in its place before."""
    once = {TicketEvent.CANCELLATION_REQUESTED, TicketEvent.PRIZE_PAID}
    happened = [event for event in _effective(events) if event not in once]
    changes = Changes([ticket()])
    for event in _effective(events):
        changes.apply("t1", fact(event))
    before = changes.ticket("t1")
    if happened:
        changes.apply("t1", fact(data.draw(st.sampled_from(happened))))
    assert changes.ticket("t1") == before


@given(EVENTS)
def test_changes_number_themselves_and_say_why_in_limbo(events: list[TicketEvent]) -> None:
    changes = Changes([ticket()])
    for minute, event in enumerate(events):
        changes.apply("t1", fact(event, minute))
    assert [change.ticket.version for change in changes.made] == list(range(2, len(changes.made) + 2))
    for change in changes.made:
        assert (change.ticket.limbo is not None) == (change.ticket.status is Status.LIMBO)
        if change.ticket.limbo is not None:
            assert (change.ticket.limbo.since == change.fact.at) == (change.fact.event is not TicketEvent.PRIZE_PAID)


@given(EVENTS)
def test_a_ticket_whose_prize_was_paid_out_is_never_asked_back(events: list[TicketEvent]) -> None:
    changes = Changes([ticket()])
    for event in (*events, TicketEvent.PRIZE_PAID, *REQUESTS):
        before = changes.ticket("t1")
        result = changes.apply("t1", fact(event))
        assert before is not None
        if isinstance(result, Change):
            assert event not in REQUESTS or before.paid_out_at is None or result.ticket.state not in CANCELS
            assert event is not TicketEvent.PRIZE_PAID or result.ticket.state is before.state


def test_the_first_prize_counts_and_each_is_a_change() -> None:
    changes = Changes([ticket()])
    for minute in (1, 2):
        changes.apply("t1", fact(TicketEvent.PRIZE_PAID, minute))
    assert [change.ticket.paid_out_at for change in changes.made] == [NOON + timedelta(minutes=1)] * 2
    assert changes.apply("t1", fact(TicketEvent.CANCELLATION_REQUESTED)) is Refused.PAID_OUT


def test_a_fact_applies_to_each_ticket_for_itself() -> None:
    changes = Changes([ticket("t1"), ticket("t2", State.PAID), ticket("t3", State.CANCELLING)])
    made = changes.apply_to_all(["t1", "t2", "t3"], fact(TicketEvent.PAYMENT_CONFIRMED))
    assert [change.ticket.ticket_id for change in made] == ["t1"]
    assert changes.made == made


def test_limbo_without_a_reason_is_a_fault() -> None:
    with pytest.raises(ValueError, match="payment_overdue"):
        Changes([ticket()]).apply("t1", Fact(TicketEvent.PAYMENT_OVERDUE, NOON, "cause", "tests"))


def test_each_state_is_shown_as_one_status() -> None:
    shown = [state for status in Status for state in states_shown_as(status)]
    assert sorted(shown) == sorted(State)


def _effective(events: list[TicketEvent]) -> list[TicketEvent]:
    """The events that do something, in their order."""
    changes = Changes([ticket()])
    return [event for event in events if isinstance(changes.apply("t1", fact(event)), Change)]
