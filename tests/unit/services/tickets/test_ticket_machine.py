"""Tickets of one order driven by accounts, agents and the clock in any order, beside a plain model of money owed.

The model knows nothing of the status table: it keeps what accounts said and asked, and what may never happen.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.tickets.lifecycle.domain import Change, Changes, Fact, Ticket
from services.tickets.lifecycle.table import Refused, State, Status, TicketEvent
from services.tickets.limbo.domain import Resolution, suggest
from tests.unit.services.tickets.test_lifecycle_domain import ticket

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
NAMES = st.sampled_from(["t1", "t2", "t3"])


@dataclass
class Story:
    """What happened to one ticket, as its agent remembers it."""

    asked_back: int = 0
    given_back: bool = False
    ended_by_agent: bool = False
    versions: list[int] = field(default_factory=list)


class Tickets(RuleBasedStateMachine):
    """Three tickets of one order."""

    def __init__(self) -> None:
        super().__init__()
        self.minute = 0
        self.changes = Changes([])
        self.stories: dict[str, Story] = {}

    @initialize()
    def buy(self) -> None:
        self.changes = Changes([ticket(name) for name in ("t1", "t2", "t3")])
        self.stories = {name: Story() for name in ("t1", "t2", "t3")}

    def happen(self, name: str, event: TicketEvent) -> Change | object:
        self.minute += 1
        fact = Fact(event, START + timedelta(minutes=self.minute), f"cause-{self.minute}", "tests", "code", "why")
        result = self.changes.apply(name, fact)
        if isinstance(result, Change):
            self.stories[name].versions.append(result.ticket.version)
        return result

    def now(self, name: str) -> Ticket:
        found = self.changes.ticket(name)
        assert found is not None
        return found

    @rule(event=st.sampled_from(["payment_confirmed", "payment_refused", "payment_overdue"]))
    def payment(self, event: str) -> None:
        """The order's payment, for all its tickets: it never touches what is being cancelled or was."""
        before = {name: self.now(name).state for name in self.stories}
        for name in self.stories:
            self.happen(name, TicketEvent(event))
        for name, state in before.items():
            if state in {State.CANCELLING, State.CANCELLED, State.LIMBO_REVERSAL_REFUSED}:
                assert self.now(name).state is state

    @rule(name=NAMES)
    def cancel(self, name: str) -> None:
        """Granted exactly to what is purchased or paid and has no prize that was paid out."""
        before = self.now(name)
        result = self.happen(name, TicketEvent.CANCELLATION_REQUESTED)
        granted = before.status in {Status.PURCHASED, Status.PAID} and before.paid_out_at is None
        assert isinstance(result, Change) == granted
        if isinstance(result, Change):
            self.stories[name].asked_back += 1
        else:
            assert isinstance(result, Refused)

    @rule(name=NAMES, credited=st.booleans())
    def reversal(self, name: str, credited: bool) -> None:  # noqa: FBT001 - hypothesis gives it by name
        """What accounts answers; without a request it has no effect."""
        event = TicketEvent.REVERSAL_CREDITED if credited else TicketEvent.REVERSAL_REFUSED
        result = self.happen(name, event)
        if isinstance(result, Change):
            assert self.stories[name].asked_back > 0
            if credited:
                assert not self.stories[name].given_back
                self.stories[name].given_back = True

    @rule(name=NAMES, resolution=st.sampled_from(Resolution))
    def resolve(self, name: str, resolution: Resolution) -> None:
        """Granted exactly to what is in limbo, and it is in limbo no more; nothing that was paid out is cancelled."""
        before = self.now(name)
        result = self.happen(name, resolution.event)
        if result is Refused.PAID_OUT:
            assert before.paid_out_at is not None
            assert resolution is not Resolution.CONFIRM_PAID
            return
        assert isinstance(result, Change) == (before.status is Status.LIMBO)
        if isinstance(result, Change):
            assert result.ticket.limbo is None
            self.stories[name].asked_back += result.ticket.state is State.CANCELLING
            self.stories[name].ended_by_agent |= result.ticket.state is State.CANCELLED
        else:
            assert result is Refused.NOT_IN_LIMBO

    @rule(name=NAMES)
    def prize(self, name: str) -> None:
        """Noted on whatever it is paid on."""
        before = self.now(name)
        assert isinstance(self.happen(name, TicketEvent.PRIZE_PAID), Change)
        assert self.now(name).state is before.state

    @invariant()
    def what_is_cancelled_has_its_money_back_or_an_agents_word(self) -> None:
        for name, story in self.stories.items():
            cancelled = self.now(name).state is State.CANCELLED
            assert cancelled == (story.given_back or story.ended_by_agent)

    @invariant()
    def every_change_is_numbered(self) -> None:
        for name, story in self.stories.items():
            assert story.versions == list(range(2, self.now(name).version + 1))

    @invariant()
    def limbo_says_why_and_what_to_do(self) -> None:
        for name in self.stories:
            found = self.now(name)
            assert (found.limbo is not None) == (found.status is Status.LIMBO)
            if found.limbo is not None:
                action, advice = suggest(found)
                assert self.changes.refusal(name, action.event) is None
                assert advice


TestTickets = pytest.mark.requirement("T3")(Tickets.TestCase)
