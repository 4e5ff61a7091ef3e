"""Replicas of a service as real processes: they share the work, and one that joins or leaves stops nobody for long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from shared.messaging import Publication
from tests.chaos.processes import ProbeProcess, probe_processes
from tests.support.messaging import SOURCE, Probe, eventually, points
from tests.support.wait import eventually as eventually_so

CUSTOMERS = [f"c{n}" for n in range(30)]
LONGEST_STOP_SECONDS = 3.0
JOINED = "Setting newly assigned partitions"
# When an effect was committed, and by whom.
WATCH = """alter table effects add column applied_at timestamptz default clock_timestamp(),
           add column applied_by text default current_setting('application_name')"""
LONGEST_WAIT = """
    select coalesce(max(extract(epoch from applied_at - to_timestamp(substr(entry_id, 1, 20)::numeric / 1e6))), 0)
    from effects where n > $1"""


@asynccontextmanager
async def _publishing(probe: Probe) -> AsyncIterator[list[int]]:
    """A steady stream of events while the block runs; each bears the time of its publication as its entry id."""
    published = [0]
    stop = asyncio.Event()
    offset = float((await probe.fetch("select extract(epoch from clock_timestamp())"))[0][0]) - _now()

    async def publish() -> None:
        while not stop.is_set():
            microseconds = int((_now() + offset) * 1e6)
            batch = [
                points(customer, 1).model_copy(update={"entry_id": f"{microseconds:020d}"}) for customer in CUSTOMERS
            ]
            await probe.publisher.send([Publication.of(event, source=SOURCE) for event in batch])
            published[0] += len(batch)
            await asyncio.sleep(0.1)

    task = asyncio.create_task(publish())
    try:
        yield published
    finally:
        stop.set()
        await task


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _last(probe: Probe) -> int:
    return int((await probe.fetch("select coalesce(max(n), 0) from effects"))[0][0])


async def _settle(probe: Probe, more: int = 300) -> None:
    """Wait until so many more events are applied."""
    goal = await probe.count("effects") + more

    async def reached() -> bool:
        return await probe.count("effects") >= goal

    await eventually(reached)


async def _longest_wait(probe: Probe, since: int) -> float:
    return float((await probe.fetch(LONGEST_WAIT, since))[0][0])


def _joined(process: ProbeProcess, times: int) -> bool:
    return process.log.count(JOINED) >= times


async def test_two_share_the_work_and_a_third_that_comes_and_goes_stops_nobody_for_long(
    probe: Probe, tmp_path: Path
) -> None:
    await probe.fetch(WATCH)
    with probe_processes(probe, tmp_path) as processes:
        first, second = processes.start("first"), processes.start("second")
        async with _publishing(probe) as published:
            await eventually_so(lambda: first.says(JOINED) and second.says(JOINED))
            await _settle(probe)
            since = await _last(probe)
            await _settle(probe)
            workers = {
                row[0] for row in await probe.fetch("select distinct applied_by from effects where n > $1", since)
            }
            assert workers == {"first", "second"}

            since, rejoined = await _last(probe), first.log.count(JOINED)
            third = processes.start("third")
            await eventually_so(lambda: third.says(JOINED) and _joined(first, rejoined + 1))
            await _settle(probe)
            assert await _longest_wait(probe, since) < LONGEST_STOP_SECONDS

            since, rejoined = await _last(probe), first.log.count(JOINED)
            await third.stop()
            await eventually_so(lambda: _joined(first, rejoined + 1))
            await _settle(probe)
            assert await _longest_wait(probe, since) < LONGEST_STOP_SECONDS

        async def all_applied() -> bool:
            return await probe.count("effects") == published[0]

        await eventually(all_applied)
        for process in (first, second):
            await process.stop()
        unordered = await probe.fetch(
            """select count(*) from (select entry_id < lag(entry_id) over (partition by customer_id order by n) as back
                                     from effects) as e where back"""
        )
        assert unordered == [(0,)]
