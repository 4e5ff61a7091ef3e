"""The runs of AutoPlays, and how far the runner has come with each draw."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import asyncpg

from services.tickets.autoplay.runs import DRAW_CLOSED, Run, RunState
from services.tickets.autoplay.schedule import Draw
from services.tickets.autoplay.store import Key
from shared.db import Connection, columns

# A draw that nobody looked at for so long is history.
HORIZON = timedelta(days=7)

_COLUMNS = """customer_id, autoplay_id, draw_number, lottery, draw_at, closes_at, state, at, attempts, order_id, cost,
    currency, next_attempt_at, code, reason"""
_ARRAYS = """$1::text[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::text[],
    $8::timestamptz[], $9::int[], $10::text[], $11::bigint[], $12::text[], $13::timestamptz[], $14::text[],
    $15::text[]"""

# A run `r` that came too late for its draw, and never was an order.
MISSED = f"(r.state = 'missed' and r.code = '{DRAW_CLOSED}' and r.attempts = 0)"

# (customer id, AutoPlay id, draw number)
RunKey = tuple[str, str, int]


class Walk(NamedTuple):
    """A draw that the runner is taking to the AutoPlays of its lottery, and the last one that it came to."""

    draw: Draw
    after: Key


async def claim_runs(connection: Connection, runs: Sequence[Run]) -> list[Run]:
    """Insert runs and return those that were not there: nobody else has bought or skipped these draws.

    One that was missed because its draw had closed, and never bought, counts as not there when the draw is open again.
    """
    if not runs:
        return []
    rows = await connection.fetch(
        f"""insert into autoplay_runs as r ({_COLUMNS}) select * from unnest({_ARRAYS})
            on conflict (customer_id, autoplay_id, draw_number) do update
            set draw_at = excluded.draw_at, closes_at = excluded.closes_at, state = excluded.state, at = excluded.at,
                attempts = excluded.attempts, order_id = excluded.order_id, cost = excluded.cost,
                currency = excluded.currency, code = excluded.code, reason = excluded.reason
            where {MISSED} and excluded.code is distinct from '{DRAW_CLOSED}'
            returning autoplay_id, draw_number""",  # noqa: S608 - constants
        *zip(*(_row(run) for run in runs), strict=True),
    )
    claimed = {(row[0], row[1]) for row in rows}
    return [run for run in runs if (run.autoplay_id, run.draw.number) in claimed]


async def save_runs(connection: Connection, runs: Sequence[Run]) -> None:
    """Write runs that exist, as they are now; their customers are locked."""
    if not runs:
        return
    await connection.execute(
        f"""update autoplay_runs r
            set draw_at = s.draw_at, closes_at = s.closes_at, state = s.state, at = s.at, attempts = s.attempts,
                order_id = s.order_id, cost = s.cost, currency = s.currency, next_attempt_at = s.next_attempt_at,
                code = s.code, reason = s.reason
            from unnest({_ARRAYS}) as s ({_COLUMNS})
            where r.customer_id = s.customer_id and r.autoplay_id = s.autoplay_id
              and r.draw_number = s.draw_number""",  # noqa: S608 - constants
        *zip(*(_row(run) for run in runs), strict=True),
    )


async def runs_by_key(connection: Connection, keys: Sequence[RunKey]) -> dict[RunKey, Run]:
    """The runs that exist among these."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from autoplay_runs
            join unnest($1::text[], $2::text[], $3::bigint[]) as asked (customer_id, autoplay_id, draw_number)
                using (customer_id, autoplay_id, draw_number)""",  # noqa: S608 - constants
        *columns(keys, 3),
    )
    return {(row[0], row[1], row[2]): _run(row) for row in rows}


async def runs_of(
    connection: Connection, customer_id: str, autoplay_id: str, *, before: int | None, limit: int
) -> list[Run]:
    """Runs of an AutoPlay for draws below the number `before`, the latest draw first."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from autoplay_runs
            where customer_id = $1 and autoplay_id = $2 and draw_number < coalesce($3::bigint, 9223372036854775807)
            order by draw_number desc limit $4""",  # noqa: S608 - constants
        customer_id, autoplay_id, before, limit,
    )  # fmt: skip
    return [_run(row) for row in rows]


async def retrying_of(connection: Connection, keys: Sequence[Key]) -> dict[str, list[Run]]:
    """The runs that are to be tried again, by AutoPlay."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from autoplay_runs
            join unnest($1::text[], $2::text[]) as asked (customer_id, autoplay_id) using (customer_id, autoplay_id)
            where state = 'retrying'""",  # noqa: S608 - constants
        *columns(keys, 2),
    )
    found: dict[str, list[Run]] = {}
    for row in rows:
        found.setdefault(row["autoplay_id"], []).append(_run(row))
    return found


async def due_retries(connection: Connection, *, limit: int, left_out: Sequence[RunKey]) -> list[RunKey]:
    """Runs whose next attempt is due: their AutoPlay runs, or their draw has closed meanwhile.

    Those of an AutoPlay that has a run to be left out are not among them.
    """
    rows = await connection.fetch(
        """select r.customer_id, r.autoplay_id, r.draw_number
           from autoplay_runs r join autoplays a using (customer_id, autoplay_id)
           where r.state = 'retrying' and r.next_attempt_at <= now()
             and (a.state in ('active', 'retrying') or r.closes_at <= now())
             and r.autoplay_id <> all($2::text[])
           order by r.next_attempt_at limit $1""",
        limit,
        [autoplay_id for _, autoplay_id, _ in left_out],
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def spent_since(connection: Connection, wanted: Sequence[tuple[str, str, datetime]]) -> dict[str, int]:
    """By AutoPlay, given as (customer id, id, moment), the minor units spent since; refused orders cost nothing."""
    rows = await connection.fetch(
        """select r.autoplay_id, sum(r.cost)::bigint
           from unnest($1::text[], $2::text[], $3::timestamptz[]) as asked (customer_id, autoplay_id, since)
           join autoplay_runs r on r.customer_id = asked.customer_id and r.autoplay_id = asked.autoplay_id
               and r.at >= asked.since and r.state in ('pending', 'paid')
           group by r.autoplay_id""",
        *columns(wanted, 3),
    )
    return {row[0]: row[1] for row in rows}


async def claim_walk(connection: Connection, *, lead: timedelta) -> Walk | None:
    """A draw that is due and that AutoPlays of its lottery have not met yet, taken for this transaction alone.

    None when there is none, or when other processes are at all of them. Its lottery is held too, so that no draw of it
    is moved or cancelled meanwhile.
    """
    await connection.execute(
        """insert into autoplay_draws (lottery, draw_number)
           select d.lottery, d.draw_number from draws d
           where d.outcome is distinct from 'cancelled' and d.closes_at <= now() + $1::interval
             and (d.opens_at is null or d.opens_at <= now()) and d.closes_at > now() - $2::interval
             and (select true from autoplays a
                  where a.lottery = d.lottery and a.state in ('active', 'retrying')
                    and a.running_since < d.closes_at limit 1)
             and not exists (select 1 from autoplay_draws w
                             where w.lottery = d.lottery and w.draw_number = d.draw_number)
           order by d.lottery, d.draw_number
           on conflict do nothing""",
        lead, HORIZON,
    )  # fmt: skip
    taken = await connection.fetchrow(
        """select w.lottery, w.draw_number, w.after_customer_id, w.after_autoplay_id
           from autoplay_draws w join draws d using (lottery, draw_number) join lotteries l using (lottery)
           where w.finished_at is null and d.outcome is distinct from 'cancelled'
           order by d.closes_at limit 1 for share of l skip locked for update of w skip locked"""
    )
    if taken is None:
        return None
    lottery, number, *after = taken
    # As it is since the lottery is held.
    draw = await connection.fetchrow(
        """select lottery, draw_number, draw_at, closes_at, opens_at from draws
           where lottery = $1 and draw_number = $2 and outcome is distinct from 'cancelled'""",
        lottery, number,
    )  # fmt: skip
    return None if draw is None else Walk(Draw(*draw), (after[0], after[1]))


async def walk_again(connection: Connection, lottery: str) -> None:
    """Have the AutoPlays of a lottery meet its draws that are not closed once more.

    To be called when one of these is moved or cancelled, with the lottery held since before: other AutoPlays than
    before may then play it, or the draw after it. What they have bought they do not buy again.
    """
    await connection.execute(
        """delete from autoplay_draws w using draws d
           where w.lottery = $1 and d.lottery = w.lottery and d.draw_number = w.draw_number and d.closes_at > now()""",
        lottery,
    )


async def next_on_walk(connection: Connection, walk: Walk, *, limit: int, left_out: Sequence[Key]) -> list[Key]:
    """The running AutoPlays that follow on the walk, but for those to be left out."""
    rows = await connection.fetch(
        """select customer_id, autoplay_id from autoplays
           where lottery = $1 and state in ('active', 'retrying') and (customer_id, autoplay_id) > ($2, $3)
             and autoplay_id <> all($5::text[])
           order by customer_id, autoplay_id limit $4""",
        walk.draw.lottery, *walk.after, limit, [autoplay_id for _, autoplay_id in left_out],
    )  # fmt: skip
    return [(row[0], row[1]) for row in rows]


async def advance_walk(connection: Connection, walk: Walk, *, after: Key | None) -> None:
    """Note how far the walk has come; None ends it."""
    draw = walk.draw
    if after is None:
        await connection.execute(
            "update autoplay_draws set finished_at = now() where lottery = $1 and draw_number = $2",
            draw.lottery, draw.number,
        )  # fmt: skip
    else:
        await connection.execute(
            """update autoplay_draws set after_customer_id = $3, after_autoplay_id = $4
               where lottery = $1 and draw_number = $2""",
            draw.lottery, draw.number, *after,
        )  # fmt: skip


def _row(run: Run) -> tuple[Any, ...]:
    draw = run.draw
    return (
        run.customer_id, run.autoplay_id, draw.number, draw.lottery, draw.draw_at, draw.closes_at, run.state, run.at,
        run.attempts, run.order_id, run.cost, run.currency, run.next_attempt_at, run.code, run.reason,
    )  # fmt: skip


def _run(row: asyncpg.Record) -> Run:
    return Run(
        customer_id=row["customer_id"],
        autoplay_id=row["autoplay_id"],
        draw=Draw(row["lottery"], row["draw_number"], row["draw_at"], row["closes_at"]),
        state=RunState(row["state"]),
        at=row["at"],
        attempts=row["attempts"],
        order_id=row["order_id"],
        cost=row["cost"],
        currency=row["currency"],
        next_attempt_at=row["next_attempt_at"],
        code=row["code"],
        reason=row["reason"],
    )
