"""Statements: the lines of a period as CSV or JSON lines, made piece by piece and complete at any size."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import orjson

from services.accounts.ledger import history
from services.accounts.ledger.history import Filters, Span
from shared.csv_lines import csv_head, csv_line
from shared.db import Database
from shared.money import figure

# Lines that are read at a time.
PIECE = 1000

_HEADER = (
    "number", "booked_at", "occurred_at", "type", "status", "method", "description", "reason", "money_in", "money_out",
    "balance", "currency", "order_id", "ticket_id", "transaction_id",
)  # fmt: skip

Write = Callable[[Sequence[Mapping[str, Any]]], bytes]


async def statement(
    database: Database, customer_id: str, filters: Filters, within: Span, write: Write, *, start: bytes = b""
) -> AsyncIterator[bytes]:
    """The lines of the span that pass the filters, oldest first. The connection is given back between the pieces.

    Lines never change, so pieces read one after the other make one statement as of its beginning.
    """
    if start:
        yield start
    for low in range(within.low, within.high, PIECE):
        piece = Span(low, min(low + PIECE, within.high))
        async with database.read() as connection:
            rows = await history.lines(connection, customer_id, filters, piece, limit=None, newest_first=False)
        if rows:
            yield write(rows)


def csv_header() -> bytes:
    """The first line of a statement in CSV."""
    return csv_head(_HEADER)


def csv_lines(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Lines of CSV, amounts in major units; internal notes are left out, the customer may get to see it."""
    return "".join(csv_line(_cells(row)) for row in rows).encode()


def json_lines(customer_id: str, rows: Sequence[Mapping[str, Any]]) -> bytes:
    """A JSON object for each line, with the fields of a transaction and its customer."""
    objects = ({"customer_id": customer_id, **row} for row in rows)
    return b"".join(orjson.dumps(each, default=str, option=orjson.OPT_APPEND_NEWLINE) for each in objects)


def _cells(row: Mapping[str, Any]) -> Sequence[str | int | None]:
    currency = row["currency"]
    money_in, money_out = row["amount_in"], row["amount_out"]
    return (
        row["seq"], row["recorded_at"].isoformat(), row["occurred_at"].isoformat(), row["kind"], row["status"],
        row["method"], row["description"], row["reason"], figure(money_in, currency) if money_in else None,
        figure(money_out, currency) if money_out else None, figure(row["balance"], currency), currency,
        row["order_id"], row["ticket_id"], str(row["entry_id"]),
    )  # fmt: skip
