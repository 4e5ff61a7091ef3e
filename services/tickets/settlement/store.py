"""Finding the tickets whose payment is overdue."""

from datetime import datetime, timedelta

from shared.db import Connection


async def overdue_tickets(
    connection: Connection, *, timeout: timedelta, limit: int
) -> tuple[datetime, list[tuple[str, str]]]:
    """The database's time, and (customer id, ticket id) of tickets still unpaid after `timeout`, oldest first."""
    rows = await connection.fetch(
        """select now(), customer_id, ticket_id from tickets
           where state = 'purchased' and payment_asked_at <= now() - $1::interval
           order by payment_asked_at limit $2""",
        timeout, limit,
    )  # fmt: skip
    now = rows[0][0] if rows else await connection.fetchval("select now()")
    return now, [(row[1], row[2]) for row in rows]
