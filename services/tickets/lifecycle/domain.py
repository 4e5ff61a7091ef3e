"""The status of a ticket: one total table of states and events, and its application to many tickets in order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from services.tickets.orders.domain import BoughtTicket, Order


class Status(StrEnum):
    """What everybody sees of a ticket's state."""

    PURCHASED = "purchased"
    PAID = "paid"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    LIMBO = "limbo"


class State(StrEnum):
    """Where a ticket stands. What may still happen in limbo depends on how the ticket came there."""

    PURCHASED = "purchased"
    PAID = "paid"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    LIMBO_PAYMENT_REFUSED = "limbo_payment_refused"
    LIMBO_PAYMENT_OVERDUE = "limbo_payment_overdue"
    LIMBO_REVERSAL_REFUSED = "limbo_reversal_refused"

    @property
    def status(self) -> Status:
        """The status that this state is shown as."""
        return Status.LIMBO if self.startswith(Status.LIMBO) else Status(self.value)


class TicketEvent(StrEnum):
    """What can happen to a ticket after it was bought."""

    PAYMENT_CONFIRMED = "payment_confirmed"
    PAYMENT_REFUSED = "payment_refused"
    PAYMENT_OVERDUE = "payment_overdue"
    CANCELLATION_REQUESTED = "cancellation_requested"
    REVERSAL_CREDITED = "reversal_credited"
    REVERSAL_REFUSED = "reversal_refused"
    PRIZE_PAID = "prize_paid"
    # An agent's word on a ticket in limbo.
    RESOLVED_PAID = "resolved_paid"
    RESOLVED_CANCELLED = "resolved_cancelled"
    RETRIED = "retried"


class Ignored(StrEnum):
    """Why an event changes nothing: its message came late, came again, or belongs to no request."""

    PAYMENT_KNOWN = "payment_known"
    CANCELLATION_DECIDES = "cancellation_decides"
    NO_CANCELLATION = "no_cancellation"
    REVERSAL_KNOWN = "reversal_known"


class Refused(StrEnum):
    """Why a request is refused; the code that its sender gets."""

    ALREADY_CANCELLING = "ticket_already_cancelling"
    ALREADY_CANCELLED = "ticket_already_cancelled"
    IN_LIMBO = "ticket_in_limbo"
    NOT_IN_LIMBO = "ticket_not_in_limbo"
    PAID_OUT = "paid_out"


Decision = State | Ignored | Refused

