"""The partitions that the group gave to this process, and the tasks that apply them."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from shared.db import is_transient
from shared.messaging.breaker import BreakerOpenError
from shared.messaging.lane import Lane
from shared.messaging.processor import Processor, Slice
from shared.messaging.progress import FencedError
from shared.messaging.reader import Reader
from shared.setbacks import tell
from shared.telemetry.logging import get_logger
from shared.waiting import until

log = get_logger(__name__)

# While a batch is under way, another one begins only for so many records, or when one has waited so long.
WORTH_A_BATCH, LONG_WAIT = 100, 0.1
# While one full batch commits another is made ready. More of them would only fill memory; small ones do not.
FULL_BATCHES = 2


class Assignment:
    """Applies the assigned partitions: each transaction takes what there is of all that no other one is at.

    So little costs little: a transaction has its price, whether it holds one event or a thousand of twenty
    partitions. When one fails, its partitions are applied each by itself until they have succeeded once.
    """

    def __init__(
        self,
        *,
        client: Any,
        partitions: Iterable[Any],
        topic_of: Callable[[str], str],
        processor: Processor,
        batch: int,
        concurrency: int,
    ) -> None:
        self._processor = processor
        self._batch = batch
        self._concurrency = concurrency
        self._stopping = False
        self._changed = asyncio.Event()
        # By batch, how many records it took.
        self._under_way: dict[asyncio.Task[None], int] = {}
        # What is read ahead of a backlog is most of the memory of a service; two partitions fill a batch.
        limit = max(1, batch // 2)
        self._reader = Reader(client)
        self._lanes = [
            Lane(
                client=client, partition=partition, topic=topic_of(partition.topic), processor=processor,
                limit=limit, on_change=self._changed.set, look_again=self._reader.look_again,
            )
            for partition in partitions
        ]  # fmt: skip
        self._reading = asyncio.create_task(self._reader.run(self._lanes), name=f"{processor.consumer}:reader")
        self._beginning = asyncio.create_task(self._begin_all(), name=f"{processor.consumer}:beginning")

    def offsets(self) -> Mapping[Any, int]:
        """The next offset to apply of each partition that is known."""
        return {lane.partition: lane.offset for lane in self._lanes if lane.offset is not None}

    def raise_failure(self) -> None:
        """Raise what ended a task that should go on for ever."""
        for task in [self._reading, self._beginning, *(lane.task for lane in self._lanes)]:
            if task.done() and not task.cancelled():
                task.result()

    async def stop(self, *, timeout: float) -> None:
        """Finish the batches at hand, at most for `timeout` seconds, then give them up; begin no new ones."""
        self._stopping = True
        self._changed.set()
        await asyncio.wait([self._beginning])
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=timeout)
            for batch in late:
                batch.cancel()
            await asyncio.wait(self._under_way)
        self._reading.cancel()
        await asyncio.gather(self._reading, *(lane.stop() for lane in self._lanes), return_exceptions=True)

    async def _begin_all(self) -> None:
        """Begin batches until told to stop; raise what one of them failed with."""
        while not self._stopping:
            self._changed.clear()
            for batch in [each for each in self._under_way if each.done()]:
                del self._under_way[batch]
                batch.result()
            lanes = self._next_lanes() if self._has_room() else []
            pause = self._pause_before(lanes)
            if pause is not None and pause <= 0:
                self._begin(self._cut(lanes))
            else:
                await until(self._changed, pause)

    def _has_room(self) -> bool:
        records = sum(self._under_way.values())
        return len(self._under_way) < self._concurrency and records < FULL_BATCHES * self._batch

    def _begin(self, lanes: Sequence[Lane]) -> None:
        for lane in lanes:
            lane.busy = True
        batch = asyncio.create_task(self._apply(lanes), name=f"{self._processor.consumer}:batch")
        self._under_way[batch] = min(self._batch, sum(map(len, lanes)))
        batch.add_done_callback(lambda _: self._changed.set())

    def _next_lanes(self) -> Sequence[Lane]:
        """What the next batch may take its records from, longest waiting first."""
        ready = sorted(
            (lane for lane in self._lanes if len(lane) and not lane.busy), key=lambda lane: lane.waiting_since
        )
        alone = [lane for lane in ready if lane.alone]
        # One batch at a time is kept for those that are well.
        if alone and sum(lane.busy and lane.alone for lane in self._lanes) < self._concurrency - 1:
            return alone[:1]
        return [lane for lane in ready if not lane.alone]

    def _pause_before(self, lanes: Sequence[Lane]) -> float | None:
        """Seconds for which a batch of these had better wait for more records; None while there is none."""
        if not lanes:
            return None
        if lanes[0].alone or not self._under_way or sum(map(len, lanes)) >= WORTH_A_BATCH:
            return 0
        return lanes[0].waiting_since + LONG_WAIT - asyncio.get_running_loop().time()

    def _cut(self, lanes: Sequence[Lane]) -> Sequence[Lane]:
        """As many of them as fill a batch; the last one may give a part of what it has."""
        before = accumulate((len(lane) for lane in lanes), initial=0)
        return [lane for lane, records in zip(lanes, before, strict=False) if records < self._batch]

    async def _apply(self, lanes: Sequence[Lane]) -> None:
        try:
            await self._apply_together(lanes)
        finally:
            for lane in lanes:
                lane.busy = False

    async def _apply_together(self, lanes: Sequence[Lane]) -> None:
        taken: list[tuple[Lane, Slice]] = []
        room = self._batch
        try:
            for lane in lanes:
                # Those before it may have got more since the batch was cut.
                if room:
                    taken.append((lane, lane.take(room)))
                    room -= len(taken[-1][1].decoded)
            reached = await self._processor.apply_together([each for _, each in taken])
        except Exception as error:  # noqa: BLE001 - whatever stops these partitions must not stop the others
            _tell(error, lanes)
            for lane in lanes:
                await lane.restart(alone=True)
            return
        for (lane, applied), offset in zip(taken, reached, strict=True):
            lane.advance(applied, offset)


def _tell(error: Exception, lanes: Sequence[Lane]) -> None:
    if isinstance(error, FencedError):
        log.warning("a partition was moved by another process", partitions=len(lanes), error=repr(error)[:300])
    elif is_transient(error) or isinstance(error, BreakerOpenError):
        log.warning("batch will be tried again", partitions=len(lanes), error=repr(error)[:300])
    else:
        partitions = [f"{lane.partition.topic}/{lane.partition.partition}" for lane in lanes]
        tell("applying events", error, partitions=partitions)
