"""The locks of this service, in one place and one order: identities first, then accounts.

The row of the account stands for its customer: whoever changes or publishes anything about customers holds it.
"""

import hashlib
from collections.abc import Sequence

from shared.db import Connection, array


async def lock_identities(connection: Connection, identities: Sequence[str]) -> None:
    """Let one transaction at a time give a customer any of these identities, such as `email:a@example.com`."""
    numbers = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True) for text in identities]
    for number in sorted(numbers):
        await connection.execute("select pg_advisory_xact_lock($1)", number)


async def lock_accounts(connection: Connection, customer_ids: Sequence[str]) -> None:
    """Lock the accounts of these customers, whose ids are sorted, and open those that are missing."""
    asked = array(customer_ids)
    # `offset 0`: a look-up by key for each, never a scan of all accounts, whatever the planner knows of their number.
    opened = await connection.execute(
        """insert into accounts (customer_id)
           select id from unnest($1::text::text[]) with ordinality as asked (id, n)
           where not exists (select 1 from accounts where customer_id = id offset 0)
           order by n
           on conflict do nothing""",
        asked,
    )
    # A row that this transaction has written is locked already.
    if opened != f"INSERT 0 {len(customer_ids)}":
        await connection.execute(
            "select 1 from accounts where customer_id = any($1::text::text[]) order by customer_id for update", asked
        )
