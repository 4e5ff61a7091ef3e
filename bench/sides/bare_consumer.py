"""The bare side: aiokafka and asyncpg in a loop written by hand, batches as ours, offsets in the same transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener

from bench.processes import parameters
from bench.sides.effect import WRITE, Account, apply, arguments, parse
from shared.web import stop_on_signals

BATCH, CONCURRENCY = 2000, 4


class Loop:
    """Drains one topic; the stored offsets are moved by compare-and-set, as a careful author would."""

    def __init__(self, pool: Any, consumer: Any, group: str) -> None:
        self._pool = pool
        self._consumer = consumer
        self._group = group
        self._slots = asyncio.Semaphore(CONCURRENCY)

    async def drain(self, partition: Any) -> None:
        """Apply one partition, batch after batch."""
        self._consumer.seek(partition, 0)
        await self._pool.execute(
            "insert into consumer_offsets values ($1, $2, $3, 0) on conflict do nothing",
            self._group, partition.topic, partition.partition,
        )  # fmt: skip
        while True:
            fetched = await self._consumer.getmany(partition, timeout_ms=1000, max_records=BATCH)
            for messages in fetched.values():
                async with self._slots, self._pool.acquire() as connection, connection.transaction():
                    await self._apply(connection, partition, messages)

    async def _apply(self, connection: Any, partition: Any, messages: Sequence[Any]) -> None:
        moved = await connection.fetchval(
            """update consumer_offsets set next_offset = $1
               where consumer = $2 and topic = $3 and partition = $4 and next_offset = $5 returning 1""",
            messages[-1].offset + 1, self._group, partition.topic, partition.partition, messages[0].offset,
        )  # fmt: skip
        if not moved:
            raise SystemExit("another process moved the offset")
        fresh = await self._claim(connection, messages)
        accounts = await self._lock(connection, sorted({data["customer"]["id"] for data, _ in fresh}))
        await connection.execute(WRITE, *arguments(apply(fresh, accounts), accounts))

    async def _claim(self, connection: Any, messages: Sequence[Any]) -> list[tuple[dict[str, Any], str]]:
        events = {}
        for message in messages:
            headers = dict(message.headers)
            events[headers["ce_id"].decode()] = (parse(message.value), headers["traceparent"].decode())
        rows = await connection.fetch(
            """insert into inbox (consumer, source, event_id) select $1, 'shop/bench', id from unnest($2::text[]) as id
               order by id on conflict do nothing returning event_id""",
            self._group, list(events),
        )  # fmt: skip
        fresh = {row[0] for row in rows}
        return [event for name, event in events.items() if name in fresh]

    async def _lock(self, connection: Any, keys: list[str]) -> dict[str, Account]:
        inserted = await connection.fetch(
            "insert into accounts (customer_id) select unnest($1::text[]) on conflict do nothing returning customer_id",
            keys,
        )
        new = {row[0] for row in inserted}
        rows = await connection.fetch(
            """select customer_id, balance, last_seq, head from accounts where customer_id = any($1::text[])
               order by customer_id for update""",
            keys,
        )
        return {row[0]: Account(row[1], row[2], row[0] in new, row[3]) for row in rows}


class _Start(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka ships no types
    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.tasks: list[asyncio.Task[None]] = []

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """One process alone is in this group."""

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Drain each partition in a task of its own."""
        self.tasks = [asyncio.create_task(self._loop.drain(partition)) for partition in assigned]


async def consume(*, dsn: str, bootstrap_servers: str, topic_prefix: str, group: str) -> None:
    """Drain the topic until stopped."""
    stop = stop_on_signals()
    pool = await asyncpg.create_pool(dsn, min_size=CONCURRENCY, max_size=CONCURRENCY)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    start = _Start(Loop(pool, consumer, group))
    consumer.subscribe([f"{topic_prefix}tickets"], listener=start)
    await consumer.start()
    waiting = asyncio.create_task(stop.wait())
    while not waiting.done():
        await asyncio.wait([waiting, *start.tasks], timeout=1, return_when=asyncio.FIRST_COMPLETED)
        for task in start.tasks:
            if task.done():
                task.result()
    for task in start.tasks:
        task.cancel()
    await consumer.stop()


if __name__ == "__main__":
    uvloop.run(consume(**parameters()))
