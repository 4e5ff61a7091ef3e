"""Prizes that were paid out: written once."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from shared.db import Connection


class Prize(NamedTuple):
    """What was paid out on a ticket: `amount` is in minor units of `currency`."""

    customer_id: str
    prize_id: str
    ticket_id: str
    amount: int
    currency: str
    paid_at: datetime


async def insert_prizes(connection: Connection, prizes: Sequence[Prize]) -> set[tuple[str, str]]:
    """Record prizes, each given once; returns (customer id, prize id) of those that were not on record before."""
    rows = await connection.fetch(
        """insert into prizes (customer_id, prize_id, ticket_id, amount, currency, paid_at)
           select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::timestamptz[])
           on conflict do nothing returning customer_id, prize_id""",
        *zip(*prizes, strict=True),
    )
    return {(row[0], row[1]) for row in rows}


async def tickets_of_prizes(connection: Connection, prizes: Sequence[Prize]) -> dict[tuple[str, str], str]:
    """The ticket that each prize on record is on, by (customer id, prize id)."""
    rows = await connection.fetch(
        """select customer_id, prize_id, ticket_id
           from unnest($1::text[], $2::text[]) as asked (customer_id, prize_id)
               join prizes using (customer_id, prize_id)""",
        [prize.customer_id for prize in prizes],
        [prize.prize_id for prize in prizes],
    )
    return {(row[0], row[1]): row[2] for row in rows}
