"""A handler that fails at everything stops the consumer instead of making dead letters of everything."""

import pytest

from shared.messaging.breaker import Breaker, BreakerOpenError
from tests.support.dead_letters import Faults, ward_of
from tests.support.messaging import Probe, eventually, points
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
