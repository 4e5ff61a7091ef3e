"""The row of each customer: its lock and its name; and whom accounts found to be one."""

from collections.abc import Sequence
from typing import NamedTuple

from shared import united
from shared.db import Connection


class Named(NamedTuple):
    """A customer's name; `version` is the one of the details that accounts published, 0 for a purchase's word.

    Only accounts knows time zone and status. Of an erased customer there is no name.
    """

    customer_id: str
    first_name: str | None
    last_name: str | None
    version: int = 0
    time_zone: str | None = None
    status: str | None = None


class Merge(NamedTuple):
    """Whom the version of a customer was merged into; None when it is one of its own."""

    customer_id: str
    survivor_id: str | None
    version: int


async def lock(connection: Connection, customer_ids: Sequence[str]) -> None:
    """Lock customers until the transaction ends, in the order of their ids; those not yet known are added."""
    await connection.execute(
        """insert into customers (customer_id)
           select id from unnest($1::text[]) as asked (id) order by id collate "C"
           on conflict do nothing""",
        customer_ids,
    )
    await connection.execute(
        "select 1 from customers where customer_id = any($1::text[]) order by customer_id for update", customer_ids
    )


async def lock_free(connection: Connection, customer_ids: Sequence[str]) -> set[str]:
    """Lock those of the customers whose lock nobody holds now, and return their ids."""
    rows = await connection.fetch(
        """select customer_id from customers where customer_id = any($1::text[])
           order by customer_id for update skip locked""",
        customer_ids,
    )
    return {row[0] for row in rows}


async def save_names(connection: Connection, names: Sequence[Named]) -> None:
    """Remember the names of locked customers, one for each; an older version never replaces a newer.

    What a purchase says counts only as long as accounts has said nothing.
    """
    if not names:
        return
    await connection.execute(
        """update customers c
           set first_name = n.first_name, last_name = n.last_name, details_version = n.version,
               time_zone = n.time_zone, status = n.status, revision = c.revision + 1
           from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[])
               as n (customer_id, first_name, last_name, version, time_zone, status)
           where c.customer_id = n.customer_id and c.details_version <= n.version
             and (c.first_name, c.last_name, c.details_version)
                 is distinct from (n.first_name, n.last_name, n.version)""",
        *zip(*names, strict=True),
    )


async def save_merges(connection: Connection, merges: Sequence[Merge]) -> None:
    """Remember whom locked customers were merged into, one for each; an older version never replaces a newer."""
    if not merges:
        return
    await connection.execute(
        """insert into customer_merges as m (customer_id, survivor_id, version)
           select customer_id, survivor_id, version
           from unnest($1::text[], $2::text[], $3::bigint[]) as n (customer_id, survivor_id, version)
           where survivor_id is not null or exists (select from customer_merges k where k.customer_id = n.customer_id)
           on conflict (customer_id) do update set survivor_id = excluded.survivor_id, version = excluded.version
               where m.version < excluded.version""",
        *zip(*merges, strict=True),
    )


async def united_ids(connection: Connection, customer_id: str) -> list[str]:
    """All ids of a customer, the survivor's first; one that is not known is by itself."""
    return await united.united_ids(connection, customer_id, table="customer_merges", survivor="survivor_id")
