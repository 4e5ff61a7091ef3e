"""The worker of one partition: fetch, apply, go on; wait out faults that pass; stop when told to."""

import asyncio
import random
from typing import Any

from shared.db import is_transient
from shared.messaging.breaker import BreakerOpenError
from shared.messaging.kafka import to_record
from shared.messaging.processor import Processor
from shared.messaging.progress import FencedError, stored_offset
from shared.messaging.records import Decoded
from shared.telemetry.logging import get_logger
from shared.telemetry.metrics import counter, gauge

log = get_logger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
_applied = counter("recourse_events_applied_total", "Records applied", ("topic",))
_retries = counter("recourse_batch_retries_total", "Batches tried again after a passing fault", ("topic",))
_lag = gauge("recourse_consumer_lag_records", "Records behind the end of the partition", ("topic", "partition"))


class PartitionWorker:
    """Applies one assigned partition. `client` is the aiokafka consumer that the group's workers share."""

    def __init__(
        self,
        *,
        client: Any,
        partition: Any,
        topic: str,
        processor: Processor,
        slots: asyncio.Semaphore,
        batch: int,
    ) -> None:
        self._client = client
        self._partition = partition
        self._topic = topic
        self._processor = processor
        self._slots = slots
        self._batch = batch
        self._stopping = asyncio.Event()
        self._busy = False
        self.offset: int | None = None
        self.task: asyncio.Task[None] = asyncio.create_task(
            self._run(), name=f"{processor.consumer}:{topic}:{partition.partition}"
        )

    async def stop(self, *, timeout: float) -> None:
        """Finish the batch at hand, at most for `timeout` seconds, then give it up."""
        self._stopping.set()
        if not self._busy:
            self.task.cancel()
        await asyncio.wait([self.task], timeout=timeout)
        if not self.task.done():
            self.task.cancel()
            await asyncio.wait([self.task])

    async def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            try:
                if self.offset is None:
                    self.offset = await self._seek()
                await self._apply_next(self.offset)
                pause = FIRST_PAUSE
            except FencedError as error:
                log.warning("partition was moved by another process", detail=str(error))
                self.offset = None
                await self._rest(FIRST_PAUSE)
            except Exception as error:
                if not (is_transient(error) or isinstance(error, BreakerOpenError)):
                    raise
                _retries.labels(self._topic).inc()
                log.warning("batch will be tried again", topic=self._topic, error=repr(error)[:300])
                # What is stored decides where to go on: a commit whose answer was lost may have happened.
                self.offset = None
                await self._rest(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _seek(self) -> int:
        start = (await self._client.beginning_offsets([self._partition]))[self._partition]
        async with self._processor.unit_of_work.begin() as transaction:
            offset = await stored_offset(
                transaction.connection,
                consumer=self._processor.consumer,
                topic=self._topic,
                partition=self._partition.partition,
                start=start,
            )
        if offset < start:
            log.error(
                "the topic no longer has what was not applied yet",
                topic=self._topic, partition=self._partition.partition, stored=offset, first=start,
            )  # fmt: skip
        self._client.seek(self._partition, max(offset, start))
        return offset

    async def _apply_next(self, expected: int) -> None:
        fetched = await self._client.getmany(self._partition, timeout_ms=1000, max_records=self._batch)
        messages = fetched.get(self._partition)
        if not messages or self._stopping.is_set():
            return
        self._busy = True
        try:
            async with self._slots:
                decoded = self._decode(messages)
                self.offset = await self._processor.apply(decoded, expected=expected)
        finally:
            self._busy = False
        _applied.labels(self._topic).inc(len(messages))
        end = self._client.highwater(self._partition)
        if end is not None:
            _lag.labels(self._topic, self._partition.partition).set(end - self.offset)

    def _decode(self, messages: list[Any]) -> list[Decoded]:
        return self._processor.decode([to_record(message, topic=self._topic) for message in messages])

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds * random.uniform(0.8, 1.2)):  # noqa: S311 - jitter only
                await self._stopping.wait()
        except TimeoutError:
            return
