"""Activities and carts in PostgreSQL. No function commits; writers hold the customers' locks."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from services.accounts.activity.domain import EARLIEST, KINDS, Activity, Cart, Kind, Position, bounds, latest
from services.accounts.customers.store import united_ids
from shared.db import Connection, Statement, array, execute_together

# COPY takes a round trip more, and two thirds of the time for a row.
_MANY = 50

_ADD = """
    insert into activities (customer_id, kind, occurred_at, reference, details)
    select customer_id, kind, occurred_at, reference,
           case when kind = any($6::text[])
                     and exists (select from customers c
                                 where c.customer_id = given.customer_id and c.erased_at is not null)
                then details - case when kind = any($7::text[]) then $8::text[] else $9::text[] end
                else details end
    from rows from (
        unnest($1::text::text[], $2::text::text[], $3::text::timestamptz[], $4::text::text[]),
        jsonb_array_elements($5::text::jsonb))
        as given (customer_id, kind, occurred_at, reference, details)
    on conflict do nothing"""

# What an erasure takes out of the details of an activity, and does not let in again when an activity comes later.
# Of most kinds those fields by which somebody could be recognised:
_PERSONAL_FIELDS = ["ip_address", "device", "text", "page", "before", "after"]
_OF_CUSTOMERS: list[Kind] = ["login_succeeded", "login_failed", "visit_made", "feedback_left"]
# Of what agents did for a customer, what they wrote about it:
_WRITTEN_FIELDS = ["description", "reason"]
_OF_AGENTS: list[Kind] = [
    "withdrawal", "withdrawal_requested", "withdrawal_rejected", "adjustment", "reversal", "reversal_refused",
    "cancellation_requested", "ticket_cancelled", "autoplay_changed", "autoplay_paused", "autoplay_resumed",
    "autoplay_skipped", "autoplay_cancelled",
]  # fmt: skip
# Activities of these kinds may still come after the erasure; the others with personal fields cannot.
_MAY_COME_LATE = [*_OF_CUSTOMERS, *_OF_AGENTS]
_ERASED_KINDS = [*_MAY_COME_LATE, "details_changed", "customer_registered"]

# A look-up in the index for each id and kind, of no more keys than rows are asked for; then the newest of all with
# their details.
_TIMELINE = """
    select page.customer_id, page.kind, page.occurred_at, page.reference,
           case when $6 then told.details else told.details - 'items' end
    from (
        select found.*
        from unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[])
            as asked (customer_id, kind, before, below)
        cross join lateral (
            select a.customer_id, a.kind, a.occurred_at, a.reference from activities a
            where a.customer_id = asked.customer_id and a.kind = asked.kind
              and (a.occurred_at, a.reference) < (asked.before, asked.below) and a.occurred_at >= $5 {conditions}
            order by a.occurred_at desc, a.reference desc limit $7) as found
        order by found.occurred_at desc, found.kind desc, found.reference desc, found.customer_id desc
        limit $7) as page
    cross join lateral (
        select a.details from activities a
        where a.customer_id = page.customer_id and a.kind = page.kind and a.occurred_at = page.occurred_at
          and a.reference = page.reference offset 0) as told
    order by page.occurred_at desc, page.kind desc, page.reference desc, page.customer_id desc"""
_CONDITIONS = """
              and ($8::text is null or a.details ->> 'channel' = $8)
              and ($9::int[] is null or (a.details ->> 'rating')::int = any($9))"""
# Apart, so that the first is answered from the index alone.
_ALL_OF_KINDS, _SOME_OF_KINDS = _TIMELINE.format(conditions=""), _TIMELINE.format(conditions=_CONDITIONS)

_SAVE_CARTS = """
    insert into carts (customer_id, changed_at, change_id, channel, currency, tickets)
    select customer_id, changed_at, change_id, channel, currency, tickets::jsonb
    from unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[])
        as given (customer_id, changed_at, change_id, channel, currency, tickets)
    on conflict (customer_id) do update set
        changed_at = excluded.changed_at, change_id = excluded.change_id, channel = excluded.channel,
        currency = excluded.currency, tickets = excluded.tickets
    where (carts.changed_at, carts.change_id) < (excluded.changed_at, excluded.change_id)"""


class Filters(NamedTuple):
    """What a timeline shows: `since` inclusive, `until` exclusive; all where a field is None."""

    kinds: Collection[Kind] = KINDS
    since: datetime | None = None
    until: datetime | None = None
    channel: str | None = None
    ratings: Sequence[int] | None = None


async def add(connection: Connection, activities: Sequence[Activity]) -> None:
    """Write those of the activities that are not on record; of an erased customer's without what is personal."""
    await execute_together(connection, adding(activities))


