"""Consumes prizes that were paid out: their tickets can be cancelled no more.

A prize id counts once, whatever event brings it.
"""

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


def handlers() -> list[AnyHandler]:
    """What this feature consumes. Prizes do not depend on each other, so a dead letter holds nothing up."""
    return [Handler(PrizePaid, record_prizes, ordered=False)]


async def record_prizes(batch: Batch[PrizePaid]) -> None:
    """Record the prizes and note them on their tickets, whatever the status of these; it stays as it is."""
    found = await tickets_by_id(batch.connection, sorted({event.data.ticket_id for event in batch.events}))
    tickets = {ticket.ticket_id: ticket for ticket in found}
    for event in batch.events:
        if not _is_of_owner(event, tickets):
            _set_aside(batch, event, is_known=event.data.ticket_id in tickets)
    fresh = await _record(batch, [event for event in batch.events if _is_of_owner(event, tickets)])
    changes = Changes(found)
    for event in fresh:
        changes.apply(event.data.ticket_id, _fact(event))
    await save_changes(batch.connection, changes.made)


def _is_of_owner(event: Received[PrizePaid], tickets: Mapping[str, Ticket]) -> bool:
    """Whether the ticket is on record, and is the customer's who was paid."""
    ticket = tickets.get(event.data.ticket_id)
    return ticket is not None and ticket.order.customer_id == event.key


def _set_aside(batch: Batch[PrizePaid], event: Received[PrizePaid], *, is_known: bool) -> None:
    """Let a prize wait for a ticket that is not on record yet; reject it on a ticket that is another customer's."""
    ticket_id = event.data.ticket_id
    if is_known:
        batch.reject(event, "ticket_of_another_customer", f"ticket {ticket_id} is another customer's")
    elif event.overdue:
        batch.reject(event, "ticket_unknown", f"ticket {ticket_id} did not come within {TICKET_WAIT}")
    else:
        batch.wait(event, cause_of_ticket(ticket_id), timeout=TICKET_WAIT)


async def _record(batch: Batch[PrizePaid], events: Sequence[Received[PrizePaid]]) -> list[Received[PrizePaid]]:
    """Record the prizes and return the first event of each prize that was not on record.

    A repetition changes nothing; one that names another ticket under the same prize id is rejected.
    """
    if not events:
        return []
    first: dict[tuple[str, str], Received[PrizePaid]] = {}
    for event in events:
        first.setdefault(_id_of(event), event)
    new = await store.insert_prizes(batch.connection, [_prize(event) for event in first.values()])
    again = [event for event in events if _id_of(event) not in new or first[_id_of(event)] is not event]
    if again:
        known = await store.tickets_of_prizes(batch.connection, [_prize(event) for event in again])
        for event in again:
            if known[_id_of(event)] != event.data.ticket_id:
                batch.reject(event, "prize_id_taken", "the prize id is that of a prize on another ticket")
    return [event for prize_id, event in first.items() if prize_id in new]


def _id_of(event: Received[PrizePaid]) -> tuple[str, str]:
    return event.key, event.data.prize_id


def _prize(event: Received[PrizePaid]) -> Prize:
    data = event.data
    return Prize(event.key, data.prize_id, data.ticket_id, data.amount, data.currency, data.paid_at)


def _fact(event: Received[PrizePaid]) -> Fact:
    return Fact(TicketEvent.PRIZE_PAID, event.data.paid_at, event.data.prize_id, event.source)
