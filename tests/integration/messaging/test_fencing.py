"""Fencing: of two that believe they own a partition, the database lets one commit."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.contracts import PointsAwarded
from shared.messaging import Handler
from shared.messaging.breaker import Breaker
from shared.messaging.cloudevents import binary_headers, payload_of
from shared.messaging.processor import Processor
from shared.messaging.progress import FencedError, stored_offset
from shared.messaging.records import Record
from tests.support.messaging import Probe, lock_customers, points, write_effects


def _processor(probe: Probe) -> Processor:
    return Processor(
        consumer="probe",
        unit_of_work=probe.unit_of_work,
        handlers=[Handler(PointsAwarded, write_effects)],
        lock=lock_customers,
        breaker=Breaker(),
    )


def _records(first: int, last: int, *, fresh_ids: str = "") -> list[Record]:
    return [_record(offset, fresh_ids) for offset in range(first, last)]


def _record(offset: int, suffix: str) -> Record:
    event = points("c1", offset)
    headers = binary_headers(
        event_id=f"e{offset}{suffix}", source="tests", event_type=event.type, time=event.occurred_at, subject=None,
        traceparent=None,
    )  # fmt: skip
    return Record("loyalty", 0, offset, b"c1", headers, payload_of(event))


async def _start(probe: Probe) -> None:
    async with probe.unit_of_work.begin() as transaction:
        await stored_offset(transaction.connection, consumer="probe", topic="loyalty", partition=0, start=0)


async def _apply(processor: Processor, records: Sequence[Record], *, expected: int) -> int:
    return await processor.apply(processor.decode(records), expected=expected)


async def test_a_zombies_batch_is_rolled_back_by_the_compare_and_set(probe: Probe) -> None:
    await _start(probe)
    owner, zombie = _processor(probe), _processor(probe)
    assert await _apply(owner, _records(0, 5), expected=0) == 5
    # Other event ids, so that the inbox would let it through: the offset alone must refuse it.
    with pytest.raises(FencedError):
        await _apply(zombie, _records(0, 5, fresh_ids="-z"), expected=0)
    assert await probe.effects("c1") == [f"{n:06d}" for n in range(5)]


async def test_of_two_at_the_same_moment_one_commits(probe: Probe) -> None:
    await _start(probe)
    for start in range(0, 50, 5):
        results = await asyncio.gather(
            *(
                _apply(_processor(probe), _records(start, start + 5, fresh_ids=name), expected=start)
                for name in ("-a", "-b", "-c")
            ),
            return_exceptions=True,
        )
        assert [result for result in results if isinstance(result, int)] == [start + 5]
        assert sum(isinstance(result, FencedError) for result in results) == 2
    assert await probe.effects("c1") == [f"{n:06d}" for n in range(50)]


async def test_a_batch_that_moves_no_offset_writes_nothing(probe: Probe) -> None:
    with pytest.raises(FencedError):
        await _apply(_processor(probe), _records(0, 3), expected=0)
    assert await probe.count("effects") == 0
    assert await probe.count("inbox") == 0
