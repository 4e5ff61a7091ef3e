"""AutoPlays and their timelines."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from services.tickets.autoplay.domain import Autoplay, Entry, Event, State, Terms, shown
from services.tickets.autoplay.schedule import Cadence, Schedule, Weekday
from shared.db import Connection, columns

# (customer id, AutoPlay id)
Key = tuple[str, str]

_COLUMNS = """customer_id, autoplay_id, state, version, lottery, offer_id, games, cadence, weekdays, every,
    first_draw_number, day_of_month, payment_method, spending_limit, time_zone, created_at, running_since, resume_at,
    code, reason"""
# After these the runner looks at draws that it may have passed with others of the lottery.
_RECHECKED = frozenset({Event.CHANGED, Event.RESUMED, Event.PAUSE_ELAPSED})


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One entry of an AutoPlay's timeline; the first is its creation."""

    version: int
    state: State
    event: str
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    code: str | None
    reason: str | None
    draw_number: int | None
    order_id: str | None
    before: dict[str, Any]
    after: dict[str, Any]


async def insert(connection: Connection, autoplay: Autoplay, *, actor: str) -> None:
    """Record a new AutoPlay with the first entry of its timeline."""
    await connection.execute(
        f"""insert into autoplays ({_COLUMNS})
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)""",  # noqa: S608 - constants
        *_row(autoplay),
    )
    await connection.execute(
        """insert into autoplay_timeline (customer_id, autoplay_id, version, state, event, occurred_at, actor, after)
           values ($1, $2, $3, $4, 'created', $5, $6, $7)""",
        autoplay.customer_id, autoplay.autoplay_id, autoplay.version, autoplay.state, autoplay.created_at, actor,
        {name: value for name, value in shown(autoplay).items() if name not in {"status", "resumes_at"}},
    )  # fmt: skip


async def save(connection: Connection, entries: Sequence[Entry]) -> None:
    """Write entries of AutoPlays whose customers are locked: the last state of each, all to the timelines."""
    if not entries:
        return
    last = {entry.autoplay.autoplay_id: entry.autoplay for entry in entries}
    rechecked = {entry.autoplay.autoplay_id for entry in entries if entry.fact.event in _RECHECKED}
    await connection.execute(
        """update autoplays a
           set state = s.state, version = s.version, offer_id = s.offer_id, games = s.games, cadence = s.cadence,
               weekdays = s.weekdays, every = s.every, first_draw_number = s.first_draw_number,
               day_of_month = s.day_of_month, payment_method = s.payment_method, spending_limit = s.spending_limit,
               time_zone = s.time_zone, running_since = s.running_since, resume_at = s.resume_at, code = s.code,
               reason = s.reason, recheck = a.recheck or s.recheck
           from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::int[], $8::text[],
                       $9::text[], $10::int[], $11::bigint[], $12::int[], $13::text[], $14::bigint[], $15::text[],
                       $16::timestamptz[], $17::timestamptz[], $18::timestamptz[], $19::text[], $20::text[],
                       $21::boolean[])
               as s (customer_id, autoplay_id, state, version, lottery, offer_id, games, cadence, weekdays, every,
                     first_draw_number, day_of_month, payment_method, spending_limit, time_zone, created_at,
                     running_since, resume_at, code, reason, recheck)
           where a.customer_id = s.customer_id and a.autoplay_id = s.autoplay_id""",
        *zip(*((*_row(each), each.autoplay_id in rechecked) for each in last.values()), strict=True),
    )
    await connection.execute(
        """insert into autoplay_timeline (customer_id, autoplay_id, version, state, event, occurred_at, actor, code,
                                          reason, draw_number, order_id, before, after)
           select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[],
                                $7::text[], $8::text[], $9::text[], $10::bigint[], $11::text[], $12::jsonb[],
                                $13::jsonb[])""",
        *zip(*(_timeline_row(entry) for entry in entries), strict=True),
    )


async def by_keys(connection: Connection, keys: Sequence[Key]) -> list[Autoplay]:
    """The AutoPlays that exist among these, in the order of customers and ids."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from autoplays
            join unnest($1::text[], $2::text[]) as asked (customer_id, autoplay_id) using (customer_id, autoplay_id)
            order by customer_id, autoplay_id""",  # noqa: S608 - constants
        *columns(keys, 2),
    )
    return [_autoplay(row) for row in rows]


