"""A handler that fails at everything stops the consumer instead of making dead letters of everything."""

from datetime import timedelta

import pytest

from shared.messaging import Received
from shared.messaging.batch import Wait
from shared.messaging.breaker import Breaker, BreakerOpenError
from shared.messaging.deferred import keep_waiting
from shared.messaging.records import Record
from tests.support.dead_letters import Faults, ward_of
from tests.support.messaging import Probe, eventually, points
from tests.support.poison import event_headers, payload
from tests.support.stack import Infra

LIMIT = 5


async def test_a_handler_that_always_fails_opens_the_breaker(infra: Infra) -> None:
    async with ward_of(infra, Faults(throws=lambda *_: True), Breaker(limit=LIMIT)) as ward:
        events = [points(f"c{n % 10}", n) for n in range(40)]
        with pytest.raises(BreakerOpenError):
            await ward.deliver(*events)
        # Parked events of the customers that failed did not count as successes.
        assert len(await ward.letters()) == LIMIT
        (offset,) = await ward.partition.fetch("select next_offset from consumer_offsets")
        assert offset == (LIMIT,)


async def test_what_waited_in_vain_does_not_get_past_the_breaker(infra: Infra) -> None:
    faults = Faults(throws=lambda *_: True)
    async with ward_of(infra, faults, Breaker(limit=LIMIT)) as ward:
        async with ward.partition.unit_of_work.begin() as transaction:
            records = [Record("loyalty", 0, n, b"k", event_headers(), payload(f"c{n}")) for n in range(20)]
            await keep_waiting(
                transaction.connection,
                consumer=ward.partition.processor.consumer,
                waits=[
                    Wait(event, "never", timedelta(0))
                    for event in ward.partition.processor.decode(records)
                    if isinstance(event, Received)
                ],
            )
        with pytest.raises(BreakerOpenError):
            await ward.partition.processor.apply_overdue()
        assert await ward.letters() == []
        assert await ward.count("waiting_events") == 20
        faults.mend()
        assert await ward.partition.processor.apply_overdue() == 20
        assert await ward.count("effects") == 20


async def test_single_failures_among_successes_do_not_open_it(infra: Infra) -> None:
    async with ward_of(
        infra, Faults(throws=lambda customer, _: customer.startswith("bad")), Breaker(limit=LIMIT)
    ) as ward:
        for n in range(3 * LIMIT):
            await ward.deliver(points(f"bad{n}", 1), points("good", n))
        assert len(await ward.letters()) == 3 * LIMIT
        assert await ward.effects("good") == list(range(3 * LIMIT))


async def test_an_open_breaker_is_told_and_closes_by_itself_when_the_handler_is_mended(probe: Probe) -> None:
    faults = Faults(throws=lambda *_: True)
    consumer = probe.consumer(faults.handlers(), breaker=Breaker(limit=LIMIT))
    await probe.publish([points(f"c{n}", n) for n in range(50)])
    await eventually(lambda: _is_open(probe))
    with pytest.raises(RuntimeError, match="breaker is open"):
        await consumer.check()
    faults.mend()
    await eventually(lambda: _all_applied(probe, 50 - LIMIT))
    await consumer.check()
    assert await probe.count("dead_letters") == LIMIT


async def _is_open(probe: Probe) -> bool:
    return bool(probe.running[0][0].breaker.open_for())


async def _all_applied(probe: Probe, expected: int) -> bool:
    return await probe.count("effects") == expected
