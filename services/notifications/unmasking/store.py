"""One personal field of a message."""

from typing import NamedTuple
from uuid import UUID

from shared.db import Connection


class Addressed(NamedTuple):
    """To whom a message went: the address is None when there was none, or when the customer was erased."""

    customer_id: str
    recipient_address: str | None


async def addressed(connection: Connection, message_id: UUID) -> Addressed | None:
    """The address of a message; None when there is no such message."""
    row = await connection.fetchrow(
        "select customer_id, recipient_address from correspondence where id = $1", message_id
    )
    return Addressed(*row) if row is not None else None