def adding(activities: Sequence[Activity]) -> list[Statement]:
    """The statement with which `add` writes, to run together with others; none when there is nothing to write."""
    if not activities:
        return []
    customers, kinds, times, references, details = zip(*activities, strict=True)
    columns = [array(customers), array(kinds), array(times), array(references)]
    erased = [_MAY_COME_LATE, _OF_AGENTS, _WRITTEN_FIELDS, _PERSONAL_FIELDS]
    return [Statement(_ADD, [*columns, orjson.dumps(details).decode(), *erased])]


async def add_new(connection: Connection, activities: Sequence[Activity]) -> None:
    """Write activities that cannot be on record yet: the caller sees to it that each happens once."""
    if len(activities) < _MANY or any(activity.kind in _MAY_COME_LATE for activity in activities):
        await add(connection, activities)
    else:
        await connection.copy_records_to_table("activities", records=activities, columns=list(Activity._fields))


async def timeline(
    connection: Connection,
    customer_ids: Sequence[str],
    filters: Filters,
    *,
    after: Position | None = None,
    limit: int,
    with_items: bool = False,
) -> list[Activity]:
    """Activities of a customer, the newest first, after a position; checkouts without their items unless asked for.

    `customer_ids` are all ids of the one customer.
    """
    places = bounds(customer_ids, dict.fromkeys(filters.kinds), after, filters.until)
    given = [*zip(*places, strict=True), filters.since or EARLIEST, with_items, limit]
    if filters.channel is None and filters.ratings is None:
        rows = await connection.fetch(_ALL_OF_KINDS, *given)
    else:
        rows = await connection.fetch(_SOME_OF_KINDS, *given, filters.channel, filters.ratings)
    return [Activity(*row) for row in rows]


async def recent(connection: Connection, customer_ids: Sequence[str], limit: int = 7) -> list[Activity]:
    """The last activities of a customer, given by all of its ids, over all services; the newest first."""
    return await timeline(connection, customer_ids, Filters(), limit=limit)


async def save_carts(connection: Connection, changes: Iterable[Cart]) -> None:
    """Make each customer's cart the latest of these and the one on record."""
    carts = list(latest(changes).values())
    if carts:
        columns: list[Sequence[Any]] = list(zip(*carts, strict=True))
        columns[-1] = [orjson.dumps(list(cart.tickets)).decode() for cart in carts]
        await connection.execute(_SAVE_CARTS, *columns)


async def cart(connection: Connection, customer_ids: Sequence[str]) -> Cart | None:
    """The latest cart of a customer, given by all of its ids; None when nothing was ever heard of one."""
    row = await connection.fetchrow(
        """select customer_id, changed_at, change_id, channel, currency, tickets from carts
           where customer_id = any($1::text[]) order by changed_at desc, change_id desc limit 1""",
        customer_ids,
    )
    return Cart(*row) if row else None


async def all_ids(connection: Connection, customer_id: str) -> list[str]:
    """All ids of the customer with this id; this one alone when no customer is on record under it."""
    return await united_ids(connection, customer_id) or [customer_id]


async def known_ids(connection: Connection, customer_id: str) -> list[str]:
    """All ids of the customer with this id; none when neither a customer nor an activity is on record under any."""
    ids = await all_ids(connection, customer_id)
    return ids if await is_known(connection, ids) else []


async def is_known(connection: Connection, customer_ids: Sequence[str]) -> bool:
    """Whether a customer or an activity is on record under any of these ids."""
    return bool(
        await connection.fetchval(
            """select exists (select 1 from customers where customer_id = any($1::text[]))
                   or exists (select 1 from activities where customer_id = any($1::text[]))""",
            customer_ids,
        )
    )


async def erase(connection: Connection, customer_ids: Sequence[str]) -> None:
    """Take what is personal out of all rows of a customer, given by all of its ids; that they happened stays."""
    await connection.execute(
        """update activities
           set details = details - case when kind = any($3::text[]) then $4::text[] else $5::text[] end
           where customer_id = any($1::text[]) and kind = any($2::text[])""",
        customer_ids, _ERASED_KINDS, _OF_AGENTS, _WRITTEN_FIELDS, _PERSONAL_FIELDS,
    )  # fmt: skip
