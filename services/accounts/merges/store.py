"""The lines of several customers' ledgers, newest first."""

from collections.abc import Mapping
from typing import Any

from services.accounts.ledger.entries import Entry
from shared.db import Connection

_COLUMNS = ", ".join(f"e.{name}" for name in Entry._fields)


async def newest_lines(connection: Connection, before: Mapping[str, int], *, limit: int) -> dict[str, list[Any]]:
    """Of each customer the newest `limit` lines below a number."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from unnest($1::text[], $2::bigint[]) as asked (customer_id, seq)
            cross join lateral (
                select * from ledger_entries l
                where l.customer_id = asked.customer_id and l.seq < asked.seq
                order by l.seq desc limit $3) as e""",  # noqa: S608 - constant columns
        list(before), list(before.values()), limit,
    )  # fmt: skip
    found: dict[str, list[Any]] = {customer_id: [] for customer_id in before}
    for row in rows:
        found[row["customer_id"]].append(row)
    return {customer_id: sorted(lines, key=lambda row: -row["seq"]) for customer_id, lines in found.items()}
