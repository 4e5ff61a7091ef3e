"""Consumes prizes that were paid out: their tickets can be cancelled no more."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from services.tickets.lifecycle.domain import Changes, Fact, Ticket
from services.tickets.lifecycle.store import save_changes, tickets_by_id
from services.tickets.lifecycle.table import TicketEvent
from services.tickets.orders.events import cause_of_ticket
from services.tickets.prizes import store
from services.tickets.prizes.store import Prize
from shared.contracts import PrizePaid
from shared.messaging import AnyHandler, Batch, Handler, Received

# A ticket that stays unknown for longer is a fault that somebody has to look at.
TICKET_WAIT = timedelta(days=1)


class PrizeEvents:
    """Handlers of the prizes on the topic `purchases`. A prize id counts once for ever, whatever event brings it."""

    def handlers(self) -> list[AnyHandler]:
        """Prizes do not depend on each other, so a dead letter holds nothing up."""
        return [Handler(PrizePaid, self.paid, ordered=False)]

    async def paid(self, batch: Batch[PrizePaid]) -> None:
        """Record the prizes and note them on their tickets, whatever the status of these; it stays as it is."""
        found = await tickets_by_id(batch.connection, sorted({event.data.ticket_id for event in batch.events}))
        tickets = {ticket.ticket_id: ticket for ticket in found}
        fresh = await _record(batch, [event for event in batch.events if _is_on_ticket(batch, event, tickets)])
        changes = Changes(found)
        for event in fresh:
            changes.apply(event.data.ticket_id, _fact(event))
        await save_changes(batch.connection, changes.made)


def _is_on_ticket(batch: Batch[PrizePaid], event: Received[PrizePaid], tickets: Mapping[str, Ticket]) -> bool:
    """Whether the ticket is the customer's. One that has not come is waited for; another's is rejected."""
    ticket_id = event.data.ticket_id
    ticket = tickets.get(ticket_id)
    if ticket is not None and ticket.order.customer_id == event.key:
        return True
    if ticket is not None:
        batch.reject(event, "ticket_of_another_customer", f"ticket {ticket_id} is another customer's")
    elif event.overdue:
        batch.reject(event, "ticket_unknown", f"ticket {ticket_id} did not come within {TICKET_WAIT}")
    else:
        batch.wait(event, cause_of_ticket(ticket_id), timeout=TICKET_WAIT)
    return False


async def _record(batch: Batch[PrizePaid], events: Sequence[Received[PrizePaid]]) -> list[Received[PrizePaid]]:
    """Record the prizes and return the events that are the first word of theirs.

    A repetition is let pass; one that names another ticket under the same id is rejected.
    """
    if not events:
        return []
    first = {(event.key, event.data.prize_id): event for event in reversed(events)}
    new = await store.insert_prizes(batch.connection, [_prize(event) for event in first.values()])
    fresh = {id(first[prize_id]) for prize_id in new}
    again = [event for event in events if id(event) not in fresh]
    if again:
        known = await store.tickets_of_prizes(batch.connection, [_prize(event) for event in again])
        for event in again:
            if known[_id_of(event)] != event.data.ticket_id:
                batch.reject(event, "prize_id_taken", "the prize id is that of a prize on another ticket")
    return [event for event in events if id(event) in fresh]


def _id_of(event: Received[PrizePaid]) -> tuple[str, str]:
    return event.key, event.data.prize_id


def _prize(event: Received[PrizePaid]) -> Prize:
    data = event.data
    return Prize(event.key, data.prize_id, data.ticket_id, data.amount, data.currency, data.paid_at)


def _fact(event: Received[PrizePaid]) -> Fact:
    return Fact(TicketEvent.PRIZE_PAID, event.data.paid_at, event.data.prize_id, event.source)
