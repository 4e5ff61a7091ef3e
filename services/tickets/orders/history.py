"""The order history of a customer, filtered, sorted by any of its columns, a page at a time.

By order date, its own order, a page is a range of the index `tickets_history`. By any other column a page is the best
of one pass over the customer's own tickets, which the same index bounds: its cost grows with the customer's tickets,
not with the depth of the page nor with the table.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from services.tickets.lifecycle.domain import State, Ticket
from services.tickets.lifecycle.store import DRAW_AT, DRAWS, TICKET_COLUMNS, TICKETS, ticket_of
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
    """How to sort by a column: in SQL, the type of its values there, and the value of a ticket."""

    expression: str
    type: str
    value: Callable[[Ticket], Any]


_SORTS: Mapping[Column, _Sort] = {
    "ticket_id": _Sort("t.ticket_id", "text", lambda ticket: ticket.ticket_id),
    "order_id": _Sort("t.order_id", "text", lambda ticket: ticket.order.order_id),
    "checkout_id": _Sort("o.checkout_id", "text", lambda ticket: ticket.order.checkout_id),
    "lottery": _Sort('t.lottery collate "C"', "text", lambda ticket: ticket.bought.lottery),
    "draw_number": _Sort("t.draw_number", "bigint", lambda ticket: ticket.bought.draw_number),
    "draw_at": _Sort(DRAW_AT, "timestamptz", lambda ticket: ticket.bought.draw_at),
    "offer_id": _Sort('t.offer_id collate "C"', "text", lambda ticket: ticket.bought.offer_id),
    "offer_label": _Sort('t.offer_label collate "C"', "text", lambda ticket: ticket.bought.offer_label),
    "price": _Sort("t.price", "bigint", lambda ticket: ticket.bought.price),
    "status": _Sort(
        "case when t.limbo_since is not null then 'limbo' else t.state end", "text", lambda ticket: ticket.status.value
    ),
    "created_from_autoplay": _Sort(
        "t.autoplay_id is not null", "boolean", lambda ticket: ticket.bought.autoplay_id is not None
    ),
    # All tickets of a customer have the same.
    "customer_name": _Sort("''::text", "text", lambda _: ""),
}

_FILTERS = f"""t.customer_id = $1
      and ($3::text[] is null or t.state = any($3))
      and ($4::text is null or t.lottery = $4)
      and ($5::bigint is null or t.draw_number = $5)
      and t.ordered_at >= coalesce($6::timestamptz, '-infinity')
      and t.ordered_at < coalesce($7, 'infinity'::timestamptz)
      and {DRAW_AT} >= coalesce($8::timestamptz, '-infinity')
      and {DRAW_AT} < coalesce($9, 'infinity'::timestamptz)
      and ($10::boolean is null or (t.autoplay_id is not null) = $10)
      and ($11::text is null or t.autoplay_id = $11)
      and ($12::boolean is null or ({DRAW_AT} < $13::timestamptz) = $12)
      and $13::timestamptz is not null"""

_BY_ORDER_DATE = f"""select {TICKET_COLUMNS} from {TICKETS}
    where {_FILTERS} %(beyond)s
    order by t.ordered_at %(direction)s, t.order_id %(direction)s, t.ticket_id %(direction)s
    limit $2"""  # noqa: S608 - constants
_BY_COLUMN = f"""with picked as (
        select t.ticket_id, %(expression)s as value
        from tickets t {DRAWS} %(orders)s
        where {_FILTERS} %(beyond)s
        order by %(expression)s %(direction)s, t.ticket_id %(direction)s
        limit $2)
    select {TICKET_COLUMNS} from picked p join {TICKETS} on t.ticket_id = p.ticket_id
    order by p.value %(direction)s, p.ticket_id %(direction)s"""  # noqa: S608 - constants
_ORDERS = "join orders o on o.order_id = t.order_id"


async def history(
    connection: Connection,
    customer_id: str,
    wanted: HistoryFilter,
    *,
    column: Column = "ordered_at",
    direction: Direction = "desc",
    after: Position | None,
    limit: int,
) -> list[Ticket]:
    """A customer's tickets in the order of a column, beyond the position `after`."""
    rows = await connection.fetch(
        _statement(column, direction, paged=after is not None),
        customer_id, limit, wanted.states, wanted.lottery, wanted.draw_number, wanted.ordered_since,
        wanted.ordered_until, wanted.drawn_since, wanted.drawn_until, wanted.created_from_autoplay,
        wanted.autoplay_id, wanted.archived, wanted.archived_before, *(after or ()),
    )  # fmt: skip
    return [ticket_of(row) for row in rows]


def position(column: Column, ticket: Ticket) -> Position:
    """Where a ticket stands in the order of a column."""
    if column == "ordered_at":
        return ticket.order.ordered_at, ticket.order.order_id, ticket.ticket_id
    return _SORTS[column].value(ticket), ticket.ticket_id


def _statement(column: Column, direction: Direction, *, paged: bool) -> str:
    beyond = "<" if direction == "desc" else ">"
    if column == "ordered_at":
        # Not one statement with a nullable key: the row comparison must stay a bound of the index.
        key = f"and (t.ordered_at, t.order_id, t.ticket_id) {beyond} ($14, $15, $16)" if paged else ""
        return _BY_ORDER_DATE % {"beyond": key, "direction": direction}
    sort = _SORTS[column]
    key = f"and ({sort.expression}, t.ticket_id) {beyond} ($14::{sort.type}, $15::text)" if paged else ""
    orders = _ORDERS if column == "checkout_id" else ""
    return _BY_COLUMN % {
        "expression": sort.expression, "direction": direction, "orders": orders, "beyond": key,
    }  # fmt: skip
