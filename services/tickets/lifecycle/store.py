"""Tickets with their order and their customer's name; their changes of state, and the timeline of these."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from services.tickets.lifecycle.domain import Change, Limbo, Ticket
from services.tickets.lifecycle.table import State
from services.tickets.orders.domain import BoughtTicket, Order, Outcome
from shared.db import Connection, columns

ORDER_COLUMNS = """o.order_id, o.customer_id, o.ordered_at, o.outcome, o.failure_reason, o.checkout_id, o.receipt_id,
    o.store_id, o.terminal_id, o.transaction_id, o.payment_method, o.payment_amount, o.currency"""
_ORDER_WIDTH = 13
# The times that a ticket was sold with count until somebody sets those of its draw.
DRAW_AT = "coalesce(d.draw_at, t.draw_at)"
_BOUGHT_COLUMNS = f"""t.ticket_id, t.position, t.lottery, t.draw_number, {DRAW_AT},
    coalesce(d.closes_at, t.draw_closes_at), t.offer_id, t.offer_label, t.price, t.autoplay_id"""
_BOUGHT_WIDTH = 10
TICKET_COLUMNS = f"""{ORDER_COLUMNS}, {_BOUGHT_COLUMNS}, t.state, t.version, t.limbo_code, t.limbo_reason,
    t.limbo_since, t.paid_out_at, d.outcome is not distinct from 'cancelled',
    coalesce(d.closes_at, t.draw_closes_at) <= now(), c.first_name, c.last_name,
    c.revision + coalesce(d.version, 0)"""
DRAWS = "left join draws d on d.lottery = t.lottery and d.draw_number = t.draw_number and d.origin = 'api'"
# What stands beside a ticket `t` in `TICKET_COLUMNS`. Pages choose their tickets before it is joined: PostgreSQL takes
# few tickets to have an order of the same customer, and would join all that fit to sort them.
BESIDE_TICKET = f"""join orders o on o.customer_id = t.customer_id and o.order_id = t.order_id
    join customers c on c.customer_id = t.customer_id
    {DRAWS}"""
# What `TICKET_COLUMNS` are selected from.
TICKETS = f"tickets t {BESIDE_TICKET}"


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One change in a ticket's life; the first one is the purchase."""

    version: int
    state: State
    event: str
    occurred_at: datetime
    recorded_at: datetime
    cause: str
    actor: str
    code: str | None
    reason: str | None


def order_of(row: Sequence[Any]) -> Order:
    """The order in `ORDER_COLUMNS`."""
    order_id, customer_id, ordered_at, outcome, *rest = row
    return Order(order_id, customer_id, ordered_at, Outcome(outcome), *rest)


def ticket_of(row: asyncpg.Record) -> Ticket:
    """The ticket in `TICKET_COLUMNS`."""
    state, version, code, reason, since, paid_out_at, draw_cancelled, draw_closed, *named, revision = row[
        _ORDER_WIDTH + _BOUGHT_WIDTH :
    ]
    return Ticket(
        order=order_of(row[:_ORDER_WIDTH]),
        bought=BoughtTicket(*row[_ORDER_WIDTH : _ORDER_WIDTH + _BOUGHT_WIDTH]),
        state=State(state),
        version=version,
        limbo=Limbo(code, reason, since) if code is not None else None,
        customer_name=full_name(*named),
        shown_revision=revision,
        paid_out_at=paid_out_at,
        draw_cancelled=draw_cancelled,
        draw_closed=draw_closed,
    )


def full_name(first_name: str | None, last_name: str | None) -> str | None:
    """The name to show, None when no part of it is known."""
    return " ".join(part for part in (first_name, last_name) if part) or None


async def tickets_by_id(connection: Connection, ticket_ids: Sequence[str]) -> list[Ticket]:
    """The tickets that exist among these ids, in no particular order."""
    rows = await connection.fetch(
        f"select {TICKET_COLUMNS} from {TICKETS} where t.ticket_id = any($1::text[])",  # noqa: S608 - constants
        ticket_ids,
    )
    return [ticket_of(row) for row in rows]


