"""The orders of the runs of AutoPlays, and what accounts made of each."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from services.tickets.autoplay.store import Key
from shared.db import Connection, columns


class Attempt(NamedTuple):
    """One order of a run; `outcome` is `paid`, `refused` or not known yet."""

    customer_id: str
    order_id: str
    autoplay_id: str
    draw_number: int
    attempt: int
    ordered_at: datetime
    outcome: str | None = None


async def insert_attempts(connection: Connection, attempts: Sequence[Attempt]) -> None:
    """Record new orders of runs."""
    if attempts:
        await connection.execute(
            """insert into autoplay_attempts
                   (customer_id, order_id, autoplay_id, draw_number, attempt, ordered_at, outcome)
               select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::int[], $6::timestamptz[],
                                    $7::text[])""",
            *zip(*attempts, strict=True),
        )


async def attempts_by_order(connection: Connection, orders: Sequence[Key]) -> dict[Key, Attempt]:
    """The attempts among orders given as (customer id, order id)."""
    rows = await connection.fetch(
        """select customer_id, order_id, autoplay_id, draw_number, attempt, ordered_at, outcome
           from autoplay_attempts join unnest($1::text[], $2::text[]) as asked (customer_id, order_id)
               using (customer_id, order_id)""",
        *columns(orders, 2),
    )
    return {(row[0], row[1]): Attempt(*row) for row in rows}


async def save_outcomes(connection: Connection, attempts: Sequence[Attempt]) -> None:
    """Write what accounts made of attempts."""
    if attempts:
        await connection.execute(
            """update autoplay_attempts a set outcome = s.outcome
               from unnest($1::text[], $2::text[], $3::text[]) as s (customer_id, order_id, outcome)
               where a.customer_id = s.customer_id and a.order_id = s.order_id""",
            [each.customer_id for each in attempts],
            [each.order_id for each in attempts],
            [each.outcome for each in attempts],
        )


async def settle_soon(connection: Connection, customer_id: str, order_id: str) -> None:
    """Have the runner look now at the run that would try this order of a locked customer again, if there is one."""
    await connection.execute(
        """update autoplay_runs r set next_attempt_at = now() from autoplay_attempts a
           where a.customer_id = $1 and a.order_id = $2 and r.customer_id = a.customer_id
             and r.autoplay_id = a.autoplay_id and r.draw_number = a.draw_number
             and r.order_id = a.order_id and r.state = 'retrying'""",
        customer_id, order_id,
    )  # fmt: skip
