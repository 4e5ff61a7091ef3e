"""The FastStream side: one message after the other, or `workers` at once, each in a transaction of its own.

The same rows as the others write, in as few statements as can be: claim and lock in one, everything else in another.
FastStream keeps its place in Kafka, so the row of the stored offset is the one thing that it does not write.
"""

from __future__ import annotations

from typing import Any

import asyncpg
import uvloop
from faststream.kafka import KafkaBroker, KafkaMessage

from bench.processes import parameters
from bench.sides.effect import WRITE, Account, apply, arguments
from shared.web import stop_on_signals

_CLAIM = """
    with claimed as (
        insert into inbox (consumer, source, event_id) values ($1, 'shop/bench', $2)
        on conflict do nothing returning 1)
    insert into accounts (customer_id) select $3 from claimed
    on conflict (customer_id) do update set customer_id = excluded.customer_id
    returning balance, last_seq, currency is null, head"""


class Handler:
    """What a FastStream application registers."""

    def __init__(self, pool: Any, group: str) -> None:
        self._pool = pool
        self._group = group

    async def handle(self, body: dict[str, Any], message: KafkaMessage) -> None:
        """Apply one event; FastStream has decoded it."""
        event_id, trace = str(message.headers["ce_id"]), str(message.headers["traceparent"])
        key = body["customer"]["id"]
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(_CLAIM, self._group, event_id, key)
            if row is None:
                return
            accounts = {key: Account(*row)}
            effect = apply([(body, trace)], accounts)
            await connection.execute(WRITE, *arguments(effect, accounts))


async def consume(*, dsn: str, bootstrap_servers: str, topic_prefix: str, group: str, workers: int | None) -> None:
    """Drain the topic until stopped; `workers` is FastStream's own setting, None its default."""
    stop = stop_on_signals()
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=max(10, workers or 1))
    broker = KafkaBroker(bootstrap_servers, logger=None)
    settings = {"max_workers": workers} if workers else {}
    subscriber = broker.subscriber(f"{topic_prefix}tickets", group_id=group, auto_offset_reset="earliest", **settings)
    subscriber(Handler(pool, group).handle)
    await broker.start()
    await stop.wait()
    await broker.stop()


if __name__ == "__main__":
    uvloop.run(consume(**parameters()))
