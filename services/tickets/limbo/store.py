"""Finding the tickets in limbo, and what a decision writes besides the ticket's state."""

from collections.abc import Sequence
from datetime import datetime

from services.tickets.lifecycle.domain import Ticket
from services.tickets.lifecycle.store import BESIDE_TICKET, TICKET_COLUMNS, ticket_of
from shared.db import Connection


async def tickets_in_limbo(
    connection: Connection, *, code: str | None, after: tuple[datetime, str] | None, limit: int
) -> list[Ticket]:
    """Tickets in limbo over all customers, the oldest first, beyond (since, ticket id) `after`."""
    # Each from an index of its own: of the many that wait, few may have the code.
    condition = "$3::text is null" if code is None else "t.limbo_code = $3"
    rows = await connection.fetch(
        f"""select {TICKET_COLUMNS}
            from (select * from tickets t
                  where t.limbo_since is not null and {condition}
                    and (t.limbo_since, t.ticket_id) > (coalesce($1::timestamptz, '-infinity'), coalesce($2::text, ''))
                  order by t.limbo_since, t.ticket_id limit $4) t {BESIDE_TICKET}
            order by t.limbo_since, t.ticket_id""",  # noqa: S608 - constants
        *(after or (None, None)), code, limit,
    )  # fmt: skip
    return [ticket_of(row) for row in rows]


async def ask_again(connection: Connection, ticket_ids: Sequence[str]) -> None:
    """Give the payment of locked tickets its time again."""
    await connection.execute(
        "update tickets set payment_asked_at = now() where ticket_id = any($1::text[])", ticket_ids
    )
