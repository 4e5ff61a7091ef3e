"""Taking a customer's data out of what the messaging core keeps."""

from collections.abc import Sequence

from shared.db import Connection


async def erase_settled_letters(connection: Connection, customer_ids: Sequence[str]) -> None:
    """Empty the records in dead letters of these customers that are settled.

    Those that are still dead, and what is parked behind them or waits, stay until they are applied: money may be in
    them, and no handler keeps anything personal of an erased customer.
    """
    await connection.execute(
        """update dead_letters set value = null, record_key = null, headers = '[]', detail = 'erased'
           where ordering_key = any($1::text[]) and state <> 'dead'""",
        customer_ids,
    )
