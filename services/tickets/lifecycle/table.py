"""The status of a ticket: one total table of states and events."""

from collections.abc import Mapping
from enum import StrEnum


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
    def is_limbo(self) -> bool:
        """Whether an agent has to decide."""
        return self.startswith(Status.LIMBO)

    @property
    def status(self) -> Status:
        """The status that this state is shown as."""
        return Status.LIMBO if self.is_limbo else Status(self.value)


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
    # The payment of a ticket that was cancelled because it was refused is booked all the same.
    CHARGED_LATE = "charged_late"


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
    DRAW_CANCELLED = "draw_cancelled"


Decision = State | Ignored | Refused

# Money decides: a payment booked after it was refused or overdue makes the ticket paid, a reversal booked after it was
# refused makes it cancelled. Once a cancellation is requested only its reversal counts: the payment's result comes
# before that of the reversal, so one that comes after is the repetition of an old one.
# In limbo an agent decides: that the ticket counts as paid; that it is cancelled, at once where there is nothing that
# accounts would credit, by a new request to accounts where it may have been charged; or that accounts is asked again.
# Of a cancelled ticket that accounts was never asked about, or refused as not charged, a payment that is booked late is
# asked back.
# A prize that was paid out moves nothing; from then on no request may lead to a cancellation (`decide`). When the
# draw is cancelled, none may lead to a ticket that counts as paid or has its payment asked for.
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
        TicketEvent.CHARGED_LATE: Ignored.PAYMENT_KNOWN,
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
        TicketEvent.CHARGED_LATE: Ignored.PAYMENT_KNOWN,
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
        TicketEvent.CHARGED_LATE: Ignored.CANCELLATION_DECIDES,
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
        TicketEvent.CHARGED_LATE: State.CANCELLING,
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
        TicketEvent.CHARGED_LATE: Ignored.PAYMENT_KNOWN,
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
        TicketEvent.CHARGED_LATE: Ignored.PAYMENT_KNOWN,
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
        TicketEvent.CHARGED_LATE: Ignored.CANCELLATION_DECIDES,
    },
}


# What agents and jobs ask for; all else has happened, and is taken as it is.
_REQUESTS = {
    TicketEvent.CANCELLATION_REQUESTED,
    TicketEvent.RESOLVED_PAID,
    TicketEvent.RESOLVED_CANCELLED,
    TicketEvent.RETRIED,
    TicketEvent.CHARGED_LATE,
}


def states_shown_as(status: Status) -> list[State]:
    """The states behind a status."""
    return [state for state in State if state.status is status]


def decide(state: State, event: TicketEvent, *, paid_out: bool, draw_cancelled: bool = False) -> Decision:
    """What an event leads to: by the table, unless it is a request that must be refused all the same.

    Once a prize was paid out, no request cancels the ticket. When the draw is cancelled, none keeps it as paid, or has
    its payment asked for; a prize that was paid out counts for more than that.
    """
    decision = TRANSITIONS[state][event]
    if event not in _REQUESTS:
        return decision
    if paid_out:
        return Refused.PAID_OUT if decision in {State.CANCELLING, State.CANCELLED} else decision
    if draw_cancelled and decision in {State.PAID, State.PURCHASED}:
        return Refused.DRAW_CANCELLED
    return decision
