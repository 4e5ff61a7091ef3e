"""One assigned partition: where it stands, and the records that wait to be applied."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

from shared.db import is_transient
from shared.messaging.kafka import to_record
from shared.messaging.processor import Processor, Slice
from shared.messaging.progress import stored_offset
from shared.messaging.records import Ignored, Record
from shared.telemetry.logging import get_logger
from shared.telemetry.metrics import counter

log = get_logger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
# Records that are as large as they may be would otherwise fill gigabytes before they are as many as they may be.
FULL_BYTES = 8_000_000
_applied = counter("recourse_events_applied_total", "Records applied", ("topic", "partition"))
_retries = counter("recourse_batch_retries_total", "Batches tried again after a passing fault", ("topic",))


class Lane:
    """A partition, and at most `limit` of its records, fewer when they are large, from its stored offset on.

    Calls `on_change` when there is more to apply, and `look_again` when it wants records and did not before, or the
    other way round.
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
        look_again: Callable[[], None],
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
        self._look_again = look_again
        self._records: list[Any] = []
        # Stands for what no consumer is given; it comes before all records.
        self._unseen: Ignored | None = None
        self._bytes = 0
        self._pause = FIRST_PAUSE
        self.task = self._start(0.0)

    def __len__(self) -> int:
        """How many records are there to be applied."""
        return len(self._records) + (self._unseen is not None)

    @property
    def is_idle(self) -> bool:
        """Whether all that it was given is applied."""
        return self.offset is not None and not self.busy and not len(self)

    @property
    def room(self) -> int:
        """How many more records it takes: 0 while there is room for only a few, and until its offset is known."""
        room = self._limit - len(self._records)
        return room if self.offset is not None and 2 * room >= self._limit and self._bytes < FULL_BYTES else 0

    def receive(self, messages: Sequence[Any]) -> None:
        """Take the records that follow; without a position they are dropped, and read again from the stored one."""
        if self.offset is None:
            return
        if not self._records:
            self.waiting_since = asyncio.get_running_loop().time()
        self._records.extend(messages)
        self._bytes += sum(map(_size, messages))
        self._on_change()

    def pass_over(self, position: int) -> None:
        """Move on to `position` while idle: what is before it Kafka keeps for itself, such as markers of transactions.

        Otherwise the lane would seem to lag for ever, and to have lost records when Kafka deletes those.
        """
        if self.offset is not None and self.offset < position:
            nothing = Record(self._topic, self.partition.partition, position - 1, None, (), None)
            self._unseen = Ignored(nothing)
            self.waiting_since = asyncio.get_running_loop().time()
            self._on_change()

    def take(self, count: int) -> Slice:
        """The next `count` records at most, decoded. They go on with `advance`, or come again after `restart`."""
        if self.offset is None:
            raise RuntimeError("nothing was read yet")
        was_full = not self.room
        unseen, self._unseen = self._unseen, None
        count -= unseen is not None
        taken = self._records[:count]
        del self._records[:count]
        self._bytes -= sum(map(_size, taken))
        self.waiting_since = asyncio.get_running_loop().time()
        if was_full and self.room:
            self._look_again()
        decoded = self._processor.decode([to_record(each, topic=self._topic) for each in taken])
        return Slice(decoded if unseen is None else [unseen, *decoded], self.offset)

    def advance(self, applied: Slice, offset: int) -> None:
        """A slice that was taken has been applied, up to `offset`."""
        self.offset = offset
        self.alone = False
        self._pause = FIRST_PAUSE
        _applied.labels(self._topic, self.partition.partition).inc(len(applied.decoded))

    async def restart(self, *, alone: bool) -> None:
        """Begin again, after a growing pause, at the stored offset: it tells whether a commit in doubt took place."""
        _retries.labels(self._topic).inc()
        await self.stop()
        self.offset = None
        self.alone = alone
        self._records.clear()
        self._unseen = None
        self._bytes = 0
        # What was read from the old position comes before the new one is known, and is dropped.
        self._look_again()
        self.task = self._start(self._pause)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    async def stop(self) -> None:
        """Give up looking for the stored offset."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def _start(self, pause: float) -> asyncio.Task[None]:
        name = f"{self._processor.consumer}:{self._topic}:{self.partition.partition}"
        return asyncio.create_task(self._find_position(pause), name=name)

    async def _find_position(self, pause: float) -> None:
        while self.offset is None:
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter only
            self.offset = await self._seek()
            pause = min(max(pause, FIRST_PAUSE) * 2, LONGEST_PAUSE)
        self._look_again()

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


def _size(message: Any) -> int:
    return sum([len(value or b"") for _, value in message.headers], len(message.value or b""))
