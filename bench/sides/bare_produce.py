"""The bare side: the same bytes from memory to Kafka by aiokafka's producer, settings as ours, and nothing else."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

import asyncpg
import uvloop
from aiokafka import AIOKafkaProducer

from bench.processes import parameters
from shared.messaging.cloudevents import binary_headers

# So many are in memory unacknowledged at once, as in the relay.
WINDOW = 2000


async def produce(*, dsn: str, bootstrap_servers: str, topic_prefix: str) -> float:
    """Records a second, from the first send to the last acknowledgement."""
    records = await _records(dsn, topic_prefix)
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, acks="all", enable_idempotence=True, linger_ms=2,
        max_batch_size=512 * 1024, max_request_size=11_000_000, compression_type="lz4",
    )  # fmt: skip
    await producer.start()
    try:
        await producer.partitions_for(f"{topic_prefix}balances")
        started = time.perf_counter()
        earlier: Sequence[asyncio.Future[Any]] = ()
        for first in range(0, len(records), WINDOW // 2):
            futures = [
                await producer.send(topic, value=value, key=key, headers=headers)
                for topic, value, key, headers in records[first : first + WINDOW // 2]
            ]
            await asyncio.gather(*earlier)
            earlier = futures
        await asyncio.gather(*earlier)
        return len(records) / (time.perf_counter() - started)
    finally:
        await producer.stop()


async def _records(dsn: str, topic_prefix: str) -> list[tuple[str, bytes, bytes, list[tuple[str, bytes]]]]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("select * from outbox order by sequence")
    await connection.close()
    return [
        (
            topic_prefix + row["aggregatetype"],
            row["payload"],
            row["aggregateid"].encode(),
            list(
                binary_headers(
                    event_id=str(row["id"]), source="recourse/accounts", event_type=row["type"],
                    time=row["occurred_at"], subject=row["aggregateid"], traceparent=row["traceparent"],
                )
            ),
        )
        for row in rows
    ]  # fmt: skip


if __name__ == "__main__":
    print(json.dumps({"bare": uvloop.run(produce(**parameters()))}))
