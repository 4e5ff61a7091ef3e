"""Lotteries, draws and offers in PostgreSQL."""

from collections.abc import Collection, Iterable
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import asyncpg

from services.tickets.draws.domain import Draw, DrawState, Lottery, Offer
from services.tickets.orders.domain import NewOrder
from shared.db import Connection

_LOTTERY = ", ".join(each.name for each in fields(Lottery))
_DRAW = ", ".join(each.name for each in fields(Draw))
_OFFER = ", ".join(each.name for each in fields(Offer))

# Nothing that is known is written or locked: a row that is there already costs one look into its index. New rows come
# in the order of their keys, so that two batches which learn the same ones wait for each other and never deadlock.
_LEARN = """
    with heard_draws as (
        select * from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::timestamptz[])
            as h (lottery, draw_number, closes_at, draw_at)),
    heard_offers as (
        select * from unnest($5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[])
            as h (lottery, offer_id, label, price, currency)),
    new_lotteries as (
        insert into lotteries (lottery, origin)
        select distinct lottery, 'event' from heard_draws order by lottery
        on conflict do nothing),
    new_draws as (
        insert into draws (lottery, draw_number, closes_at, draw_at, origin)
        select lottery, draw_number, closes_at, draw_at, 'event' from heard_draws order by lottery, draw_number
        on conflict do nothing)
    insert into offers (lottery, offer_id, label, price, currency, origin)
    select lottery, offer_id, label, price, currency, 'event' from heard_offers order by lottery, offer_id
    on conflict do nothing"""


class DrawFilter(NamedTuple):
    """Which draws to list: those held from `since` on and before `until`, of one state."""

    state: DrawState | None = None
    since: datetime | None = None
    until: datetime | None = None


async def learn(connection: Connection, orders: Iterable[NewOrder]) -> None:
    """Record the lotteries, draws and offers that purchases name and nobody has named before."""
    draws: dict[tuple[str, int], tuple[Any, ...]] = {}
    offers: dict[tuple[str, str], tuple[Any, ...]] = {}
    for new in orders:
        for ticket in new.tickets:
            draws.setdefault(
                (ticket.lottery, ticket.draw_number),
                (ticket.lottery, ticket.draw_number, ticket.draw_closes_at, ticket.draw_at),
            )
            offers.setdefault(
                (ticket.lottery, ticket.offer_id),
                (ticket.lottery, ticket.offer_id, ticket.offer_label, ticket.price, new.order.currency),
            )
    if draws:
        await connection.execute(_LEARN, *zip(*draws.values(), strict=True), *zip(*offers.values(), strict=True))


async def lottery_named(connection: Connection, lottery: str) -> Lottery | None:
    """A lottery by its name."""
    row = await connection.fetchrow(f"select {_LOTTERY} from lotteries where lottery = $1", lottery)  # noqa: S608
    return None if row is None else Lottery(*row)


async def lottery(connection: Connection, lottery_id: str, *, lock: bool = False) -> Lottery | None:
    """A lottery by its id; `lock` holds it until the transaction ends."""
    row = await connection.fetchrow(
        f"select {_LOTTERY} from lotteries where lottery_id = $1 {_locking(lock)}",  # noqa: S608 - constants
        lottery_id,
    )
    return None if row is None else Lottery(*row)


async def lotteries(connection: Connection, *, name: str | None = None, after: str | None, limit: int) -> list[Lottery]:
    """Lotteries by name, above `after`; only that of this `name` if one is given."""
    rows = await connection.fetch(
        f"""select {_LOTTERY} from lotteries where lottery > $1 and ($3::text is null or lottery = $3)
            order by lottery limit $2""",  # noqa: S608 - constants
        after or "", limit, name,
    )  # fmt: skip
    return [Lottery(*row) for row in rows]


async def add_lottery(
    connection: Connection, name: str, *, description: str | None, cancellation_window: timedelta
) -> Lottery | None:
    """Record a new lottery, None when there is one of that name."""
    row = await connection.fetchrow(
        f"""insert into lotteries (lottery, description, cancellation_window, origin) values ($1, $2, $3, 'api')
            on conflict do nothing returning {_LOTTERY}""",  # noqa: S608 - constants
        name, description, cancellation_window,
    )  # fmt: skip
    return None if row is None else Lottery(*row)


async def save_lottery(connection: Connection, changed: Lottery) -> Lottery:
    """Write an edit of a locked lottery."""
    row = await connection.fetchrow(
        f"""update lotteries set description = $2, cancellation_window = $3, origin = 'api', version = version + 1,
                changed_at = now()
            where lottery = $1 returning {_LOTTERY}""",  # noqa: S608 - constants
        changed.lottery, changed.description, changed.cancellation_window,
    )  # fmt: skip
    return Lottery(*_one(row))


async def draw(connection: Connection, lottery: str, draw_number: int, *, lock: bool = False) -> Draw | None:
    """A draw of a lottery; `lock` holds it until the transaction ends."""
    row = await connection.fetchrow(
        f"select {_DRAW} from draws where lottery = $1 and draw_number = $2 {_locking(lock)}",  # noqa: S608 - constants
        lottery, draw_number,
    )  # fmt: skip
    return None if row is None else _draw_of(row)


