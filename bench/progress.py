"""Watching a side from outside: how far its committed work has come, and how fast."""

from __future__ import annotations

import asyncio
import time
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable

import asyncpg

from bench.processes import SideFailedError

Done = Callable[[], Awaitable[int]]
_POLL_SECONDS = 0.02
_STALLED_SECONDS = 60.0


async def rate(done: Done, *, total: int, process: Process | None = None) -> float:
    """Pieces of work a second, from the first that is seen committed to the last.

    Raises SideFailedError when the process ends or nothing happens for a minute.
    """
    marks = await times(done, marks=[1, total], process=process)
    (first, start), (last, end) = marks
    return (last - first) / (end - start)


async def times(done: Done, *, marks: list[int], process: Process | None = None) -> list[tuple[int, float]]:
    """When each of the marks, in rising order, was reached: (what was done by then, at which moment)."""
    reached: list[tuple[int, float]] = []
    seen, moved = -1, time.perf_counter()
    while len(reached) < len(marks):
        count, now = await done(), time.perf_counter()
        while len(reached) < len(marks) and count >= marks[len(reached)]:
            reached.append((count, now))
        if count != seen:
            seen, moved = count, now
        elif now - moved > _STALLED_SECONDS:
            raise SideFailedError(f"nothing happened for {_STALLED_SECONDS:.0f} s after {count}")
        if process is not None and process.returncode is not None:
            raise SideFailedError(f"the side ended after {count} with status {process.returncode}")
        await asyncio.sleep(_POLL_SECONDS)
    return reached


def offsets_moved(connection: asyncpg.Connection[asyncpg.Record]) -> Done:
    """How many records are committed as applied, over all partitions."""

    async def done() -> int:
        return int(await connection.fetchval("select coalesce(sum(next_offset), 0) from consumer_offsets"))

    return done


def events_written(connection: asyncpg.Connection[asyncpg.Record], *, each: int) -> Done:
    """How many events were applied that leave `each` rows in the outbox, by the numbers that those rows took."""

    async def done() -> int:
        taken = await connection.fetchval("select coalesce(max(sequence), 0) from outbox")
        return int(taken) // each

    return done


def left_in_outbox(connection: asyncpg.Connection[asyncpg.Record], *, total: int) -> Done:
    """How many of the `total` rows of an outbox, numbered from 1, are published and gone."""

    async def done() -> int:
        oldest = await connection.fetchval("select min(sequence) from outbox")
        return total if oldest is None else int(oldest) - 1

    return done
