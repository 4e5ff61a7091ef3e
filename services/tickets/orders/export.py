"""The order history as CSV or JSON lines, made piece by piece and complete at any size."""

from collections.abc import AsyncIterator, Callable, Sequence

import orjson

from services.tickets.customers.store import united_ids
from services.tickets.lifecycle.domain import Ticket
from services.tickets.orders.history import HistoryFilter, history, position
from shared.csv_lines import csv_head, csv_line
from shared.db import Database
from shared.money import figure

# Tickets that are read at a time.
PIECE = 1000

_HEADER = (
    "ticket_id", "lottery", "draw_number", "offer_id", "offer", "draw_at", "ordered_at", "status",
    "created_from_autoplay", "checkout_id", "customer_id", "customer_name", "order_id", "price", "currency", "archived",
    "draw_closes_at", "autoplay_id",
)  # fmt: skip

Write = Callable[[Sequence[Ticket]], bytes]


async def export(
    database: Database, customer_id: str, wanted: HistoryFilter, write: Write, *, start: bytes = b""
) -> AsyncIterator[bytes]:
    """The tickets that pass the filters, newest order first. The connection is given back between the pieces."""
    if start:
        yield start
    async with database.read() as connection:
        customer_ids = await united_ids(connection, customer_id)
    after = None
    while True:
        async with database.read() as connection:
            tickets = await history(connection, customer_ids, wanted, after=after, limit=PIECE)
        if tickets:
            yield write(tickets)
        if len(tickets) < PIECE:
            return
        after = position("ordered_at", tickets[-1])


def csv_header() -> bytes:
    """The first line in CSV."""
    return csv_head(_HEADER)


def csv_lines(wanted: HistoryFilter) -> Write:
    """Writes lines of CSV, prices in major units."""

    def write(tickets: Sequence[Ticket]) -> bytes:
        return "".join(csv_line(_cells(ticket, wanted)) for ticket in tickets).encode()

    return write


def json_lines(item: Callable[[Ticket], object]) -> Write:
    """Writes a JSON object for each ticket."""

    def write(tickets: Sequence[Ticket]) -> bytes:
        return b"".join(orjson.dumps(item(ticket), option=orjson.OPT_APPEND_NEWLINE) for ticket in tickets)

    return write


def _cells(ticket: Ticket, wanted: HistoryFilter) -> Sequence[str | int | None]:
    order, bought = ticket.order, ticket.bought
    return (
        bought.ticket_id, bought.lottery, bought.draw_number, bought.offer_id, bought.offer_label,
        bought.draw_at.isoformat(), order.ordered_at.isoformat(), ticket.status.value,
        "yes" if bought.autoplay_id is not None else "no", order.checkout_id, order.customer_id, ticket.customer_name,
        order.order_id, figure(bought.price, order.currency), order.currency,
        "yes" if bought.draw_at < wanted.archived_before else "no", bought.draw_closes_at.isoformat(),
        bought.autoplay_id,
    )  # fmt: skip
