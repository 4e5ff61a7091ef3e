"""Events kept in the database for later: parked behind a dead letter, or waiting for their cause."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from shared.contracts import Event
from shared.db import Connection, array
from shared.messaging.batch import Wait
from shared.messaging.records import Received, Record, Undecodable, headers_from_json

_RECORD_COLUMNS = "topic, partition, record_offset, record_key, headers, value"


def _record(
    topic: str, partition: int, offset: int, key: bytes | None, headers: list[list[str]], value: bytes | None
) -> Record:
    return Record(topic, partition, offset, key, headers_from_json(headers), value)


async def parked_keys(connection: Connection, *, consumer: str, keys: Sequence[str]) -> set[str]:
    """Which of the keys are parked; they stay so until the transaction ends.

    The share lock makes a replay that is about to release a key wait, so that no event is parked behind its back.
    """
    rows = await connection.fetch(
        """select ordering_key from parked_keys
           where consumer = $1 and ordering_key = any($2::text::text[]) and not is_open
           order by ordering_key for share""",
        consumer, array(keys),
    )  # fmt: skip
    return {row[0] for row in rows}


async def open_key(connection: Connection, *, consumer: str, dead_letter_id: UUID) -> str | None:
    """Let the key go that is parked behind the letter, for this transaction only; returns the key, None if none is.

    The row stays until `close_key`, so that others wait for what becomes of it: the key may be parked anew.
    """
    key: str | None = await connection.fetchval(
        """update parked_keys set is_open = true
           where consumer = $1 and dead_letter_id = $2 returning ordering_key""",
        consumer, dead_letter_id,
    )  # fmt: skip
    return key


async def close_key(connection: Connection, *, consumer: str, key: str) -> None:
    """Forget an open key, unless it was parked again behind another letter."""
    await connection.execute(
        "delete from parked_keys where consumer = $1 and ordering_key = $2 and is_open", consumer, key
    )


async def park(
    connection: Connection, *, consumer: str, items: Sequence[tuple[str, Received[Event] | Undecodable]]
) -> None:
    """Keep records behind the dead letter of their customer (key, record), in their order."""
    if not items:
        return
    await connection.executemany(
        f"""insert into parked_events (consumer, ordering_key, {_RECORD_COLUMNS})
            values ($1, $2, $3, $4, $5, $6, $7, $8)""",  # noqa: S608 - a constant list of columns
        [(consumer, key, *_values(item.record)) for key, item in items],
    )


async def parked_count(connection: Connection, *, consumer: str, key: str, limit: int = 1000) -> int:
    """How many events are parked behind a key, counted up to `limit`."""
    count: int = await connection.fetchval(
        """select count(*) from (select from parked_events
                                 where consumer = $1 and ordering_key = $2 limit $3) as counted""",
        consumer, key, limit,
    )  # fmt: skip
    return count


async def take_parked(connection: Connection, *, consumer: str, key: str) -> list[Record]:
    """Take out all that is parked behind a key, in order."""
    rows = await connection.fetch(
        f"""with taken as (delete from parked_events where consumer = $1 and ordering_key = $2
                           returning sequence, {_RECORD_COLUMNS})
            select {_RECORD_COLUMNS} from taken order by sequence""",  # noqa: S608 - as above
        consumer, key,
    )  # fmt: skip
    return [_record(*row) for row in rows]


async def keep_waiting(connection: Connection, *, consumer: str, waits: Iterable[Wait]) -> None:
    """Keep events that came before their cause."""
    await connection.executemany(
        f"""insert into waiting_events (consumer, cause, expires_at, {_RECORD_COLUMNS})
            values ($1, $2, now() + $3::interval, $4, $5, $6, $7, $8, $9)""",  # noqa: S608 - as above
        [(consumer, wait.cause, wait.timeout, *_values(wait.event.record)) for wait in waits],
    )


async def take_waiting(connection: Connection, *, consumer: str, causes: Sequence[str]) -> list[Record]:
    """Take out all that waits for these causes, in the order in which it came."""
    rows = await connection.fetch(
        f"""with taken as (delete from waiting_events where consumer = $1 and cause = any($2::text::text[])
                           returning sequence, {_RECORD_COLUMNS})
            select {_RECORD_COLUMNS} from taken order by sequence""",  # noqa: S608 - as above
        consumer, array(causes),
    )  # fmt: skip
    return [_record(*row) for row in rows]


async def take_overdue(connection: Connection, *, consumer: str, limit: int) -> list[Record]:
    """Take out events whose cause did not come in time."""
    rows = await connection.fetch(
        f"""with overdue as (select sequence from waiting_events where consumer = $1 and expires_at <= now()
                             order by expires_at limit $2 for update skip locked),
                 taken as (delete from waiting_events using overdue
                           where waiting_events.sequence = overdue.sequence
                           returning waiting_events.sequence, {_RECORD_COLUMNS})
            select {_RECORD_COLUMNS} from taken order by sequence""",  # noqa: S608 - as above
        consumer, limit,
    )  # fmt: skip
    return [_record(*row) for row in rows]


def _values(record: Record) -> tuple[str, int, int, bytes | None, list[list[str]], bytes | None]:
    return (
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.headers_as_json(),
        record.value,
    )
