"""Bulk cancellations in PostgreSQL: the job, its pieces, and what was refused."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import timedelta
from typing import NamedTuple

import asyncpg

from services.tickets.bulk.domain import Bulk, BulkKind, BulkState, Chunk, Progress, TicketRefused
from services.tickets.lifecycle.table import State
from shared.db import Connection, columns

# Small enough to hold its customers' locks, and the process, for some ten milliseconds only.
CHUNK_TICKETS = 200

# Who records tickets takes this lock shared, who starts the job of a draw takes it exclusively: each ticket is either
# there when the job looks for tickets, or is recorded when the job can be seen.
_LOCK = 5_317_201_904_417_530_023

_COLUMNS = ", ".join(each.name for each in fields(Bulk))
_SCOPES = {
    BulkKind.ORDER: """orders o join tickets t on t.customer_id = o.customer_id and t.ordered_at = o.ordered_at
        and t.order_id = o.order_id where o.order_id = $2""",
    BulkKind.DRAW: "tickets t where t.lottery = $2 and t.draw_number = $3",
}

# The code of a ticket that no rule refused, and that could not be cancelled all the same.
FAILED = "cancellation_failed"
_CANCELLABLE = f"""and t.state in ('purchased', 'paid') and t.paid_out_at is null
    and not exists (select from bulk_refusals r where r.bulk_id = $1 and r.customer_id = t.customer_id
                        and r.ticket_id = t.ticket_id and r.code = '{FAILED}')"""


class AlikeTickets(NamedTuple):
    """How many tickets are alike in what a cancellation asks for; `amount` is their prices together, in minor units."""

    state: State
    paid_out: bool
    currency: str
    tickets: int
    amount: int


async def wait_for_tickets(connection: Connection) -> None:
    """Wait for those who record tickets now, and keep others from recording any until the transaction ends.

    To be called before the draw is changed: those who record its tickets may have to wait for the change.
    """
    await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)


async def add(connection: Connection, bulk: Bulk) -> Bulk:
    """Record a new job. That of a draw waits for whoever records tickets now."""
    if bulk.kind is BulkKind.DRAW:
        await wait_for_tickets(connection)
    row = await connection.fetchrow(
        f"""insert into bulk_cancellations (bulk_id, kind, order_id, lottery, draw_number, reason, requested_by)
            values ($1, $2, $3, $4, $5, $6, $7) returning {_COLUMNS}""",  # noqa: S608 - constants
        bulk.bulk_id, bulk.kind, bulk.order_id, bulk.lottery, bulk.draw_number, bulk.reason, bulk.requested_by,
    )  # fmt: skip
    if row is None:
        raise LookupError("an inserted row is not returned")
    return _bulk_of(row)


async def bulk(connection: Connection, bulk_id: str) -> Bulk | None:
    """A job by its id."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from bulk_cancellations where bulk_id = $1",  # noqa: S608 - constants
        bulk_id,
    )
    return None if row is None else _bulk_of(row)


async def bulks(connection: Connection, *, before: str | None, limit: int) -> list[Bulk]:
    """Jobs, the newest first, below the id `before`."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from bulk_cancellations where $1::text is null or bulk_id < $1
            order by bulk_id desc limit $2""",  # noqa: S608 - constants
        before, limit,
    )  # fmt: skip
    return [_bulk_of(row) for row in rows]


async def running(connection: Connection) -> list[Bulk]:
    """The jobs that are not completed, the oldest first."""
    rows = await connection.fetch(
        f"select {_COLUMNS} from bulk_cancellations where state <> 'completed' order by bulk_id",  # noqa: S608
    )
    return [_bulk_of(row) for row in rows]


async def hold(connection: Connection, bulk_id: str, state: BulkState) -> bool:
    """Lock a job that is in this state; False when it is not any more, or when another process has it now."""
    return bool(
        await connection.fetchval(
            """select true from bulk_cancellations where bulk_id = $1 and state = $2
               for update skip locked""",
            bulk_id, state,
        )
    )  # fmt: skip