async def by_id(connection: Connection, autoplay_id: str) -> Autoplay | None:
    """The AutoPlay of that id."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from autoplays where autoplay_id = $1",  # noqa: S608 - constants
        autoplay_id,
    )
    return None if row is None else _autoplay(row)


async def of_customers(
    connection: Connection,
    customer_ids: Sequence[str],
    *,
    states: Sequence[State] | None,
    before: str | None = None,
    limit: int | None = None,
) -> list[Autoplay]:
    """AutoPlays of these customers with ids below `before`, newest first."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from autoplays
            where customer_id = any($1::text[]) and ($2::text[] is null or state = any($2))
              and ($3::text is null or autoplay_id < $3)
            order by autoplay_id desc limit $4""",  # noqa: S608 - constants
        customer_ids, states, before, limit,
    )  # fmt: skip
    return [_autoplay(row) for row in rows]


async def timeline(
    connection: Connection, customer_id: str, autoplay_id: str, *, before: int | None, limit: int
) -> list[TimelineEntry]:
    """Entries of an AutoPlay below the version `before`, newest first."""
    rows = await connection.fetch(
        """select version, state, event, occurred_at, recorded_at, actor, code, reason, draw_number, order_id,
                  before, after
           from autoplay_timeline
           where customer_id = $1 and autoplay_id = $2 and version < coalesce($3::bigint, 9223372036854775807)
           order by version desc limit $4""",
        customer_id, autoplay_id, before, limit,
    )  # fmt: skip
    return [TimelineEntry(version, State(state), *rest) for version, state, *rest in rows]


async def elapsed_pauses(connection: Connection, *, limit: int, left_out: Sequence[Key]) -> list[Key]:
    """The AutoPlays whose pause has ended, but for those to be left out."""
    rows = await connection.fetch(
        """select customer_id, autoplay_id from autoplays
           where state = 'paused' and resume_at <= now() and autoplay_id <> all($2::text[])
           order by resume_at limit $1""",
        limit,
        [autoplay_id for _, autoplay_id in left_out],
    )
    return [(row[0], row[1]) for row in rows]


async def to_recheck(connection: Connection, *, limit: int, left_out: Sequence[Key]) -> list[Key]:
    """AutoPlays that began to run or changed since the runner last looked at them, but for those to be left out."""
    rows = await connection.fetch(
        """select customer_id, autoplay_id from autoplays where recheck and autoplay_id <> all($2::text[])
           order by customer_id, autoplay_id limit $1""",
        limit,
        [autoplay_id for _, autoplay_id in left_out],
    )
    return [(row[0], row[1]) for row in rows]


async def recheck_later(connection: Connection, keys: Sequence[Key]) -> None:
    """Have the runner look at these again."""
    if keys:
        await connection.execute(
            """update autoplays a set recheck = true
               from unnest($1::text[], $2::text[]) as later (customer_id, autoplay_id)
               where a.customer_id = later.customer_id and a.autoplay_id = later.autoplay_id and not a.recheck""",
            *zip(*keys, strict=True),
        )


async def recheck_in_zones(connection: Connection, zones: Sequence[tuple[str, str | None, int]]) -> None:
    """Have the runner look at those that go by another time zone when customers get these.

    To be called before, for locked customers, each given once as (id, time zone, version of the details).
    """
    await connection.execute(
        """update autoplays a set recheck = true, running_since = now()
           from unnest($1::text[], $2::text[], $3::bigint[]) as n (customer_id, time_zone, version)
               join customers c using (customer_id)
           where a.customer_id = n.customer_id and a.time_zone is null and a.state in ('active', 'retrying')
             and c.details_version < n.version and c.time_zone is distinct from n.time_zone""",
        *columns(zones, 3),
    )


async def rechecked(connection: Connection, keys: Sequence[Key]) -> None:
    """Note that the runner has looked at these, whose customers are locked."""
    await connection.execute(
        """update autoplays a set recheck = false
           from unnest($1::text[], $2::text[]) as done (customer_id, autoplay_id)
           where a.customer_id = done.customer_id and a.autoplay_id = done.autoplay_id""",
        *columns(keys, 2),
    )


def _row(autoplay: Autoplay) -> tuple[Any, ...]:
    terms = autoplay.terms
    schedule = terms.schedule
    return (
        autoplay.customer_id, autoplay.autoplay_id, autoplay.state, autoplay.version, terms.lottery, terms.offer_id,
        terms.games, schedule.cadence, ",".join(schedule.weekdays), schedule.every, schedule.first_draw_number,
        schedule.day_of_month, terms.payment_method, terms.spending_limit, terms.time_zone, autoplay.created_at,
        autoplay.running_since, autoplay.resume_at, autoplay.code, autoplay.reason,
    )  # fmt: skip


def _timeline_row(entry: Entry) -> tuple[Any, ...]:
    autoplay, fact = entry.autoplay, entry.fact
    return (
        autoplay.customer_id, autoplay.autoplay_id, autoplay.version, autoplay.state, fact.event, fact.at, fact.actor,
        fact.code, fact.reason, fact.draw_number, fact.order_id, *entry.changed,
    )  # fmt: skip


def _autoplay(row: asyncpg.Record) -> Autoplay:
    schedule = Schedule(
        cadence=Cadence(row["cadence"]),
        weekdays=tuple(Weekday(day) for day in row["weekdays"].split(",") if day),
        every=row["every"],
        first_draw_number=row["first_draw_number"],
        day_of_month=row["day_of_month"],
    )
    return Autoplay(
        autoplay_id=row["autoplay_id"],
        customer_id=row["customer_id"],
        terms=Terms(
            lottery=row["lottery"],
            offer_id=row["offer_id"],
            games=row["games"],
            schedule=schedule,
            payment_method=row["payment_method"],
            spending_limit=row["spending_limit"],
            time_zone=row["time_zone"],
        ),
        state=State(row["state"]),
        version=row["version"],
        created_at=row["created_at"],
        running_since=row["running_since"],
        resume_at=row["resume_at"],
        code=row["code"],
        reason=row["reason"],
    )