# Money decides: a payment booked after it was refused or overdue makes the ticket paid, a reversal booked after it was
# refused makes it cancelled. Once a cancellation is requested only its reversal counts: the payment's result comes
# before that of the reversal, so one that comes after is the repetition of an old one.
# In limbo an agent decides: that the ticket counts as paid; that it is cancelled, at once where there is nothing that
# accounts would credit, by a new request to accounts where it may have been charged; or that accounts is asked again.
# A prize that was paid out moves nothing; from then on no request may lead to a cancellation (`_decision`).
TRANSITIONS: Mapping[State, Mapping[TicketEvent, Decision]] = {
    State.PURCHASED: {
        TicketEvent.PAYMENT_CONFIRMED: State.PAID,
        TicketEvent.PAYMENT_REFUSED: State.LIMBO_PAYMENT_REFUSED,
        TicketEvent.PAYMENT_OVERDUE: State.LIMBO_PAYMENT_OVERDUE,
        TicketEvent.CANCELLATION_REQUESTED: State.CANCELLING,
        TicketEvent.REVERSAL_CREDITED: Ignored.NO_CANCELLATION,
        TicketEvent.REVERSAL_REFUSED: Ignored.NO_CANCELLATION,
        TicketEvent.PRIZE_PAID: State.PURCHASED,
        TicketEvent.RESOLVED_PAID: Refused.NOT_IN_LIMBO,
        TicketEvent.RESOLVED_CANCELLED: Refused.NOT_IN_LIMBO,
        TicketEvent.RETRIED: Refused.NOT_IN_LIMBO,
    },
    State.PAID: {
        TicketEvent.PAYMENT_CONFIRMED: Ignored.PAYMENT_KNOWN,
        TicketEvent.PAYMENT_REFUSED: Ignored.PAYMENT_KNOWN,
        TicketEvent.PAYMENT_OVERDUE: Ignored.PAYMENT_KNOWN,
        TicketEvent.CANCELLATION_REQUESTED: State.CANCELLING,
        TicketEvent.REVERSAL_CREDITED: Ignored.NO_CANCELLATION,
        TicketEvent.REVERSAL_REFUSED: Ignored.NO_CANCELLATION,
        TicketEvent.PRIZE_PAID: State.PAID,
        TicketEvent.RESOLVED_PAID: Refused.NOT_IN_LIMBO,
        TicketEvent.RESOLVED_CANCELLED: Refused.NOT_IN_LIMBO,
        TicketEvent.RETRIED: Refused.NOT_IN_LIMBO,
    },
    State.CANCELLING: {
        TicketEvent.PAYMENT_CONFIRMED: Ignored.CANCELLATION_DECIDES,
        TicketEvent.PAYMENT_REFUSED: Ignored.CANCELLATION_DECIDES,
        TicketEvent.PAYMENT_OVERDUE: Ignored.CANCELLATION_DECIDES,
        TicketEvent.CANCELLATION_REQUESTED: Refused.ALREADY_CANCELLING,
        TicketEvent.REVERSAL_CREDITED: State.CANCELLED,
        TicketEvent.REVERSAL_REFUSED: State.LIMBO_REVERSAL_REFUSED,
        TicketEvent.PRIZE_PAID: State.CANCELLING,
        TicketEvent.RESOLVED_PAID: Refused.NOT_IN_LIMBO,
        TicketEvent.RESOLVED_CANCELLED: Refused.NOT_IN_LIMBO,
        TicketEvent.RETRIED: Refused.NOT_IN_LIMBO,
    },
    State.CANCELLED: {
        TicketEvent.PAYMENT_CONFIRMED: Ignored.CANCELLATION_DECIDES,
        TicketEvent.PAYMENT_REFUSED: Ignored.CANCELLATION_DECIDES,
        TicketEvent.PAYMENT_OVERDUE: Ignored.CANCELLATION_DECIDES,
        TicketEvent.CANCELLATION_REQUESTED: Refused.ALREADY_CANCELLED,
        TicketEvent.REVERSAL_CREDITED: Ignored.REVERSAL_KNOWN,
        TicketEvent.REVERSAL_REFUSED: Ignored.REVERSAL_KNOWN,
        TicketEvent.PRIZE_PAID: State.CANCELLED,
        TicketEvent.RESOLVED_PAID: Refused.NOT_IN_LIMBO,
        TicketEvent.RESOLVED_CANCELLED: Refused.NOT_IN_LIMBO,
        TicketEvent.RETRIED: Refused.NOT_IN_LIMBO,
    },
    State.LIMBO_PAYMENT_REFUSED: {
        TicketEvent.PAYMENT_CONFIRMED: State.PAID,
        TicketEvent.PAYMENT_REFUSED: Ignored.PAYMENT_KNOWN,
        TicketEvent.PAYMENT_OVERDUE: Ignored.PAYMENT_KNOWN,
        TicketEvent.CANCELLATION_REQUESTED: Refused.IN_LIMBO,
        TicketEvent.REVERSAL_CREDITED: Ignored.NO_CANCELLATION,
        TicketEvent.REVERSAL_REFUSED: Ignored.NO_CANCELLATION,
        TicketEvent.PRIZE_PAID: State.LIMBO_PAYMENT_REFUSED,
        TicketEvent.RESOLVED_PAID: State.PAID,
        TicketEvent.RESOLVED_CANCELLED: State.CANCELLED,
        TicketEvent.RETRIED: State.PURCHASED,
    },
    State.LIMBO_PAYMENT_OVERDUE: {
        TicketEvent.PAYMENT_CONFIRMED: State.PAID,
        TicketEvent.PAYMENT_REFUSED: State.LIMBO_PAYMENT_REFUSED,
        TicketEvent.PAYMENT_OVERDUE: Ignored.PAYMENT_KNOWN,
        TicketEvent.CANCELLATION_REQUESTED: Refused.IN_LIMBO,
        TicketEvent.REVERSAL_CREDITED: Ignored.NO_CANCELLATION,
        TicketEvent.REVERSAL_REFUSED: Ignored.NO_CANCELLATION,
        TicketEvent.PRIZE_PAID: State.LIMBO_PAYMENT_OVERDUE,
        TicketEvent.RESOLVED_PAID: State.PAID,
        TicketEvent.RESOLVED_CANCELLED: State.CANCELLING,
        TicketEvent.RETRIED: State.PURCHASED,
    },
    State.LIMBO_REVERSAL_REFUSED: {
        TicketEvent.PAYMENT_CONFIRMED: Ignored.CANCELLATION_DECIDES,
        TicketEvent.PAYMENT_REFUSED: Ignored.CANCELLATION_DECIDES,
        TicketEvent.PAYMENT_OVERDUE: Ignored.CANCELLATION_DECIDES,
        TicketEvent.CANCELLATION_REQUESTED: Refused.IN_LIMBO,
        TicketEvent.REVERSAL_CREDITED: State.CANCELLED,
        TicketEvent.REVERSAL_REFUSED: Ignored.REVERSAL_KNOWN,
        TicketEvent.PRIZE_PAID: State.LIMBO_REVERSAL_REFUSED,
        TicketEvent.RESOLVED_PAID: State.PAID,
        TicketEvent.RESOLVED_CANCELLED: State.CANCELLED,
        TicketEvent.RETRIED: State.CANCELLING,
    },
}


