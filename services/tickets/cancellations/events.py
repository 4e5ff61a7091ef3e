"""What is published of cancellations."""

from services.tickets.cancellations.domain import Cancellation
from services.tickets.lifecycle.domain import Change
from services.tickets.lifecycle.events import purchased_ticket
from shared.contracts import TicketCancellationRequested, TicketCancelled


def cancellation_requested(cancellation: Cancellation) -> TicketCancellationRequested:
    """Asks accounts to credit the price back."""
    return TicketCancellationRequested(
        cancellation_id=cancellation.cancellation_id,
        customer_id=cancellation.customer_id,
        order_id=cancellation.order_id,
        ticket_id=cancellation.ticket_id,
        price=cancellation.amount,
        currency=cancellation.currency,
        reason=cancellation.reason,
        requested_by=cancellation.requested_by,
        requested_at=cancellation.requested_at,
    )


def ticket_cancelled(cancellation: Cancellation, change: Change, *, charged: bool = True) -> TicketCancelled:
    """Says that the ticket is no more and the price is back, unless it was never `charged`."""
    return TicketCancelled(
        cancellation_id=cancellation.cancellation_id,
        customer_id=cancellation.customer_id,
        order_id=cancellation.order_id,
        cancelled_at=change.fact.at,
        ticket=purchased_ticket(change.ticket.bought),
        currency=cancellation.currency,
        reason=cancellation.reason,
        credited=None if charged else 0,
        was_paid=False if cancellation.came_before_payment else None,
    )
