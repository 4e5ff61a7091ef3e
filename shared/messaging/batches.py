"""Records on their way to Kafka in one batch a partition, acknowledged as a whole.

A producer's own `send` makes a future for each record, and looks for its batch each time: at the relay, which has many
records at once, that would take three times as long as all else it does with them.
"""

import asyncio
import random
from functools import lru_cache
from typing import Any

from aiokafka.partitioner import DefaultPartitioner

from shared.messaging.records import Headers


class Batches:
    """Collects records for `producer`, those of a partition in their order, until `send`."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self._partitions: dict[str, int] = {}
        self._open: dict[tuple[str, int], Any] = {}
        self._sent: list[asyncio.Future[Any]] = []

    async def add(self, topic: str, *, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """Add a record; `topic` with its prefix."""
        if topic not in self._partitions:
            self._partitions[topic] = len(await self._producer.partitions_for(topic))
        place = topic, _partition_of(key, self._partitions[topic])
        batch = self._open.get(place)
        if batch is None:
            batch = self._open[place] = self._producer.create_batch()
        record = {"timestamp": None, "key": key, "value": value, "headers": list(headers)}
        if batch.append(**record) is None:
            # Full: it goes, and this is the first record of the next one, which takes it whatever its size.
            await self._send(place)
            self._open[place] = self._producer.create_batch()
            self._open[place].append(**record)

    async def send(self) -> list[asyncio.Future[Any]]:
        """Hand over what is left; each of the futures is done when Kafka has one of the batches."""
        for place in list(self._open):
            await self._send(place)
        return self._sent

    async def _send(self, place: tuple[str, int]) -> None:
        batch = self._open.pop(place)
        # An open one would wait for more.
        batch.close()
        topic, partition = place
        self._sent.append(await self._producer.send_batch(batch, topic, partition=partition))


def _partition_of(key: bytes | None, partitions: int) -> int:
    return random.randrange(partitions) if key is None else _hashed(key, partitions)  # noqa: S311 - no secret


@lru_cache(maxsize=4096)
def _hashed(key: bytes, partitions: int) -> int:
    """As every other client of Kafka does it, so that a customer's events meet in one partition whoever sends them."""
    place: int = DefaultPartitioner()(key, range(partitions), ())
    return place
