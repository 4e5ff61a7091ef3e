"""What tickets says it has cancelled."""

from datetime import UTC, datetime

from services.accounts.reconciliation import store
from services.accounts.reconciliation.store import CancelledTicket
from shared.contracts import TicketCancelled
from shared.messaging import Batch


async def remember_cancelled(batch: Batch[TicketCancelled]) -> None:
    """Keep each cancellation once, for the comparison; what was never charged has no reversal to compare it with."""
    now = datetime.now(UTC)
    await store.insert_cancelled(
        batch.connection, [_cancelled(event.data, now) for event in batch.events if event.data.credited != 0]
    )


def _cancelled(data: TicketCancelled, now: datetime) -> CancelledTicket:
    return CancelledTicket(
        customer_id=data.customer_id,
        cancellation_id=data.cancellation_id,
        ticket_id=data.ticket.id,
        order_id=data.order_id,
        amount=data.ticket.price,
        currency=data.currency,
        cancelled_at=data.cancelled_at,
        received_at=now,
    )
