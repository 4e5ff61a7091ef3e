"""Cancellations: requested, found again, settled."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import asyncpg

from services.tickets.cancellations.domain import Cancellation, CancellationState, Terms
from services.tickets.lifecycle.domain import Ticket
from services.tickets.lifecycle.table import State
from shared.db import Connection, columns

_COLUMNS = """c.cancellation_id, c.customer_id, c.ticket_id, c.order_id, c.amount, c.currency, c.reason,
    c.requested_by, c.requested_at, c.state, c.settled_at, c.entry_id, c.refusal_code, c.refusal_reason,
    c.bulk_id, c.ticket_was"""


async def customers_of_tickets(connection: Connection, ticket_ids: Sequence[str]) -> list[str]:
    """The customers whose tickets these are, in order, for the lock."""
    rows = await connection.fetch(
        "select distinct customer_id from tickets where ticket_id = any($1::text[]) order by customer_id", ticket_ids
    )
    return [row[0] for row in rows]


async def terms_of(connection: Connection, tickets: Sequence[Ticket]) -> tuple[datetime, dict[str, Terms]]:
    """The database's time, and what the draws of tickets say about cancelling them, by ticket id."""
    draws = sorted({(ticket.bought.lottery, ticket.bought.draw_number) for ticket in tickets})
    # One draw that does not exist is asked for as well: the time is needed without any ticket, too.
    rows = await connection.fetch(
        """select clock_timestamp(), asked.lottery, asked.draw_number, d.outcome, l.cancellation_window
           from unnest(array[''] || $1::text[], array[-1] || $2::bigint[]) as asked (lottery, draw_number)
               left join draws d on d.lottery = asked.lottery and d.draw_number = asked.draw_number
               left join lotteries l on l.lottery = asked.lottery""",
        *columns(draws, 2),
    )
    known = {(lottery, number): rest for _, lottery, number, *rest in rows}
    terms = {}
    for ticket in tickets:
        outcome, window = known[ticket.bought.lottery, ticket.bought.draw_number]
        terms[ticket.ticket_id] = Terms(
            closes_at=ticket.bought.draw_closes_at,
            window=window or timedelta(0),
            drawn=outcome == "drawn",
            draw_cancelled=outcome == "cancelled",
        )
    return rows[0][0], terms


async def insert_cancellations(connection: Connection, cancellations: Sequence[Cancellation]) -> None:
    """Record new requests."""
    if not cancellations:
        return
    await connection.execute(
        """insert into cancellations (cancellation_id, customer_id, ticket_id, order_id, amount, currency, reason,
                                      requested_by, requested_at, bulk_id, ticket_was)
           select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[],
                                $8::text[], $9::timestamptz[], $10::text[], $11::text[])""",
        *zip(
            *(
                (c.cancellation_id, c.customer_id, c.ticket_id, c.order_id, c.amount, c.currency, c.reason,
                 c.requested_by, c.requested_at, c.bulk_id, c.ticket_was)
                for c in cancellations
            ),
            strict=True,
        ),
    )  # fmt: skip


async def cancellations_by_id(
    connection: Connection, cancellations: Sequence[tuple[str, str]]
) -> dict[str, Cancellation]:
    """Those that exist among cancellations given as (customer id, cancellation id), by their id."""
    rows = await connection.fetch(
        f"""select {_COLUMNS}
            from unnest($1::text[], $2::text[]) as asked (customer_id, cancellation_id)
                join cancellations c using (customer_id, cancellation_id)""",  # noqa: S608 - constants
        *columns(cancellations, 2),
    )
    return {row["cancellation_id"]: _cancellation_of(row) for row in rows}


async def latest_cancellation(connection: Connection, ticket_id: str) -> Cancellation | None:
    """The newest cancellation of a ticket, None when there was never one."""
    row = await connection.fetchrow(
        f"""select {_COLUMNS} from cancellations c where ticket_id = $1
            order by requested_at desc limit 1""",  # noqa: S608 - constants
        ticket_id,
    )
    return None if row is None else _cancellation_of(row)


async def not_asked_back(connection: Connection, ticket_ids: Sequence[str], *, but_for: Collection[str]) -> set[str]:
    """Those of the tickets without a cancellation, but for any that accounts refused with one of these codes."""
    rows = await connection.fetch(
        """select ticket_id from unnest($1::text[]) as asked (ticket_id)
           where not exists (select 1 from cancellations c where c.ticket_id = asked.ticket_id
                                 and (c.state <> 'refused' or c.refusal_code <> all($2::text[])))""",
        ticket_ids, list(but_for),
    )  # fmt: skip
    return {row[0] for row in rows}


async def settle_cancellations(connection: Connection, settled: Sequence[Cancellation]) -> None:
    """Write what became of cancellations, each given once, as it stands now."""
    if not settled:
        return
    await connection.execute(
        """update cancellations c
           set state = s.state, settled_at = s.settled_at, entry_id = s.entry_id, refusal_code = s.refusal_code,
               refusal_reason = s.refusal_reason
           from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[])
               as s (customer_id, cancellation_id, state, settled_at, entry_id, refusal_code, refusal_reason)
           where c.customer_id = s.customer_id and c.cancellation_id = s.cancellation_id""",
        *zip(
            *(
                (c.customer_id, c.cancellation_id, c.state, c.settled_at, c.entry_id, c.refusal_code,
                 c.refusal_reason)
                for c in settled
            ),
            strict=True,
        ),
    )  # fmt: skip


def _cancellation_of(row: asyncpg.Record) -> Cancellation:
    was = State(row["ticket_was"]) if row["ticket_was"] is not None else None
    return Cancellation(**dict(row) | {"state": CancellationState(row["state"]), "ticket_was": was})
