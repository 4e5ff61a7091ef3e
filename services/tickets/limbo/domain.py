"""What an agent can do about a ticket in limbo, and what is best done."""

from collections.abc import Mapping
from enum import StrEnum

from services.tickets.lifecycle.domain import Ticket
from services.tickets.lifecycle.table import State, TicketEvent


class Resolution(StrEnum):
    """What an agent decides: it counts as paid; cancelled, and what was charged credited; accounts decides again."""

    CONFIRM_PAID = "confirm_paid"
    CANCEL_AND_REFUND = "cancel_and_refund"
    RETRY = "retry"

    @property
    def event(self) -> TicketEvent:
        """What it means for the ticket."""
        return _EVENTS[self]


_EVENTS: Mapping[Resolution, TicketEvent] = {
    Resolution.CONFIRM_PAID: TicketEvent.RESOLVED_PAID,
    Resolution.CANCEL_AND_REFUND: TicketEvent.RESOLVED_CANCELLED,
    Resolution.RETRY: TicketEvent.RETRIED,
}

# Refusals of accounts that say that no money was taken for the ticket.
NOTHING_CHARGED = frozenset({"not_charged", "unknown_purchase"})

_TOP_UP = "Retry when the customer's balance covers the order; cancel when it will not before the draw closes."
_CLOSED = "Its draw has closed, and nobody has paid: cancel. A retry would still charge the customer."
_WHOLE = " An order of which another ticket was decided on is not retried: confirm this as paid, or cancel."
_LATE = "Accounts has not answered: see whether it runs and has dead letters, then retry."
_NO_PAYMENT = "Accounts will not book this payment: cancel, and have the customer buy again."
_BACK = "The money is back already: cancel."
_FREE = "No money was taken: cancel. Retry if the payment has been booked since."
_WON = "A prize on it was paid out, so that it cannot be cancelled: confirm it as paid."
_NO_DRAW = "Its draw is cancelled: cancel. What was charged, or still is, is credited back."
_FULL = "The account cannot take more: pay out from it, then retry."
_BY_HAND = "Accounts cannot credit this: adjust the balance there by hand if it is owed, then cancel."


def suggest(ticket: Ticket) -> tuple[Resolution, str]:
    """The action that fits why a ticket is in limbo, and advice for the agent.

    Raises:
        ValueError: the ticket is not in limbo.
    """
    if ticket.limbo is None:
        raise ValueError(f"ticket {ticket.ticket_id} is not in limbo")
    if ticket.paid_out_at is not None:
        return Resolution.CONFIRM_PAID, _WON
    code = ticket.limbo.code
    if ticket.state is State.LIMBO_REVERSAL_REFUSED:
        return _without_reversal(code)
    if ticket.draw_cancelled:
        return Resolution.CANCEL_AND_REFUND, _NO_DRAW
    if ticket.state is State.LIMBO_PAYMENT_OVERDUE:
        return Resolution.RETRY, _LATE + _WHOLE
    if code == "insufficient_balance" and not ticket.draw_closed:
        return Resolution.RETRY, _TOP_UP + _WHOLE
    return Resolution.CANCEL_AND_REFUND, _CLOSED if code == "insufficient_balance" else _NO_PAYMENT


def _without_reversal(code: str) -> tuple[Resolution, str]:
    # Nothing can be credited by hand either, so to cancel would keep the money.
    if code == "balance_limit":
        return Resolution.RETRY, _FULL
    if code == "already_reversed":
        return Resolution.CANCEL_AND_REFUND, _BACK
    return Resolution.CANCEL_AND_REFUND, _FREE if code in NOTHING_CHARGED else _BY_HAND


def was_charged(state: State, code: str) -> bool:
    """Whether money was taken for a ticket in limbo, as far as its refusal tells."""
    return state is State.LIMBO_REVERSAL_REFUSED and code not in NOTHING_CHARGED
