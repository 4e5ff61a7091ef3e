"""Finding the tickets whose payment is overdue."""

from collections.abc import Sequence
from datetime import timedelta

from shared.db import Connection


async def overdue_tickets(
    connection: Connection, *, timeout: timedelta, limit: int, left_out: Sequence[str] = ()
) -> list[tuple[str, str]]:
    """(customer id, ticket id) of tickets still unpaid after `timeout`, the oldest first.

    Tickets that are to be `left_out` are not among them.
    """
    rows = await connection.fetch(
        """select customer_id, ticket_id from tickets
           where state = 'purchased' and payment_asked_at <= now() - $1::interval
             and ticket_id <> all($3::text[])
           order by payment_asked_at limit $2""",
        timeout, limit, left_out,
    )  # fmt: skip
    return [(row[0], row[1]) for row in rows]
