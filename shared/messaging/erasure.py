"""Taking a customer's data out of what the messaging core keeps."""

from collections.abc import Sequence
from uuid import UUID

from shared.db import Connection

_EMPTY = "update dead_letters set value = null, record_key = null, headers = '[]', detail = 'erased'"


async def erase_settled_letters(connection: Connection, customer_ids: Sequence[str]) -> None:
    """Empty the records in dead letters of these customers that are settled.

    Those that are still dead, and what is parked behind them or waits, stay until they are applied or given up: money
    may be in them, and no handler keeps anything personal of an erased customer.
    """
    await connection.execute(
        """insert into erased_keys (ordering_key) select unnest($1::text[]) as key order by key
           on conflict do nothing""",
        customer_ids,
    )
    # Whoever settles one of them now did not see that the customer is erased: after this it is settled, and seen below.
    await connection.execute(
        "select from dead_letters where state = 'dead' and ordering_key = any($1::text[]) order by id for update",
        customer_ids,
    )
    await connection.execute(f"{_EMPTY} where ordering_key = any($1::text[]) and state <> 'dead'", customer_ids)


async def erase_if_settled_late(connection: Connection, letter_id: UUID) -> None:
    """Empty the record in a letter that was settled just now, if its customer was erased before."""
    await connection.execute(
        f"""{_EMPTY} where id = $1 and state <> 'dead'
              and ordering_key in (select ordering_key from erased_keys)""",  # noqa: S608 - a constant
        letter_id,
    )
