"""The gauges that alerts are made of: how long what is stuck has been stuck."""

from shared.messaging import backlog_gauges
from shared.telemetry.metrics import REGISTRY
from tests.support.messaging import Probe


def _seconds(name: str) -> float:
    value = REGISTRY.get_sample_value(name)
    assert value is not None
    return value


async def test_the_oldest_of_what_is_stuck_is_shown(probe: Probe) -> None:
    gauges = backlog_gauges(probe.unit_of_work.database)
    await gauges.measure()
    assert [_seconds(f"recourse_{name}_oldest_seconds") for name in ("outbox", "dead_letters", "waiting_events")] == [
        0
    ] * 3
    await probe.fetch(
        """insert into outbox (id, aggregatetype, type, occurred_at)
           select gen_random_uuid(), 'loyalty', 't', now() - make_interval(mins => n) from unnest(array[5, 1]) as n"""
    )
    await probe.fetch(
        """insert into dead_letters (id, consumer, topic, partition, record_offset, code, detail, fingerprint, headers,
                                     state, created_at)
           select gen_random_uuid(), 'c', 't', 0, n, 'x', 'y', 'f', '[]', s, now() - make_interval(hours => n)
           from (values (3, 'replayed'), (2, 'dead'), (1, 'dead')) as x (n, s)"""
    )
    await probe.fetch(
        """insert into waiting_events (consumer, cause, topic, partition, record_offset, headers, waiting_since)
           select 'c', 'order:o', 't', 0, n, '[]', now() - make_interval(days => n) from unnest(array[2, 1]) as n"""
    )
    await gauges.measure()
    assert 299 < _seconds("recourse_outbox_oldest_seconds") < 360
    assert 7199 < _seconds("recourse_dead_letters_oldest_seconds") < 7260
    assert 172_799 < _seconds("recourse_waiting_events_oldest_seconds") < 172_860
