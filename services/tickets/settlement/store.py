"""Finding the tickets whose payment is overdue."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from shared.db import Connection


async def overdue_tickets(
    connection: Connection, *, timeout: timedelta, limit: int, left_out: Sequence[str] = ()
) -> tuple[datetime, list[tuple[str, str]]]:
    """The database's time, and (customer id, ticket id) of tickets still unpaid after `timeout`, oldest first.

    Tickets that are to be `left_out` are not among them.
    """
    rows = await connection.fetch(
        """select now(), customer_id, ticket_id from tickets
           where state = 'purchased' and payment_asked_at <= now() - $1::interval
             and ticket_id <> all($3::text[])
           order by payment_asked_at limit $2""",
        timeout, limit, left_out,
    )  # fmt: skip
    now = rows[0][0] if rows else await connection.fetchval("select now()")
    return now, [(row[1], row[2]) for row in rows]