async def set_state(connection: Connection, bulk_id: str, state: BulkState) -> None:
    """Move a job that is held on."""
    await connection.execute(
        """update bulk_cancellations
           set state = $2, finished_at = case $2 when 'completed' then now() end where bulk_id = $1""",
        bulk_id, state,
    )  # fmt: skip


async def collect(connection: Connection, job: Bulk, *, live_only: bool) -> int:
    """Add pieces with the job's tickets, or with those that can be cancelled; returns how many pieces.

    A ticket that the job failed on without a rule against it would fail again: it is not added again.
    """
    target = [job.order_id] if job.kind is BulkKind.ORDER else [job.lottery, job.draw_number]
    live = _CANCELLABLE if live_only else ""
    tag = await connection.execute(
        f"""insert into bulk_chunks (bulk_id, number, tickets)
            select $1, base + piece, array_agg(ticket_id order by customer_id, ticket_id)
            from (select coalesce(max(number) + 1, 0) as base from bulk_chunks where bulk_id = $1) earlier,
                 (select t.customer_id, t.ticket_id,
                         (row_number() over (order by t.customer_id, t.ticket_id) - 1) / {CHUNK_TICKETS} as piece
                  from {_SCOPES[job.kind]} {live}) found
            group by base, piece""",  # noqa: S608 - constants
        job.bulk_id, *target,
    )  # fmt: skip
    return int(tag.rpartition(" ")[2])


async def tickets_of_draw(connection: Connection, lottery: str, draw_number: int) -> list[AlikeTickets]:
    """The tickets of a draw, counted: one pass over them, whatever their number."""
    rows = await connection.fetch(
        """select t.state, t.paid_out_at is not null, o.currency, count(*), sum(t.price)
           from tickets t join orders o on o.order_id = t.order_id
           where t.lottery = $1 and t.draw_number = $2 group by 1, 2, 3""",
        lottery, draw_number,
    )  # fmt: skip
    return [AlikeTickets(State(row[0]), row[1], row[2], int(row[3]), int(row[4])) for row in rows]


async def go_on(connection: Connection, draws: Collection[tuple[str, int]]) -> None:
    """Let the newest job of each of these draws look for tickets again, whether it is over or not.

    To be called by who recorded tickets of the draws, in that transaction.
    """
    await connection.execute("select pg_advisory_xact_lock_shared($1)", _LOCK)
    await connection.execute(
        """with latest as (
               select max(bulk_id) as bulk_id
               from unnest($1::text[], $2::bigint[]) as bought (lottery, draw_number)
                   join bulk_cancellations b using (lottery, draw_number)
               where b.kind = 'draw' group by lottery, draw_number),
           held as (
               select bulk_id from bulk_cancellations where bulk_id in (select bulk_id from latest)
               order by bulk_id for update)
           update bulk_cancellations b
           set state = case b.state when 'collecting' then b.state else 'cancelling' end, finished_at = null
           from held where b.bulk_id = held.bulk_id""",
        *columns(draws, 2),
    )


async def jobs_of_draws(
    connection: Connection, draws: Collection[tuple[str, int]]
) -> dict[tuple[str, int], tuple[str, str]]:
    """(reason, requested by) of the newest job of each of these draws that has one."""
    rows = await connection.fetch(
        """select distinct on (lottery, draw_number) lottery, draw_number, reason, requested_by
           from unnest($1::text[], $2::bigint[]) as asked (lottery, draw_number)
               join bulk_cancellations b using (lottery, draw_number)
           where b.kind = 'draw' order by lottery, draw_number, bulk_id desc""",
        *columns(draws, 2),
    )
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


async def take_chunk(connection: Connection, bulk_id: str) -> Chunk | None:
    """Lock a piece that is to be done and that no other process has."""
    row = await connection.fetchrow(
        """select number, tickets from bulk_chunks where bulk_id = $1 and not done
           order by number limit 1 for update skip locked""",
        bulk_id,
    )
    return None if row is None else Chunk(row[0], list(row[1]))


