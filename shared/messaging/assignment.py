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
from shared.telemetry.logging import get_logger
from shared.waiting import until

log = get_logger(__name__)

# While a batch is under way, another one begins only for so many records, or when one has waited so long.
WORTH_A_BATCH, LONG_WAIT = 100, 0.1


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
        # What is read ahead of a backlog is most of the memory of a service; two partitions fill a batch.
        self._lanes = [
            Lane(
                client=client, partition=partition, topic=topic_of(partition.topic), processor=processor,
                limit=max(1, batch // 2), on_change=self._changed.set,
            )
            for partition in partitions
        ]  # fmt: skip
        self._appliers = [
            asyncio.create_task(self._apply_all(), name=f"{processor.consumer}:applier-{n}") for n in range(concurrency)
        ]

    def offsets(self) -> Mapping[Any, int]:
        """The next offset to apply of each partition that is known."""
        return {lane.partition: lane.offset for lane in self._lanes if lane.offset is not None}

    def raise_failure(self) -> None:
        """Raise what ended a task that should go on for ever."""
        for task in [*self._appliers, *(lane.task for lane in self._lanes)]:
            if task.done() and not task.cancelled():
                task.result()

    async def stop(self, *, timeout: float) -> None:
        """Finish the batches at hand, at most for `timeout` seconds, then give them up; begin no new ones."""
        self._stopping = True
        self._changed.set()
        _, late = await asyncio.wait(self._appliers, timeout=timeout)
        for applier in late:
            applier.cancel()
        await asyncio.wait(self._appliers)
        await asyncio.gather(*(lane.stop() for lane in self._lanes))

    async def _apply_all(self) -> None:
        while not self._stopping:
            self._changed.clear()
            lanes = self._next_lanes()
            if not lanes:
                await self._wait()
                continue
            for lane in lanes:
                lane.busy = True
            try:
                await self._apply(lanes)
            finally:
                for lane in lanes:
                    lane.busy = False
                self._changed.set()

    async def _wait(self) -> None:
        """Until something changes, or what was left for later has waited long enough."""
        left = any(len(lane) and not lane.busy for lane in self._lanes)
        await until(self._changed, LONG_WAIT if left else None)

    def _next_lanes(self) -> Sequence[Lane]:
        """What the next batch takes its records from, longest waiting first; nothing while it had better wait."""
        ready = sorted(
            (lane for lane in self._lanes if len(lane) and not lane.busy), key=lambda lane: lane.waiting_since
        )
        alone = [lane for lane in ready if lane.alone]
        # One applier is kept for those that are well.
        if alone and sum(lane.busy and lane.alone for lane in self._lanes) < self._concurrency - 1:
            return alone[:1]
        well = [lane for lane in ready if not lane.alone]
        if not well or not any(lane.busy for lane in self._lanes):
            return self._cut(well)
        waited = asyncio.get_running_loop().time() - well[0].waiting_since
        return self._cut(well) if waited > LONG_WAIT or sum(map(len, well)) >= WORTH_A_BATCH else []

    def _cut(self, lanes: Sequence[Lane]) -> Sequence[Lane]:
        """As many of them as fill a batch; the last one may give a part of what it has."""
        before = accumulate((len(lane) for lane in lanes), initial=0)
        return [lane for lane, records in zip(lanes, before, strict=False) if records < self._batch]

    async def _apply(self, lanes: Sequence[Lane]) -> None:
        taken: list[tuple[Lane, Slice]] = []
        room = self._batch
        for lane in lanes:
            taken.append((lane, lane.take(room)))
            room -= len(taken[-1][1].decoded)
        try:
            reached = await self._processor.apply_together([each for _, each in taken])
        except Exception as error:
            if not (is_transient(error) or isinstance(error, FencedError | BreakerOpenError)):
                raise
            fenced = isinstance(error, FencedError)
            message = "a partition was moved by another process" if fenced else "batch will be tried again"
            log.warning(message, partitions=len(taken), error=repr(error)[:300])
            for lane, _ in taken:
                await lane.restart(alone=True)
            return
        for (lane, applied), offset in zip(taken, reached, strict=True):
            lane.advance(applied, offset)