async def tickets_of_orders(connection: Connection, orders: Sequence[tuple[str, str]]) -> list[Ticket]:
    """The tickets of orders given as (customer id, order id), each order's in their place there."""
    rows = await connection.fetch(
        f"""select {TICKET_COLUMNS}
            from unnest($1::text[], $2::text[]) as asked (customer_id, order_id)
                join orders o on o.order_id = asked.order_id and o.customer_id = asked.customer_id
                join tickets t on t.customer_id = o.customer_id and t.ordered_at = o.ordered_at
                    and t.order_id = o.order_id
                join customers c on c.customer_id = t.customer_id
                {DRAWS}
            order by t.order_id, t.position""",  # noqa: S608 - constants
        *columns(orders, 2),
    )
    return [ticket_of(row) for row in rows]


async def save_changes(connection: Connection, changes: Sequence[Change]) -> None:
    """Write changes of tickets whose customers are locked: the last one to each ticket, all to the timelines.

    A version that is there already breaks the timeline's key: nobody changes a ticket behind the lock's back.
    """
    if not changes:
        return
    await connection.execute(
        """with made as (
               select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[],
                                    $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[],
                                    $13::timestamptz[], $14::timestamptz[])
                   as m (customer_id, ticket_id, version, state, event, occurred_at, cause, actor, code, reason,
                         limbo_code, limbo_reason, limbo_since, paid_out_at)),
           changed as (
               update tickets t
               set state = m.state, version = m.version, limbo_code = m.limbo_code, limbo_reason = m.limbo_reason,
                   limbo_since = m.limbo_since, paid_out_at = m.paid_out_at
               from (select distinct on (ticket_id) * from made order by ticket_id, version desc) m
               where t.ticket_id = m.ticket_id)
           insert into ticket_timeline
               (customer_id, ticket_id, version, state, event, occurred_at, cause, actor, code, reason)
           select customer_id, ticket_id, version, state, event, occurred_at, cause, actor, code, reason from made""",
        *zip(*(_columns(change) for change in changes), strict=True),
    )


def _columns(change: Change) -> tuple[Any, ...]:
    ticket, fact, limbo = change.ticket, change.fact, change.ticket.limbo
    return (
        ticket.order.customer_id,
        ticket.ticket_id,
        ticket.version,
        ticket.state,
        fact.event,
        fact.at,
        fact.cause,
        fact.actor,
        fact.code,
        fact.reason,
        limbo.code if limbo else None,
        limbo.reason if limbo else None,
        limbo.since if limbo else None,
        ticket.paid_out_at,
    )


async def was_paid(connection: Connection, ticket: Ticket) -> bool:
    """Whether the ticket was ever paid, and so announced as such, until it stood as it is given."""
    return bool(
        await connection.fetchval(
            """select exists (select 1 from ticket_timeline
                              where customer_id = $1 and ticket_id = $2 and state = 'paid'
                                and version <= $3)""",
            ticket.order.customer_id, ticket.ticket_id, ticket.version,
        )
    )  # fmt: skip


async def timeline(connection: Connection, ticket_id: str, *, before: int | None, limit: int) -> list[TimelineEntry]:
    """Changes of a ticket below the version `before`, newest first."""
    rows = await connection.fetch(
        """select version, state, event, occurred_at, recorded_at, cause, actor, code, reason
           from ticket_timeline
           where customer_id = (select customer_id from tickets where ticket_id = $1) and ticket_id = $1
             and version < coalesce($2::bigint, 9223372036854775807)
           order by version desc limit $3""",
        ticket_id, before, limit,
    )  # fmt: skip
    return [TimelineEntry(version, State(state), *rest) for version, state, *rest in rows]
