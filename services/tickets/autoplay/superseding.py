"""What becomes of the refused tickets of an order when its draw is bought again."""

from collections.abc import Sequence

from services.tickets.autoplay.runs import Run
from services.tickets.lifecycle.domain import ACTOR, Changes, Fact
from services.tickets.lifecycle.store import save_changes, tickets_of_orders
from services.tickets.lifecycle.table import TicketEvent
from shared.db import Connection


async def supersede(connection: Connection, bought_again: Sequence[tuple[Run, Run]]) -> None:
    """Cancel the tickets of the orders before, given as (before, after): nobody can have them paid as well.

    They are in limbo because accounts refused them, so there is nothing to credit; their customers are locked.
    """
    successors = {before.order_id: after for before, after in bought_again}
    orders = [(before.customer_id, before.order_id or "") for before, _ in bought_again]
    tickets = await tickets_of_orders(connection, orders)
    changes = Changes(tickets)
    for ticket in tickets:
        after = successors[ticket.order.order_id]
        reason = f"Bought again as order {after.order_id}"
        fact = Fact(TicketEvent.RESOLVED_CANCELLED, after.at, cause=after.order_id or "", actor=ACTOR, reason=reason)
        changes.apply(ticket.ticket_id, fact)
    await save_changes(connection, changes.made)