# What agents and jobs ask for: refused once a prize was paid out, where it would lead to a cancellation.
_REQUESTS = {TicketEvent.CANCELLATION_REQUESTED, TicketEvent.RESOLVED_CANCELLED, TicketEvent.RETRIED}


def states_shown_as(status: Status) -> list[State]:
    """The states behind a status."""
    return [state for state in State if state.status is status]


@dataclass(frozen=True, slots=True)
class Limbo:
    """Why a ticket needs an agent: `code` is stable, `reason` is for people."""

    code: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as it stands: `version` grows with each change of its own, `shown_revision` with those around it.

    These are its customer's name and the times of its draw. `paid_out_at` is when the first prize on it was paid out.
    """

    order: Order
    bought: BoughtTicket
    state: State
    version: int
    limbo: Limbo | None
    customer_name: str | None
    shown_revision: int
    paid_out_at: datetime | None = None

    @property
    def ticket_id(self) -> str:
        return self.bought.ticket_id

    @property
    def status(self) -> Status:
        return self.state.status


@dataclass(frozen=True, slots=True)
class Fact:
    """What happened, when, through which event, entry or cancellation (`cause`), and by whom.

    `code` and `reason` are there when something was refused or is overdue; `reason` alone when an agent gave one.
    """

    event: TicketEvent
    at: datetime
    cause: str
    actor: str
    code: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A ticket after a change, and the fact that changed it."""

    ticket: Ticket
    fact: Fact


class Changes:
    """Tickets whose customers are locked, and what becomes of them as facts are applied one after the other."""

    def __init__(self, tickets: Iterable[Ticket]) -> None:
        self._tickets = {ticket.ticket_id: ticket for ticket in tickets}
        self.made: list[Change] = []

    def ticket(self, ticket_id: str) -> Ticket | None:
        """The ticket as it stands now, None when it is not among these."""
        return self._tickets.get(ticket_id)

    def refusal(self, ticket_id: str, event: TicketEvent) -> Refused | None:
        """Why the table refuses an event of one of the tickets, None when it does not."""
        ticket = self._tickets[ticket_id]
        return refusal(ticket.state, event, paid_out=ticket.paid_out_at is not None)

    def apply(self, ticket_id: str, fact: Fact) -> Change | Ignored | Refused:
        """Apply a fact to one of the tickets by the table."""
        ticket = self._tickets[ticket_id]
        decision = _decision(ticket.state, fact.event, paid_out=ticket.paid_out_at is not None)
        if not isinstance(decision, State):
            return decision
        if fact.event is TicketEvent.PRIZE_PAID:
            after = replace(ticket, paid_out_at=ticket.paid_out_at or fact.at)
        else:
            after = replace(ticket, state=decision, limbo=_limbo(decision, fact))
        changed = replace(after, version=ticket.version + 1)
        self._tickets[ticket_id] = changed
        change = Change(changed, fact)
        self.made.append(change)
        return change

    def apply_to_all(self, ticket_ids: Iterable[str], fact: Fact) -> list[Change]:
        """Apply a fact to several of the tickets and return the changes that it made."""
        results = [self.apply(ticket_id, fact) for ticket_id in ticket_ids]
        return [result for result in results if isinstance(result, Change)]


def refusal(state: State, event: TicketEvent, *, paid_out: bool) -> Refused | None:
    """Why an event is refused of a ticket in this state, None when it is not. `paid_out`: it has won and was paid."""
    decision = _decision(state, event, paid_out=paid_out)
    return decision if isinstance(decision, Refused) else None


def _decision(state: State, event: TicketEvent, *, paid_out: bool) -> Decision:
    decision = TRANSITIONS[state][event]
    cancels = event in _REQUESTS and decision in {State.CANCELLING, State.CANCELLED}
    return Refused.PAID_OUT if cancels and paid_out else decision


def _limbo(state: State, fact: Fact) -> Limbo | None:
    if state.status is not Status.LIMBO:
        return None
    if fact.code is None or fact.reason is None:
        raise ValueError(f"{fact.event} leads to limbo and does not say why")
    return Limbo(fact.code, fact.reason, fact.at)
