"""What was cancelled elsewhere, compared with the ledger. No function commits."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from shared.db import Connection, insert_rows

_LOCK = 5_317_201_904_417_530_022

_TYPES = {
    "customer_id": "text", "cancellation_id": "text", "ticket_id": "text", "order_id": "text", "amount": "bigint",
    "currency": "text", "cancelled_at": "timestamptz", "received_at": "timestamptz",
}  # fmt: skip


class CancelledTicket(NamedTuple):
    """A ticket that tickets has cancelled; `amount` is its price in minor units."""

    customer_id: str
    cancellation_id: str
    ticket_id: str
    order_id: str
    amount: int
    currency: str
    cancelled_at: datetime
    received_at: datetime


class Difference(NamedTuple):
    """A cancellation on which tickets and accounts do not agree. What a side does not know is None."""

    customer_id: str
    cancellation_id: str
    ticket_id: str
    order_id: str
    cancelled_amount: int | None
    cancelled_currency: str | None
    reversed_amount: int | None
    reversed_currency: str | None
    found_at: datetime
    resolved_at: datetime | None


Key = tuple[datetime, str, str]
_COLUMNS = ", ".join(Difference._fields)

_REVERSAL = """
    select order_id, ticket_id, amount_in, currency from ledger_entries e
    where e.customer_id = c.customer_id and e.cause_id = c.cancellation_id and e.kind = 'reversal'
      and e.cause_kind = 'cancellation' and e.status = 'booked' offset 0"""
_AGREE = "(c.amount, c.currency, c.ticket_id) = (r.amount_in, r.currency, r.ticket_id)"

# Each side looks the other one's word up by key, for what came in the period.
_COMPARE = f"""
    insert into reconciliation_differences (customer_id, cancellation_id, ticket_id, order_id, cancelled_amount,
                                            cancelled_currency, reversed_amount, reversed_currency)
    select c.customer_id, c.cancellation_id, c.ticket_id, c.order_id, c.amount, c.currency, r.amount_in, r.currency
    from cancelled_tickets c left join lateral ({_REVERSAL}) as r on true
    where c.received_at > $1 and c.received_at <= $2 and {_AGREE} is not true
    union all
    select e.customer_id, e.cause_id, e.ticket_id, e.order_id, null, null, e.amount_in, e.currency
    from ledger_entries e
    where e.kind = 'reversal' and e.status = 'booked' and e.recorded_at > $1 and e.recorded_at <= $2
      and not exists (
        select 1 from cancelled_tickets c
        where c.customer_id = e.customer_id and c.cancellation_id = e.cause_id offset 0)
    on conflict (customer_id, cancellation_id) do nothing"""  # noqa: S608 - constants

_RESOLVE = f"""
    update reconciliation_differences d
    set resolved_at = case when {_AGREE} then now() end, cancelled_amount = c.amount, cancelled_currency = c.currency,
        reversed_amount = r.amount_in, reversed_currency = r.currency
    from unnest($1::text[], $2::text[]) as asked (customer_id, cancellation_id)
    cross join lateral (
        select * from cancelled_tickets t
        where t.customer_id = asked.customer_id and t.cancellation_id = asked.cancellation_id offset 0) as c
    cross join lateral ({_REVERSAL}) as r
    where d.resolved_at is null and c.customer_id = d.customer_id and c.cancellation_id = d.cancellation_id
      and ({_AGREE} or d.cancelled_amount is null or d.reversed_amount is null)"""  # noqa: S608 - constants


async def insert_cancelled(connection: Connection, tickets: Sequence[CancelledTicket]) -> None:
    """Keep what tickets cancelled; what is known already stays as it is."""
    if not tickets:
        return
    known = {
        (row[0], row[1])
        for row in await connection.fetch(
            """select customer_id, cancellation_id
               from unnest($1::text[], $2::text[]) as a (customer_id, cancellation_id)
               where exists (
                   select 1 from cancelled_tickets c
                   where c.customer_id = a.customer_id and c.cancellation_id = a.cancellation_id offset 0)""",
            [ticket.customer_id for ticket in tickets],
            [ticket.cancellation_id for ticket in tickets],
        )
    }
    new = {(ticket.customer_id, ticket.cancellation_id): ticket for ticket in reversed(tickets)}
    await insert_rows(
        connection, "cancelled_tickets", _TYPES, [ticket for key, ticket in new.items() if key not in known]
    )


async def lock_progress(connection: Connection) -> tuple[datetime, datetime] | None:
    """Up to when was compared, and the time now, for the one transaction that compares; None when another does."""
    if not await connection.fetchval("select pg_try_advisory_xact_lock($1)", _LOCK):
        return None
    row = await connection.fetchrow("select compared_to, now() from reconciliation_progress")
    return (row[0], row[1]) if row else None


async def compare(connection: Connection, since: datetime, until: datetime) -> None:
    """Note the differences about what came after `since` and up to `until`, and that this was compared."""
    await connection.execute(_COMPARE, since, until)
    await connection.execute("update reconciliation_progress set compared_to = $1", until)


async def resolve(connection: Connection, *, after: Key | None, limit: int) -> Key | None:
    """Mark the open differences on which both sides agree by now; of others say what the side says that was missing.

    The oldest `limit` behind the one with the key `after`; returns where to go on, None when these were the last.
    """
    position = "and (found_at, customer_id, cancellation_id) > ($2, $3, $4)" if after else ""
    values: tuple[Any, ...] = after or ()
    keys = await connection.fetch(
        f"""select found_at, customer_id, cancellation_id from reconciliation_differences
            where resolved_at is null {position}
            order by found_at, customer_id, cancellation_id limit $1""",  # noqa: S608 - constants
        limit, *values,
    )  # fmt: skip
    if keys:
        await connection.execute(_RESOLVE, [key[1] for key in keys], [key[2] for key in keys])
    return (keys[-1][0], keys[-1][1], keys[-1][2]) if len(keys) == limit else None


async def open_differences(connection: Connection) -> dict[str, int]:
    """How many are open, by what is missing; counted up to 10,000."""
    rows = await connection.fetch(
        """select case when reversed_amount is null then 'reversal'
                       when cancelled_amount is null then 'cancellation' else 'agreement' end, count(*)
           from (select reversed_amount, cancelled_amount from reconciliation_differences
                 where resolved_at is null limit 10000) as d group by 1"""
    )
    return {row[0]: row[1] for row in rows}


async def compared_to(connection: Connection) -> datetime:
    """Up to when everything was compared."""
    moment: datetime = await connection.fetchval("select compared_to from reconciliation_progress")
    return moment


async def differences(connection: Connection, *, resolved: bool, before: Key | None, limit: int) -> list[Difference]:
    """Differences, the newest first, older than the one with the key `before`."""
    condition = "is not null" if resolved else "is null"
    position = " and (found_at, customer_id, cancellation_id) < ($2, $3, $4)" if before else ""
    values: tuple[Any, ...] = before or ()
    rows = await connection.fetch(
        f"""select {_COLUMNS} from reconciliation_differences where resolved_at {condition}{position}
            order by found_at desc, customer_id desc, cancellation_id desc limit $1""",  # noqa: S608 - constants
        limit, *values,
    )  # fmt: skip
    return [Difference(*row) for row in rows]
