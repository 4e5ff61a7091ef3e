"""What a consumer has done: the offset of each partition and the inbox of events taken in."""

from collections.abc import Sequence
from typing import NamedTuple

from shared.contracts import Event
from shared.db import Connection, array
from shared.messaging.records import Received


class FencedError(Exception):
    """Another process moved this partition's offset: what was done here on the old one must not commit."""


async def stored_offset(connection: Connection, *, consumer: str, topic: str, partition: int, start: int) -> int:
    """The next offset to apply; recorded as `start` when the partition is seen for the first time."""
    await connection.execute(
        """insert into consumer_offsets (consumer, topic, partition, next_offset)
           values ($1, $2, $3, $4) on conflict do nothing""",
        consumer, topic, partition, start,
    )  # fmt: skip
    offset: int = await connection.fetchval(
        "select next_offset from consumer_offsets where consumer = $1 and topic = $2 and partition = $3",
        consumer, topic, partition,
    )  # fmt: skip
    return offset


class Move(NamedTuple):
    """A partition's next offset, before and after a batch."""

    topic: str
    partition: int
    expected: int
    target: int


# A batch of several partitions gives up soon, and each of them waits by itself: one lock that is held for long
# must not stop them all.
SHARED_LOCK_TIMEOUT = "1s"


async def move_offsets(connection: Connection, *, consumer: str, moves: Sequence[Move]) -> None:
    """Compare and set. Raises FencedError when a stored offset is not the expected one."""
    moved = await connection.fetch(
        """update consumer_offsets o set next_offset = e.target, updated_at = now()
           from unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[]) as e (topic, partition, expected, target)
           where o.consumer = $1 and o.topic = e.topic and o.partition = e.partition and o.next_offset = e.expected
           returning case when $6::text is not null then set_config('lock_timeout', $6, true) end""",
        consumer, *zip(*moves, strict=True), SHARED_LOCK_TIMEOUT if len(moves) > 1 else None,
    )  # fmt: skip
    if len(moved) != len(moves):
        places = ", ".join(f"{move.topic}[{move.partition}] at {move.expected}" for move in moves)
        raise FencedError(f"another process moved one of {places}")


async def claim_events(
    connection: Connection, *, consumer: str, events: Sequence[Received[Event]]
) -> list[Received[Event]]:
    """Record the events as taken in and return those that were not before, each once, in their order."""
    first: dict[tuple[str, str], Received[Event]] = {}
    for event in events:
        first.setdefault((event.source, event.id), event)
    if not first:
        return []
    sources, ids = zip(*first, strict=True)
    rows = await connection.fetch(
        """insert into inbox (consumer, source, event_id)
           select $1, source, id from unnest($2::text::text[], $3::text::text[]) as e (source, id)
           order by source, id
           on conflict do nothing returning source, event_id""",
        consumer, array(sources), array(ids),
    )  # fmt: skip
    fresh = {(row[0], row[1]) for row in rows}
    return [event for identity, event in first.items() if identity in fresh]


async def known_events(
    connection: Connection, *, consumer: str, events: Sequence[Received[Event]]
) -> set[tuple[str, str]]:
    """The sources and ids of those events that were taken in before."""
    if not events:
        return set()
    rows = await connection.fetch(
        """select source, event_id from inbox
           join unnest($2::text::text[], $3::text::text[]) as e (source, event_id) using (source, event_id)
           where consumer = $1""",
        consumer, array([event.source for event in events]), array([event.id for event in events]),
    )  # fmt: skip
    return {(row[0], row[1]) for row in rows}


async def release_events(connection: Connection, *, consumer: str, events: Sequence[Received[Event]]) -> None:
    """Undo `claim_events` for events that were not applied after all."""
    if not events:
        return
    # `offset 0`: a look-up by key for each, whatever the planner knows of the consumer's share of the inbox.
    await connection.execute(
        """delete from inbox where ctid = any (array(
               select found.ctid from unnest($2::text::text[], $3::text::text[]) as e (source, id)
               cross join lateral (
                   select i.ctid from inbox i
                   where i.consumer = $1 and i.source = e.source and i.event_id = e.id offset 0) as found))""",
        consumer,
        array([event.source for event in events]),
        array([event.id for event in events]),
    )


async def forget_old_events(connection: Connection, *, days: int, limit: int) -> int:
    """Delete inbox rows older than `days`, at most `limit` of them; returns how many."""
    deleted: int = await connection.fetchval(
        """with old as (
               select ctid from inbox where received_at < now() - make_interval(days => $1) limit $2),
           gone as (delete from inbox where ctid in (select ctid from old) returning 1)
           select count(*) from gone""",
        days, limit,
    )  # fmt: skip
    return deleted