async def unanswered(connection: Connection, bulk_ids: Sequence[str], *, within: timedelta, most: int) -> int:
    """How many cancellations of these jobs, asked for `within` this time, accounts has not answered: `most` at most."""
    return int(
        await connection.fetchval(
            """select count(*) from (
                   select from cancellations
                   where bulk_id = any($1::text[]) and bulk_id is not null and state = 'requested'
                     and requested_at > now() - $2::interval
                   limit $3) as found""",
            bulk_ids, within, most,
        )
    )  # fmt: skip


async def has_chunks(connection: Connection, bulk_id: str) -> bool:
    """Whether pieces are still to be done, by whichever process."""
    return bool(
        await connection.fetchval("select exists (select 1 from bulk_chunks where bulk_id = $1 and not done)", bulk_id)
    )


async def finish_chunk(
    connection: Connection, bulk_id: str, number: int, *, accepted: int, refused: Sequence[TicketRefused]
) -> None:
    """Write what became of a piece."""
    await connection.execute(
        "update bulk_chunks set done = true, accepted = $3, refused = $4 where bulk_id = $1 and number = $2",
        bulk_id, number, accepted, dict(Counter(str(each.code) for each in refused)),
    )  # fmt: skip
    if refused:
        await connection.execute(
            """insert into bulk_refusals (bulk_id, customer_id, ticket_id, code, detail)
               select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::text[])
               on conflict do nothing""",
            bulk_id,
            *zip(*((each.customer_id, each.ticket_id, each.code, each.detail) for each in refused), strict=True),
        )


async def look(connection: Connection, bulk_id: str) -> int:
    """Note how many were refunded and how many accounts refused; returns how many it has not answered."""
    # One statement, which sees each piece with its cancellations or neither: other processes go on meanwhile.
    unsettled = await connection.fetchval(
        """with open as (
               select count(*) filter (where state = 'requested') as unsettled,
                      count(*) filter (where state = 'refused') as refused
               from cancellations where bulk_id = $1 and bulk_id is not null and state <> 'completed'),
           done as (select coalesce(sum(accepted), 0) as accepted from bulk_chunks where bulk_id = $1)
           update bulk_cancellations
           set refused_by_accounts = open.refused, refunded = done.accepted - open.refused - open.unsettled
           from open, done where bulk_id = $1 returning open.unsettled""",
        bulk_id,
    )
    return int(unsettled)


async def progress(connection: Connection, bulk_ids: Sequence[str]) -> dict[str, Progress]:
    """How far jobs have come, from their pieces: some hundred for a hundred thousand tickets."""
    rows = await connection.fetch(
        """select c.bulk_id, sum(cardinality(c.tickets))::bigint, sum(c.accepted)::bigint,
                  (select jsonb_object_agg(code, times) from (
                       select r.key as code, sum(r.value::bigint) as times
                       from bulk_chunks b, jsonb_each_text(b.refused) r where b.bulk_id = c.bulk_id group by 1) s)
           from bulk_chunks c where c.bulk_id = any($1::text[]) group by c.bulk_id""",
        bulk_ids,
    )
    return {row[0]: Progress(row[1], row[2], row[3] or {}) for row in rows}


async def refusals(
    connection: Connection, bulk_id: str, *, after: tuple[str, str] | None, limit: int
) -> list[TicketRefused]:
    """Tickets that could not be cancelled, by customer and ticket id above `after`."""
    rows = await connection.fetch(
        """select customer_id, ticket_id, code, detail, refused_at from bulk_refusals
           where bulk_id = $1 and (customer_id, ticket_id) > ($2, $3)
           order by customer_id, ticket_id limit $4""",
        bulk_id, *(after or ("", "")), limit,
    )  # fmt: skip
    return [TicketRefused(*row) for row in rows]


def _bulk_of(row: asyncpg.Record) -> Bulk:
    values = dict(row)
    return Bulk(**values | {"kind": BulkKind(values["kind"]), "state": BulkState(values["state"])})
