"""The outbox: events that were committed with their cause and are still to be published."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Self
from uuid import UUID

import orjson

from shared.contracts import Event
from shared.db import Connection, Statement, insert_rows, insertion
from shared.ids import uuid7
from shared.messaging.cloudevents import MAX_VALUE_BYTES, payload_of

# Of large rows, which dead letters may be, the relay takes no more at a time; the first one whatever its size.
MAX_READ_BYTES = 16_000_000
_COLUMNS = {
    "id": "uuid", "aggregatetype": "text", "aggregateid": "text", "type": "text", "payload": "bytea",
    "occurred_at": "timestamptz", "traceparent": "text",
}  # fmt: skip


class TooLargeError(ValueError):
    """The event is larger than any reader takes. In the outbox it would be lost to them, or stop the relay."""


class Prepared(NamedTuple):
    """An event to publish whose values are valid by where they come from: nothing checks them again.

    For hot paths; a test holds each of them to its contract. `data` is JSON with datetimes in UTC and without nulls,
    `key` the customer's id.
    """

    contract: type[Event]
    key: str
    data: dict[str, Any]


class OutboxRow(NamedTuple):
    """One event to publish: the columns of its row in their order.

    `headers` (name, base64) replaces the CloudEvents headers when it is given.
    """

    id: UUID
    topic: str
    key: str | None
    type: str
    payload: bytes | None
    occurred_at: datetime
    traceparent: str | None
    headers: list[list[str]] | None = None

    @classmethod
    def of(cls, event: Event | Prepared, *, at: datetime, traceparent: str) -> Self:
        """The row of an event.

        Raises:
            TooLargeError: it has more bytes than the value of an event may have.
        """
        if isinstance(event, Prepared):
            contract, key, data = event
            payload = orjson.dumps(data, option=orjson.OPT_UTC_Z)
        else:
            contract, key, payload = type(event), event.key(), payload_of(event)
        if len(payload) > MAX_VALUE_BYTES:
            raise TooLargeError(f"{contract.type}: {len(payload)} bytes are more than {MAX_VALUE_BYTES}")
        return cls(uuid7(), contract.topic, key, contract.type, payload, at, traceparent)


@dataclass(frozen=True, slots=True)
class PendingRow:
    """An outbox row as the relay reads it."""

    sequence: int
    row: OutboxRow


async def insert_outbox(connection: Connection, rows: Sequence[OutboxRow]) -> None:
    """Write the rows in their order, which is the order in which they will be published."""
    if any(row.headers is not None for row in rows):
        await connection.copy_records_to_table("outbox", records=rows, columns=[*_COLUMNS, "headers"])
    else:
        await insert_rows(connection, "outbox", _COLUMNS, [row[:-1] for row in rows])


def outbox_insertion(rows: Sequence[OutboxRow]) -> Statement | None:
    """The statement that inserts a few rows, to run together with others; None for rows with headers of their own."""
    if any(row.headers is not None for row in rows):
        return None
    return insertion("outbox", _COLUMNS, [row[:-1] for row in rows])


async def read_outbox(connection: Connection, *, under_way: Sequence[int], limit: int) -> list[PendingRow]:
    """The oldest rows, but for those under way: at most `limit`, and fewer when they are large.

    Never "rows above the last one read": a lower number may become visible later, and a later event of the same
    customer, with a higher number, in the same moment.
    """
    rows = await connection.fetch(
        """select sequence, id, aggregatetype, aggregateid, type, payload, occurred_at, traceparent, headers
           from (select *, sum(coalesce(length(payload), 0) + coalesce(pg_column_size(headers), 0))
                               over (order by sequence rows between unbounded preceding and 1 preceding) as before
                 from outbox where sequence <> all($1::bigint[]) order by sequence limit $2) as oldest
           where before is null or before < $3 order by sequence""",
        under_way, limit, MAX_READ_BYTES,
    )  # fmt: skip
    return [PendingRow(sequence, OutboxRow(*columns)) for sequence, *columns in rows]


async def delete_outbox(connection: Connection, sequences: Sequence[int]) -> None:
    """Forget rows that Kafka has acknowledged."""
    await connection.execute("delete from outbox where sequence = any($1::bigint[])", sequences)
