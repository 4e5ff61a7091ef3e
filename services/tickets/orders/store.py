"""Orders and tickets as bought: written once, read as the order history."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import NamedTuple

from services.tickets.lifecycle.domain import Ticket
from services.tickets.lifecycle.store import (
    ORDER_COLUMNS,
    full_name,
    order_of,
    tickets_of_orders,
)
from services.tickets.orders.domain import BoughtTicket, NewOrder, Order, Outcome, contested_orders
from shared.db import Connection


@dataclass(frozen=True, slots=True)
class Purchase:
    """Where an order came from: the id and the source of the event that reported it."""

    event_id: str
    source: str


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order with its tickets as they stand."""

    order: Order
    customer_name: str | None
    tickets: Sequence[Ticket]


# The columns below follow the fields.
_order_columns = attrgetter(*(each.name for each in fields(Order)))
_bought_columns = attrgetter(*(each.name for each in fields(BoughtTicket)))


async def insert_orders(connection: Connection, orders: Sequence[Order]) -> dict[str, Order | None]:
    """Record orders of locked customers and return the ids of those that were not on record before.

    One that failed and is taken after all, when its customer has tried again, counts as new: it is returned with the
    order that failed.
    """
    # A row that is updated has an xmax. The look-up of those sees the orders as they were before the statement.
    rows = await connection.fetch(
        f"""with new as (
               insert into orders (order_id, customer_id, ordered_at, outcome, failure_reason, checkout_id, receipt_id,
                                   store_id, terminal_id, transaction_id, payment_method, payment_amount, currency)
               select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[],
                                    $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::bigint[],
                                    $13::text[])
               on conflict (order_id) do update
               set ordered_at = excluded.ordered_at, outcome = excluded.outcome,
                   failure_reason = excluded.failure_reason, checkout_id = excluded.checkout_id,
                   receipt_id = excluded.receipt_id, store_id = excluded.store_id,
                   terminal_id = excluded.terminal_id, transaction_id = excluded.transaction_id,
                   payment_method = excluded.payment_method, payment_amount = excluded.payment_amount,
                   currency = excluded.currency
               where orders.outcome = 'failed' and excluded.outcome = 'completed'
                 and orders.customer_id = excluded.customer_id
               returning order_id, xmax <> 0 as was_there)
           select new.order_id, failed.*
           from new left join lateral (
               select {ORDER_COLUMNS} from orders o
               where new.was_there and o.order_id = new.order_id offset 0) failed on true""",  # noqa: S608 - constants
        *zip(*(_order_columns(order) for order in orders), strict=True),
    )
    return {new: order_of(failed) if failed[0] is not None else None for new, *failed in rows}


async def insert_tickets(connection: Connection, orders: Sequence[NewOrder]) -> list[NewOrder]:
    """Record the tickets of new orders. Orders that want a ticket id of another order are deleted and returned."""
    lost: list[NewOrder] = []
    pending = list(orders)
    while pending:
        if await _try_tickets(connection, pending) == sum(len(new.tickets) for new in pending):
            break
        holders = await _holders(connection, pending)
        lost_now, again = contested_orders(pending, holders)
        await _undo_tickets(connection, [*lost_now, *again])
        lost += lost_now
        pending = again
    if lost:
        await connection.execute(
            "delete from orders where order_id = any($1::text[])", [new.order.order_id for new in lost]
        )
    return lost


async def _try_tickets(connection: Connection, orders: Iterable[NewOrder]) -> int:
    rows = [
        (new.order.order_id, new.order.customer_id, new.order.ordered_at, *_bought_columns(ticket))
        for new in orders
        for ticket in new.tickets
    ]
    tag = await connection.execute(
        """insert into tickets (order_id, customer_id, ordered_at, ticket_id, position, lottery, draw_number, draw_at,
                                draw_closes_at, offer_id, offer_label, price, autoplay_id)
           select order_id, customer_id, ordered_at, ticket_id, position, lottery, draw_number, draw_at,
                  draw_closes_at, offer_id, offer_label, price, autoplay_id
           from unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::int[], $6::text[], $7::bigint[],
                       $8::timestamptz[], $9::timestamptz[], $10::text[], $11::text[], $12::bigint[], $13::text[])
               with ordinality as bought (order_id, customer_id, ordered_at, ticket_id, position, lottery,
                   draw_number, draw_at, draw_closes_at, offer_id, offer_label, price, autoplay_id, n)
           order by n
           on conflict do nothing""",
        *zip(*rows, strict=True),
    )
    return int(tag.rpartition(" ")[2])


async def _undo_tickets(connection: Connection, orders: Iterable[NewOrder]) -> None:
    rows = [(new.order.order_id, ticket.ticket_id) for new in orders for ticket in new.tickets]
    await connection.execute(
        """delete from tickets t using unnest($1::text[], $2::text[]) as undone (order_id, ticket_id)
           where t.ticket_id = undone.ticket_id and t.order_id = undone.order_id""",
        *zip(*rows, strict=True),
    )


async def _holders(connection: Connection, orders: Iterable[NewOrder]) -> dict[str, str]:
    rows = await connection.fetch(
        "select ticket_id, order_id from tickets where ticket_id = any($1::text[])",
        [ticket.ticket_id for new in orders for ticket in new.tickets],
    )
    return {row[0]: row[1] for row in rows}


async def start_timelines(connection: Connection, orders: Sequence[tuple[NewOrder, Purchase]]) -> None:
    """Write the first entry of each new ticket's timeline."""
    rows = [
        (new.order.customer_id, ticket.ticket_id, new.order.ordered_at, purchase.event_id, purchase.source)
        for new, purchase in orders
        for ticket in new.tickets
    ]
    if not rows:
        return
    await connection.execute(
        """insert into ticket_timeline
               (customer_id, ticket_id, version, state, event, occurred_at, cause, actor)
           select customer_id, ticket_id, 1, 'purchased', 'purchased', occurred_at, cause, actor
           from unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[])
               as bought (customer_id, ticket_id, occurred_at, cause, actor)""",
        *zip(*rows, strict=True),
    )


class Recorded(NamedTuple):
    """What an order keeps for ever; the amount is in minor units of `currency`."""

    customer_id: str
    outcome: Outcome
    payment_amount: int
    currency: str


async def orders_on_record(connection: Connection, order_ids: Sequence[str]) -> dict[str, Recorded]:
    """Those of the orders that are on record."""
    rows = await connection.fetch(
        """select order_id, customer_id, outcome, payment_amount, currency
           from orders where order_id = any($1::text[])""",
        order_ids,
    )
    return {row[0]: Recorded(row[1], Outcome(row[2]), row[3], row[4]) for row in rows}


async def order(connection: Connection, order_id: str) -> OrderView | None:
    """An order with its tickets, None when there is none of that id."""
    row = await connection.fetchrow(
        f"""select {ORDER_COLUMNS}, c.first_name, c.last_name
            from orders o join customers c on c.customer_id = o.customer_id
            where o.order_id = $1""",  # noqa: S608 - constants
        order_id,
    )
    if row is None:
        return None
    *columns, first_name, last_name = row
    found = order_of(columns)
    tickets = await tickets_of_orders(connection, [(found.customer_id, order_id)])
    return OrderView(found, full_name(first_name, last_name), tickets)
