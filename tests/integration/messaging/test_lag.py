"""How far a consumer is behind, shown while it stands as well, and no longer when its partitions are another's."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from deploy.local.kafka import KafkaCluster
from deploy.local.ports import free_ports
from deploy.local.process import ManagedProcess
from shared.messaging.breaker import Breaker
from shared.telemetry.metrics import REGISTRY
from tests.support.dead_letters import Faults
from tests.support.messaging import Probe, eventually, points, running_probe
from tests.support.stack import Infra


def _lag() -> list[float]:
    """The records behind of each partition that is shown."""
    families = (family for family in REGISTRY.collect() if family.name == "recourse_consumer_lag_records")
    return [sample.value for family in families for sample in family.samples]


async def test_a_consumer_that_stands_shows_what_piles_up_and_one_that_left_shows_nothing(probe: Probe) -> None:
    async def shows(condition: Callable[[list[float]], bool]) -> None:
        async def met() -> bool:
            return condition(_lag())

        await eventually(met)

    faults = Faults()
    probe.consumer(faults.handlers(), breaker=Breaker(limit=1))
    await probe.publish([points(f"c{n}", n) for n in range(30)])
    await shows(lambda lag: len(lag) == 3 and sum(lag) == 0)
    # What a stand is told from, of each partition.
    applied = [
        REGISTRY.get_sample_value("recourse_events_applied_total", {"topic": "loyalty", "partition": str(number)})
        for number in range(3)
    ]
    assert all(applied)
    faults.throws = lambda *_: True
    await probe.publish([points(f"c{n}", 100 + n) for n in range(30)], [f"second {n}" for n in range(30)])
    await shows(lambda lag: sum(lag) >= 27)
    await probe.stop_consumers()
    assert _lag() == []


async def test_what_a_transactional_publisher_leaves_behind_its_events_is_no_lag(probe: Probe) -> None:
    topic = f"{probe.kafka.topic_prefix}loyalty"
    probe.consumer()
    async with AIOKafkaProducer(
        bootstrap_servers=probe.kafka.bootstrap_servers, transactional_id=f"{topic}-shop"
    ) as shop:
        async with shop.transaction():
            await shop.send_and_wait(topic, key=b"c1", value=b"{}", partition=0)
        await shop.begin_transaction()
        await shop.send_and_wait(topic, key=b"c1", value=b"{}", partition=1)
        await shop.abort_transaction()

    async def passed_over() -> bool:
        offsets = await probe.fetch("select next_offset from consumer_offsets order by partition")
        # A record and a marker each; the partitions are three.
        return offsets == [(2,), (2,), (0,)] and len(_lag()) == 3 and sum(_lag()) == 0

    await eventually(passed_over)
    assert await probe.count("dead_letters") == 1
    await probe.publish([points("c1", 1), points("c2", 2), points("c3", 3), points("c4", 4)])
    await eventually(lambda: _counts(probe, 4))


async def _counts(probe: Probe, number: int) -> bool:
    return await probe.count("effects") == number


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[ManagedProcess]:
    """A Kafka that may be paused: nobody else uses it."""
    kafka = KafkaCluster(tmp_path, ports=free_ports(["kafka-1", "kafka-1-controller"]), nodes=1)
    kafka.initialise()
    process = ManagedProcess(kafka.specs()[0], tmp_path)
    process.start()
    try:
        yield process
    finally:
        process.stop()


async def test_a_kafka_that_does_not_answer_shows(infra: Infra, broker: ManagedProcess) -> None:
    async with running_probe(infra, bootstrap_servers=f"127.0.0.1:{broker.port}") as probe:
        probe.consumer()
        await eventually(lambda: _silent_for(0, 2))
        await asyncio.to_thread(broker.pause)
        await eventually(lambda: _silent_for(6, 60))
        await asyncio.to_thread(broker.resume)
        await eventually(lambda: _silent_for(0, 2))


async def _silent_for(least: float, most: float) -> bool:
    value = REGISTRY.get_sample_value("recourse_consumer_silence_seconds")
    return value is not None and least <= value <= most and len(_lag()) == 3
