"""When effects were told on the topic `tickets`: which is later than the effects."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer

from shared.contracts import TicketCancelled, TicketsPaid
from shared.messaging import KafkaSettings


class Watch:
    """When each order was reported paid and each ticket cancelled: moments by id."""

    def __init__(self) -> None:
        self.paid: dict[str, float] = {}
        self.cancelled: dict[str, float] = {}

    async def follow(self, consumer: Any) -> None:
        """Read the topic `tickets` until cancelled."""
        async for message in consumer:
            kind = dict(message.headers).get("ce_type", b"").decode()
            if kind == TicketsPaid.type:
                self.paid[orjson.loads(message.value)["order_id"]] = time.perf_counter()
            elif kind == TicketCancelled.type:
                self.cancelled[orjson.loads(message.value)["ticket"]["id"]] = time.perf_counter()


@asynccontextmanager
async def watching(kafka: KafkaSettings) -> AsyncIterator[Watch]:
    """A watch that sees what is published from now on, for the duration of the block."""
    consumer = AIOKafkaConsumer(kafka.full_name("tickets"), bootstrap_servers=kafka.bootstrap_servers)
    await consumer.start()
    watch = Watch()
    following = asyncio.create_task(watch.follow(consumer))
    try:
        yield watch
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        await consumer.stop()
