"""The order history of a customer, filtered, sorted by any of its columns, a page at a time.

By order date, its own order, a page is a range of the index `tickets_history`. By any other column a page is the best
of one pass over the customer's own tickets, which the same index bounds: its cost grows with the customer's tickets,
not with the depth of the page nor with the table. At 100,000 tickets of one customer it is about 0.1 s, by checkout,
which the orders have, 0.4 s. One index more for such a sort makes a ticket cost 1.7 times as much to record, so there
is none. The few ids of merged customers are asked for one after the other: each page of theirs is made of a page each.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any, Literal

from services.tickets.lifecycle.domain import Ticket
from services.tickets.lifecycle.store import BESIDE_TICKET, DRAW_AT, DRAWS, TICKET_COLUMNS, TICKETS, ticket_of
from services.tickets.lifecycle.table import State
from shared.db import Connection

Column = Literal[
    "ordered_at", "ticket_id", "order_id", "checkout_id", "lottery", "draw_number", "draw_at", "offer_id",
    "offer_label", "price", "status", "created_from_autoplay", "customer_name",
]  # fmt: skip
Direction = Literal["asc", "desc"]
# The value of the column, then what makes it unique.
Position = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """Which tickets of the order history to show; None shows all. `since` is included, `until` is not.

    `archived` chooses draws before `archived_before`, or the others.
    """

    archived_before: datetime
    archived: bool | None = None
    states: Sequence[State] | None = None
    lottery: str | None = None
    draw_number: int | None = None
    ordered_since: datetime | None = None
    ordered_until: datetime | None = None
    drawn_since: datetime | None = None
    drawn_until: datetime | None = None
    created_from_autoplay: bool | None = None
    autoplay_id: str | None = None


@dataclass(frozen=True, slots=True)
class _Sort:
    """How to sort by a column: in SQL, and the value of a ticket."""

    expression: str
    value: Callable[[Ticket], Any]


# No column of the primary key: for the best 25 of a customer's many tickets PostgreSQL would read the tickets of all
# customers in the order of their ids, and expect to meet enough of these soon.
_TICKET_ID = "(t.ticket_id || '')"
_SORTS: Mapping[Column, _Sort] = {
    "ticket_id": _Sort(_TICKET_ID, lambda ticket: ticket.ticket_id),
    "order_id": _Sort("t.order_id", lambda ticket: ticket.order.order_id),
    "checkout_id": _Sort("o.checkout_id", lambda ticket: ticket.order.checkout_id),
    "lottery": _Sort('t.lottery collate "C"', lambda ticket: ticket.bought.lottery),
    "draw_number": _Sort("t.draw_number", lambda ticket: ticket.bought.draw_number),
    "draw_at": _Sort(DRAW_AT, lambda ticket: ticket.bought.draw_at),
    "offer_id": _Sort('t.offer_id collate "C"', lambda ticket: ticket.bought.offer_id),
    "offer_label": _Sort('t.offer_label collate "C"', lambda ticket: ticket.bought.offer_label),
    "price": _Sort("t.price", lambda ticket: ticket.bought.price),
    "status": _Sort(
        "case when t.limbo_since is not null then 'limbo' else t.state end", lambda ticket: ticket.status.value
    ),
    "created_from_autoplay": _Sort("t.autoplay_id is not null", lambda ticket: ticket.bought.autoplay_id is not None),
    # All tickets of an id have the same: it is looked up once. Those of merged customers may have several.
    "customer_name": _Sort(
        "coalesce((select concat_ws(' ', c.first_name, c.last_name) from customers c where c.customer_id = $1), '')"
        ' collate "C"',
        lambda ticket: ticket.customer_name or "",
    ),
}

# By the filter they stand for. A statement has those that are given and no others: with nullable parameters for all of
# them PostgreSQL plans for any to be given, and reads tickets and draws where the index would do.
_CONDITIONS = {
    "states": "t.state = any({}::text[])",
    # Not by the index of draws: PostgreSQL takes a new draw to have few tickets, and would read those of everybody.
    "lottery": "(t.lottery || '') = {}",
    "draw_number": "t.draw_number + 0 = {}",
    "ordered_since": "t.ordered_at >= {}",
    "ordered_until": "t.ordered_at < {}",
    "drawn_since": f"{DRAW_AT} >= {{}}",
    "drawn_until": f"{DRAW_AT} < {{}}",
    "created_from_autoplay": "(t.autoplay_id is not null) = {}",
    "autoplay_id": "t.autoplay_id = {}",
}
_ARCHIVED = {True: f"{DRAW_AT} < {{}}", False: f"{DRAW_AT} >= {{}}"}

_ORDER_DATE = "t.ordered_at %(direction)s, t.order_id %(direction)s, t.ticket_id %(direction)s"
# Draws are joined for the conditions; PostgreSQL leaves them out when none asks for them.
_BY_ORDER_DATE = f"""select {TICKET_COLUMNS}
    from (select t.* from tickets t {DRAWS} where %(conditions)s order by {_ORDER_DATE} limit $2) t {BESIDE_TICKET}
    order by {_ORDER_DATE}"""  # noqa: S608 - constants
_BY_COLUMN = f"""with picked as (
        select t.ticket_id, %(expression)s as value
        from tickets t {DRAWS} %(orders)s
        where %(conditions)s
        order by %(expression)s %(direction)s, {_TICKET_ID} %(direction)s
        limit $2)
    select {TICKET_COLUMNS} from picked p join {TICKETS} on t.ticket_id = p.ticket_id
    order by p.value %(direction)s, p.ticket_id %(direction)s"""  # noqa: S608 - constants
_ORDERS = "join orders o on o.order_id = t.order_id"


async def history(
    connection: Connection,
    customer_ids: Sequence[str],
    wanted: HistoryFilter,
    *,
    column: Column = "ordered_at",
    direction: Direction = "desc",
    after: Position | None,
    limit: int,
) -> list[Ticket]:
    """The tickets of a customer, given by all of its ids, in the order of a column, beyond the position `after`."""
    found = [
        await _of_one_id(connection, each, wanted, column=column, direction=direction, after=after, limit=limit)
        for each in customer_ids
    ]
    if len(found) == 1:
        return found[0]
    in_order = sorted(chain(*found), key=partial(position, column), reverse=direction == "desc")
    return in_order[:limit]


async def _of_one_id(
    connection: Connection,
    customer_id: str,
    wanted: HistoryFilter,
    *,
    column: Column,
    direction: Direction,
    after: Position | None,
    limit: int,
) -> list[Ticket]:
    arguments: list[Any] = [customer_id, limit]
    conditions = ["t.customer_id = $1", *_conditions(wanted, arguments)]
    if after is not None:
        conditions.append(_beyond(column, direction, after, arguments))
    rows = await connection.fetch(_statement(column, direction, " and ".join(conditions)), *arguments)
    return [ticket_of(row) for row in rows]


def position(column: Column, ticket: Ticket) -> Position:
    """Where a ticket stands in the order of a column."""
    if column == "ordered_at":
        return ticket.order.ordered_at, ticket.order.order_id, ticket.ticket_id
    return _SORTS[column].value(ticket), ticket.ticket_id


def _conditions(wanted: HistoryFilter, arguments: list[Any]) -> list[str]:
    """The conditions for what is given, whose values are added to the arguments."""
    given = [(sql, getattr(wanted, name)) for name, sql in _CONDITIONS.items()]
    if wanted.archived is not None:
        given.append((_ARCHIVED[wanted.archived], wanted.archived_before))
    return [sql.format(_parameter(value, arguments)) for sql, value in given if value is not None]


def _beyond(column: Column, direction: Direction, after: Position, arguments: list[Any]) -> str:
    values = ", ".join(_parameter(value, arguments) for value in after)
    key = "t.ordered_at, t.order_id, t.ticket_id"
    if column != "ordered_at":
        key = f"{_SORTS[column].expression}, {_TICKET_ID}"
    return f"({key}) {'<' if direction == 'desc' else '>'} ({values})"


def _parameter(value: object, arguments: list[Any]) -> str:
    arguments.append(value)
    return f"${len(arguments)}"


def _statement(column: Column, direction: Direction, conditions: str) -> str:
    if column == "ordered_at":
        return _BY_ORDER_DATE % {"conditions": conditions, "direction": direction}
    return _BY_COLUMN % {
        "expression": _SORTS[column].expression, "direction": direction, "conditions": conditions,
        "orders": _ORDERS if column == "checkout_id" else "",
    }  # fmt: skip
