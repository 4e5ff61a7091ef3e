"""The tables of points. Every writer holds the customers' account rows, taken with `lock_accounts`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.loyalty.points.domain import Kind, Movement
from shared.db import Connection, columns

_POST = """
    with asked as (
        select * from unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::timestamptz[], $6::text[],
                             $7::text[], $8::text[], $9::text[], $10::text[])
            with ordinality as m (customer_id, id, kind, points, occurred_at, order_id,
                                  ticket_id, store_id, terminal_id, payment_transaction_id, n)),
    fresh as (
        select distinct on (customer_id, kind, ticket_id) * from asked
        where not exists (select from point_entries e where e.customer_id = asked.customer_id
                          and e.kind = asked.kind and e.ticket_id = asked.ticket_id)
        order by customer_id, kind, ticket_id, n),
    posted as (
        insert into point_entries (customer_id, seq, id, occurred_at, kind, points, balance, order_id, ticket_id,
                                   store_id, terminal_id, payment_transaction_id)
        select customer_id, a.last_seq + row_number() over earlier, id, occurred_at, kind, points,
               a.balance + sum(points) over earlier, order_id, ticket_id, store_id, terminal_id,
               payment_transaction_id
        from fresh join point_accounts a using (customer_id)
        window earlier as (partition by customer_id order by n)
        returning customer_id, seq, id, points, balance),
    sums as (
        select customer_id, count(*) as entries, sum(points) as change,
               sum(greatest(points, 0)) as earned, sum(greatest(-points, 0)) as clawed_back
        from posted group by customer_id),
    moved as (
        update point_accounts a
        set balance = a.balance + s.change, lifetime_earned = a.lifetime_earned + s.earned,
            lifetime_clawed_back = a.lifetime_clawed_back + s.clawed_back, last_seq = a.last_seq + s.entries
        from sums s where a.customer_id = s.customer_id)
    select id, balance from posted
"""

_HISTORY_COLUMNS = """seq, id, occurred_at, kind, points, balance, order_id, ticket_id, store_id, terminal_id,
    payment_transaction_id"""


@dataclass(frozen=True, slots=True)
class Award:
    """What a ticket earned and where it was bought."""

    points: int
    store_id: str | None
    terminal_id: str | None
    payment_transaction_id: str | None


@dataclass(frozen=True, slots=True)
class Account:
    """A customer's points in sum."""

    balance: int
    lifetime_earned: int
    lifetime_clawed_back: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A movement as it stands in the history; `seq` counts a customer's entries from 1."""

    seq: int
    id: UUID
    occurred_at: datetime
    kind: Kind
    points: int
    balance: int
    order_id: str
    ticket_id: str
    store_id: str | None
    terminal_id: str | None
    payment_transaction_id: str | None


async def lock_accounts(connection: Connection, customer_ids: Sequence[str]) -> None:
    """Open the accounts that do not exist and lock all of them, in the order given, until the commit."""
    await connection.execute(
        "insert into point_accounts (customer_id) select unnest($1::text[]) on conflict do nothing", customer_ids
    )
    await connection.execute(
        "select from point_accounts where customer_id = any($1::text[]) order by customer_id for update",
        customer_ids,
    )


async def post(connection: Connection, movements: Sequence[Movement]) -> dict[UUID, int]:
    """Enter movements in their order, each fact once; returns the balance after each that was not entered before."""
    rows = await connection.fetch(
        _POST,
        [movement.customer_id for movement in movements],
        [movement.id for movement in movements],
        [movement.kind for movement in movements],
        [movement.points for movement in movements],
        [movement.occurred_at for movement in movements],
        [movement.order_id for movement in movements],
        [movement.ticket_id for movement in movements],
        [movement.store_id for movement in movements],
        [movement.terminal_id for movement in movements],
        [movement.payment_transaction_id for movement in movements],
    )
    return {row["id"]: row["balance"] for row in rows}


async def awards(connection: Connection, tickets: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Award]:
    """What these tickets earned, by (customer id, ticket id); nothing for those that earned nothing."""
    rows = await connection.fetch(
        """select customer_id, ticket_id, points, store_id, terminal_id, payment_transaction_id
           from unnest($1::text[], $2::text[]) as t (customer_id, ticket_id)
           join point_entries e using (customer_id, ticket_id) where e.kind = 'earned'""",
        *columns(tickets, 2),
    )
    return {(customer_id, ticket_id): Award(*award) for customer_id, ticket_id, *award in rows}


async def account(connection: Connection, customer_id: str) -> Account:
    """The sums of a customer, all zero for one that is not known here."""
    row = await connection.fetchrow(
        "select balance, lifetime_earned, lifetime_clawed_back from point_accounts where customer_id = $1",
        customer_id,
    )
    return Account(*row) if row is not None else Account(0, 0, 0)


async def history(
    connection: Connection, customer_id: str, *, kind: Kind | None, before: int | None, limit: int
) -> list[Entry]:
    """A customer's movements, the newest first; `before` is the `seq` to go on from."""
    rows = await connection.fetch(
        f"""select {_HISTORY_COLUMNS} from point_entries
            where customer_id = $1 and ($2::text is null or kind = $2) and ($3::bigint is null or seq < $3)
            order by seq desc limit $4""",  # noqa: S608 - a constant list of columns
        customer_id, kind, before, limit,
    )  # fmt: skip
    return [Entry(*row) for row in rows]