async def draws(
    connection: Connection, lottery: str, wanted: DrawFilter, *, now: datetime, after: tuple[datetime, int] | None,
    limit: int,
) -> list[Draw]:  # fmt: skip
    """Draws of a lottery, the latest first, below (draw time, number) `after`."""
    # The last condition gives $7 its type where the state asks for no time.
    rows = await connection.fetch(
        f"""select {_DRAW} from draws
            where lottery = $1
              and ($3::timestamptz is null or draw_at >= $3) and ($4::timestamptz is null or draw_at < $4)
              and (draw_at, draw_number) < (coalesce($5::timestamptz, 'infinity'), coalesce($6::bigint, 0))
              and {_STATES[wanted.state]}
              and $7::timestamptz is not null
            order by draw_at desc, draw_number desc limit $2""",  # noqa: S608 - constants
        lottery, limit, wanted.since, wanted.until, *(after or (None, None)), now,
    )  # fmt: skip
    return [_draw_of(row) for row in rows]


# The same as `Draw.state`, for the database to choose by; a test holds both against each other.
_STATES: dict[DrawState | None, str] = {
    None: "true",
    DrawState.SCHEDULED: "outcome is null and opens_at > $7 and closes_at > $7",
    DrawState.OPEN: "outcome is null and (opens_at is null or opens_at <= $7) and closes_at > $7",
    DrawState.CLOSED: "outcome is null and closes_at <= $7",
    DrawState.DRAWN: "outcome = 'drawn'",
    DrawState.CANCELLED: "outcome = 'cancelled'",
}


async def add_draw(
    connection: Connection, lottery: str, draw_number: int, *, opens_at: datetime | None, closes_at: datetime,
    draw_at: datetime,
) -> Draw | None:  # fmt: skip
    """Record a new draw, None when the lottery has one of that number."""
    row = await connection.fetchrow(
        f"""insert into draws (lottery, draw_number, opens_at, closes_at, draw_at, origin)
            values ($1, $2, $3, $4, $5, 'api') on conflict do nothing returning {_DRAW}""",  # noqa: S608 - constants
        lottery, draw_number, opens_at, closes_at, draw_at,
    )  # fmt: skip
    return None if row is None else _draw_of(row)


async def save_draw(connection: Connection, changed: Draw) -> Draw:
    """Write what was done with a locked draw."""
    row = await connection.fetchrow(
        f"""update draws
            set opens_at = $3, closes_at = $4, draw_at = $5, outcome = $6, decided_at = $7, decided_by = $8,
                reason = $9, origin = 'api', version = version + 1, changed_at = now()
            where lottery = $1 and draw_number = $2 returning {_DRAW}""",  # noqa: S608 - constants
        changed.lottery, changed.draw_number, changed.opens_at, changed.closes_at, changed.draw_at, changed.outcome,
        changed.decided_at, changed.decided_by, changed.reason,
    )  # fmt: skip
    return _draw_of(_one(row))


async def offer(connection: Connection, lottery: str, offer_id: str, *, lock: bool = False) -> Offer | None:
    """An offer of a lottery; `lock` holds it until the transaction ends."""
    row = await connection.fetchrow(
        f"select {_OFFER} from offers where lottery = $1 and offer_id = $2 {_locking(lock)}",  # noqa: S608 - constants
        lottery, offer_id,
    )  # fmt: skip
    return None if row is None else Offer(*row)


async def offers(
    connection: Connection, lottery: str, *, active: bool | None, after: str | None, limit: int
) -> list[Offer]:
    """Offers of a lottery by id, above `after`."""
    rows = await connection.fetch(
        f"""select {_OFFER} from offers
            where lottery = $1 and offer_id > $2 and ($3::boolean is null or active = $3)
            order by offer_id limit $4""",  # noqa: S608 - constants
        lottery, after or "", active, limit,
    )  # fmt: skip
    return [Offer(*row) for row in rows]


async def offers_by_id(connection: Connection, lottery: str, offer_ids: Collection[str]) -> dict[str, Offer]:
    """Those of a lottery's offers that exist among these ids."""
    rows = await connection.fetch(
        f"select {_OFFER} from offers where lottery = $1 and offer_id = any($2::text[])",  # noqa: S608 - constants
        lottery, list(offer_ids),
    )  # fmt: skip
    return {row["offer_id"]: Offer(*row) for row in rows}


async def add_offer(
    connection: Connection, lottery: str, offer_id: str, *, label: str, price: int, currency: str
) -> Offer | None:
    """Record a new offer, None when the lottery has one of that id."""
    row = await connection.fetchrow(
        f"""insert into offers (lottery, offer_id, label, price, currency, origin)
            values ($1, $2, $3, $4, $5, 'api') on conflict do nothing returning {_OFFER}""",  # noqa: S608 - constants
        lottery, offer_id, label, price, currency,
    )  # fmt: skip
    return None if row is None else Offer(*row)


async def save_offer(connection: Connection, changed: Offer) -> Offer:
    """Write an edit of a locked offer."""
    row = await connection.fetchrow(
        f"""update offers set label = $3, price = $4, currency = $5, active = $6, origin = 'api',
                version = version + 1, changed_at = now()
            where lottery = $1 and offer_id = $2 returning {_OFFER}""",  # noqa: S608 - constants
        changed.lottery, changed.offer_id, changed.label, changed.price, changed.currency, changed.active,
    )  # fmt: skip
    return Offer(*_one(row))


def _locking(lock: bool) -> str:  # noqa: FBT001 - a private word of SQL
    return "for update" if lock else ""


def _one(row: asyncpg.Record | None) -> asyncpg.Record:
    if row is None:
        raise LookupError("a row that was locked is gone")
    return row


def _draw_of(row: asyncpg.Record) -> Draw:
    values = dict(row)
    return Draw(**values | {"outcome": DrawState(values["outcome"]) if values["outcome"] else None})
