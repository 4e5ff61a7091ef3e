"""Finding the tickets in limbo, and what a decision writes besides the ticket's state."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from services.tickets.lifecycle.domain import Ticket
from services.tickets.lifecycle.store import TICKET_COLUMNS, TICKETS, ticket_of
from shared.db import Connection


class Waiting(NamedTuple):
    """How many tickets are in limbo, and for how many seconds the oldest has been."""

    tickets: int
    oldest_seconds: float


async def tickets_in_limbo(
    connection: Connection, *, code: str | None, after: tuple[datetime, str] | None, limit: int
) -> list[Ticket]:
    """Tickets in limbo over all customers, the oldest first, beyond (since, ticket id) `after`."""
    rows = await connection.fetch(
        f"""select {TICKET_COLUMNS} from {TICKETS}
            where t.limbo_since is not null
              and (t.limbo_since, t.ticket_id) > (coalesce($1::timestamptz, '-infinity'), coalesce($2::text, ''))
              and ($3::text is null or t.limbo_code = $3)
            order by t.limbo_since, t.ticket_id limit $4""",  # noqa: S608 - constants
        *(after or (None, None)), code, limit,
    )  # fmt: skip
    return [ticket_of(row) for row in rows]


async def waiting(connection: Connection) -> Waiting:
    """What the index of the tickets in limbo holds; it is small as long as somebody looks after them."""
    row = await connection.fetchrow(
        """select count(*), coalesce(extract(epoch from now() - min(limbo_since)), 0)
           from tickets where limbo_since is not null"""
    )
    return Waiting(0, 0.0) if row is None else Waiting(int(row[0]), max(0.0, float(row[1])))


async def ask_again(connection: Connection, ticket_ids: Sequence[str]) -> None:
    """Give the payment of locked tickets its time again."""
    await connection.execute(
        "update tickets set payment_asked_at = now() where ticket_id = any($1::text[])", ticket_ids
    )
