"""One assigned partition: where it stands, and the records that were read ahead of its being applied."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

from shared.db import is_transient
from shared.messaging.kafka import to_record
from shared.messaging.processor import Processor, Slice
from shared.messaging.progress import stored_offset
from shared.telemetry.logging import get_logger
from shared.telemetry.metrics import counter, gauge

log = get_logger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
_applied = counter("recourse_events_applied_total", "Records applied", ("topic",))
_retries = counter("recourse_batch_retries_total", "Batches tried again after a passing fault", ("topic",))
_lag = gauge("recourse_consumer_lag_records", "Records behind the end of the partition", ("topic", "partition"))


class Lane:
    """Reads a partition from its stored offset on, at most `limit` records ahead; calls `on_change` when some came.

    It reads all the time: while any partition has records that nobody took, aiokafka asks their broker for nothing
    more, for a tenth of a second each time, and that would hold up all others.
    """

    def __init__(
        self,
        *,
        client: Any,
        partition: Any,
        topic: str,
        processor: Processor,
        limit: int,
        on_change: Callable[[], None],
    ) -> None:
        self.partition = partition
        # The next offset to apply; None until the stored one was read.
        self.offset: int | None = None
        self.busy = False
        # Whether it is applied in transactions of its own, because one that it shared failed.
        self.alone = False
        self.waiting_since = 0.0
        self._client = client
        self._topic = topic
        self._processor = processor
        self._limit = limit
        self._on_change = on_change
        self._records: list[Any] = []
        self._room = asyncio.Event()
        self._pause = FIRST_PAUSE
        self.task = self._start(0.0)

    def __len__(self) -> int:
        """How many records are there to be applied."""
        return len(self._records)

    def take(self, count: int) -> Slice:
        """The next `count` records at most, decoded. They go on with `advance`, or come again after `restart`."""
        if self.offset is None:
            raise RuntimeError("nothing was read yet")
        taken = self._records[:count]
        del self._records[:count]
        self.waiting_since = asyncio.get_running_loop().time()
        self._room.set()
        return Slice(self._processor.decode([to_record(each, topic=self._topic) for each in taken]), self.offset)

    def advance(self, applied: Slice, offset: int) -> None:
        """A slice that was taken has been applied, up to `offset`."""
        self.offset = offset
        self.alone = False
        self._pause = FIRST_PAUSE
        _applied.labels(self._topic).inc(len(applied.decoded))
        end = self._client.highwater(self.partition)
        if end is not None:
            _lag.labels(self._topic, self.partition.partition).set(end - offset)

    async def restart(self, *, alone: bool) -> None:
        """Read again from what is stored, after a pause that grows: it decides whether a lost commit happened."""
        _retries.labels(self._topic).inc()
        await self.stop()
        self.offset = None
        self.alone = alone
        self._records.clear()
        self.task = self._start(self._pause)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    async def stop(self) -> None:
        """Read no more."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def _start(self, pause: float) -> asyncio.Task[None]:
        name = f"{self._processor.consumer}:{self._topic}:{self.partition.partition}"
        task = asyncio.create_task(self._read(pause), name=name)
        task.add_done_callback(lambda _: self._on_change())
        return task

    async def _read(self, pause: float) -> None:
        while self.offset is None:
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter only
            self.offset = await self._seek()
            pause = min(max(pause, FIRST_PAUSE) * 2, LONGEST_PAUSE)
        while True:
            room = self._limit - len(self._records)
            if room <= 0:
                self._room.clear()
                await self._room.wait()
                continue
            fetched = await self._client.getmany(self.partition, timeout_ms=1000, max_records=room)
            if messages := fetched.get(self.partition):
                if not self._records:
                    self.waiting_since = asyncio.get_running_loop().time()
                self._records.extend(messages)
                self._on_change()

    async def _seek(self) -> int | None:
        """Go to the stored offset; None when a passing fault kept it from being read."""
        try:
            start = (await self._client.beginning_offsets([self.partition]))[self.partition]
            async with self._processor.unit_of_work.begin() as transaction:
                offset = await stored_offset(
                    transaction.connection,
                    consumer=self._processor.consumer,
                    topic=self._topic,
                    partition=self.partition.partition,
                    start=start,
                )
        except Exception as error:
            if not is_transient(error):
                raise
            _retries.labels(self._topic).inc()
            log.warning("stored offset will be read again", topic=self._topic, error=repr(error)[:300])
            return None
        if offset < start:
            log.error(
                "the topic no longer has what was not applied yet",
                topic=self._topic, partition=self.partition.partition, stored=offset, first=start,
            )  # fmt: skip
        self._client.seek(self.partition, max(offset, start))
        return offset
