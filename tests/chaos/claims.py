"""What the messaging core promises, each promise as a check that raises AssertionError when it does not hold.

A check does the same whether its mechanism works or is switched off, so that `test_mutations.py` can show both.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from shared.contracts import PointsAwarded, PointsClawedBack
from shared.messaging import Batch, Handler
from shared.messaging.breaker import Breaker
from shared.messaging.cloudevents import binary_headers, payload_of
from shared.messaging.follow import follow
from shared.messaging.processor import Processor
from shared.messaging.progress import FencedError, stored_offset
from shared.messaging.records import Record
from tests.support import messaging
from tests.support.messaging import Probe, eventually, lock_customers, points, write_effects

BREAKER_LIMIT = 5


async def duplicates_take_effect_once(probe: Probe) -> None:
    """A producer that sends all of it twice, and parts of it thrice, has one effect per event."""
    events = [points("c1", n) for n in range(30)]
    ids = [f"id-{n}" for n in range(30)]
    probe.consumer()
    await probe.publish(events + events, ids + ids)
    await probe.publish(events[:10], ids[:10])
    await probe.publish([points("c1", 99)], ["last"])
    await eventually(lambda: _applied(probe, "c1", "000099"))
    assert await probe.effects("c1") == [f"{n:06d}" for n in range(30)] + ["000099"]


async def a_zombie_commits_nothing(probe: Probe) -> None:
    """Of two that hold the same offset for theirs, the second has no effect, even with events new to the inbox."""
    async with probe.unit_of_work.begin() as transaction:
        await stored_offset(transaction.connection, consumer="probe", topic="loyalty", partition=0, start=0)
    for name in ("owner", "zombie"):
        processor = _processor(probe)
        records = [_record(offset, f"{name}-{offset}") for offset in range(5)]
        with contextlib.suppress(FencedError):
            await processor.apply(processor.decode(records), expected=0)
    assert await probe.effects("c1") == [f"{n:06d}" for n in range(5)]


async def each_event_is_published_once(probe: Probe) -> None:
    """While nothing fails, two relays of one service publish each committed event once between them."""
    rounds, size = 30, 20
    async with probe.relay(), probe.relay():
        for number in range(rounds):
            async with probe.unit_of_work.begin() as transaction:
                for n in range(size):
                    transaction.publish(points("c1", number * size + n))
            await eventually(lambda: _is_empty(probe, "outbox"))
    found = [item async for item in follow(probe.kafka, "loyalty", from_beginning=True, to_present=True)]
    assert len(found) == rounds * size


async def later_events_wait_behind_a_dead_letter(probe: Probe) -> None:
    """After an event that cannot be applied, nothing of its customer is, while others go on."""
    probe.consumer([Handler(PointsAwarded, _fail_for_first), Handler(PointsClawedBack, write_effects)])
    events = [
        points("stuck", 1),
        points("stuck", 2, clawed_back=True),
        points("stuck", 3, clawed_back=True),
        *(points(f"free-{n}", 4, clawed_back=True) for n in range(10)),
    ]
    await probe.publish(events)
    await eventually(lambda: _offsets_are(probe, len(events)))
    assert await probe.effects("stuck") == []
    assert await probe.count("parked_events") == 2
    assert await probe.count("effects") == 10


async def publishing_follows_the_order_of_commits(probe: Probe) -> None:
    """Many writers of few customers: what a customer's readers see is in the order of the customer's commits."""
    probe.consumer()
    async with probe.relay():
        await asyncio.gather(*(_write(probe, writer) for writer in range(8)))
        await eventually(lambda: _count_is(probe, "effects", 400))
    for customer in ("c0", "c1"):
        committed = await probe.fetch("select entry_id from committed where customer_id = $1 order by n", customer)
        assert await probe.effects(customer) == [row[0] for row in committed]


async def a_bad_deploy_stops(probe: Probe) -> None:
    """A handler that fails at everything makes few dead letters, not one of every event."""
    probe.consumer([Handler(PointsAwarded, _fail)], breaker=Breaker(limit=BREAKER_LIMIT))
    await probe.publish([points(f"c{n}", n) for n in range(40)])
    await eventually(lambda: _at_least(probe, "dead_letters", BREAKER_LIMIT))
    # Long enough for the rest to follow: three more rounds of a worker that is not stopped by the breaker.
    for _ in range(3):
        await probe.fetch("select pg_sleep(0.3)")
    assert await probe.count("dead_letters") == BREAKER_LIMIT


async def _fail(batch: Batch[Any]) -> None:
    raise ZeroDivisionError


async def _fail_for_first(batch: Batch[PointsAwarded]) -> None:
    if any(event.data.points == 1 for event in batch.events):
        raise ZeroDivisionError
    await write_effects(batch)


async def _write(probe: Probe, writer: int) -> None:
    for number in range(50):
        customer = f"c{(writer + number) % 2}"
        async with probe.unit_of_work.begin() as transaction:
            await messaging.lock_customers(transaction.connection, [customer])
            event = points(customer, writer * 1000 + number)
            await transaction.connection.execute(
                "insert into committed (customer_id, entry_id) values ($1, $2)", customer, event.entry_id
            )
            transaction.publish(event)


def _processor(probe: Probe) -> Processor:
    return Processor(
        consumer="probe",
        unit_of_work=probe.unit_of_work,
        handlers=[Handler(PointsAwarded, write_effects)],
        lock=lock_customers,
        breaker=Breaker(),
    )


def _record(offset: int, event_id: str) -> Record:
    event = points("c1", offset)
    headers = binary_headers(
        event_id=event_id, source="tests", event_type=event.type, time=event.occurred_at, subject=None,
        traceparent=None,
    )  # fmt: skip
    return Record("loyalty", 0, offset, b"c1", headers, payload_of(event))


async def _applied(probe: Probe, customer: str, entry_id: str) -> bool:
    return entry_id in await probe.effects(customer)


async def _is_empty(probe: Probe, table: str) -> bool:
    return await probe.count(table) == 0


async def _count_is(probe: Probe, table: str, count: int) -> bool:
    return await probe.count(table) == count


async def _at_least(probe: Probe, table: str, count: int) -> bool:
    return await probe.count(table) >= count


async def _offsets_are(probe: Probe, total: int) -> bool:
    rows: Sequence[tuple[Any, ...]] = await probe.fetch("select coalesce(sum(next_offset), 0) from consumer_offsets")
    return bool(rows[0][0] == total)
