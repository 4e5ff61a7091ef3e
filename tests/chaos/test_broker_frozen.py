"""A broker that is frozen for longer than clients are patient: they give it up without leaving anything running."""

import asyncio
from collections.abc import Iterator

import pytest

from deploy.local.config import ephemeral_config
from deploy.local.process import ManagedProcess
from deploy.local.stack import Stack
from shared.messaging import KafkaSettings
from shared.messaging.kafka import make_consumer, make_producer, stop_client
from tests.support.messaging import Probe, eventually, points, running_probe
from tests.support.stack import Infra, temporary_state_dir


@pytest.fixture(scope="module")
def own_infra() -> Iterator[Infra]:
    """Servers of this module's own, to freeze."""
    with temporary_state_dir() as state_dir:
        stack = Stack(ephemeral_config(state_dir, services=(), mail=False))
        try:
            stack.up_infrastructure()
            infra = Infra(stack)
            infra.prepare()
            yield infra
        finally:
            stack.clean()


@pytest.fixture
def broker(own_infra: Infra) -> Iterator[ManagedProcess]:
    """The broker's process, running again after the test."""
    process = own_infra.stack.processes["kafka-1"]
    yield process
    process.resume()


def _tasks_of_aiokafka() -> list[str]:
    # Coroutines of libraries are told from ours by where their code is.
    names = [str(task.get_coro()) for task in asyncio.all_tasks() if not task.done()]
    return [name for name in names if "/aiokafka/" in name]


async def test_clients_that_are_stopped_meanwhile_leave_no_task_behind(
    own_infra: Infra, broker: ManagedProcess
) -> None:
    async with running_probe(own_infra) as probe:
        kafka = KafkaSettings(probe.kafka.bootstrap_servers, probe.kafka.topic_prefix)
        before = len(_tasks_of_aiokafka())
        consumer = make_consumer(kafka, group="frozen", client_id="frozen")
        consumer.subscribe([kafka.full_name("loyalty")])
        await consumer.start()
        producer = make_producer(kafka, client_id="frozen")
        await producer.start()
        # Sending needs to know where the topic is, so it must have been told while the broker was awake.
        await producer.send_and_wait(kafka.full_name("loyalty"), b"{}", key=b"c1")
        broker.pause()
        sent = await producer.send(kafka.full_name("loyalty"), b"{}", key=b"c1")
        await asyncio.gather(stop_client(consumer, timeout=0.5), stop_client(producer, timeout=0.5))
        assert len(_tasks_of_aiokafka()) == before
        broker.resume()
        sent.cancel()


async def test_consumer_and_relay_go_on_soon_after_the_broker_does(own_infra: Infra, broker: ManagedProcess) -> None:
    async with running_probe(own_infra) as probe, probe.relay():
        probe.consumer()
        async with probe.unit_of_work.begin() as transaction:
            transaction.publish(points("c1", 1))
        await eventually(lambda: _applied(probe, 1))
        broker.pause()
        async with probe.unit_of_work.begin() as transaction:
            transaction.publish(points("c1", 2))
        # Longer than the session of the group and the patience of every client.
        await asyncio.sleep(9)
        broker.resume()
        await eventually(lambda: _applied(probe, 2), seconds=15)
        assert await probe.effects("c1") == ["000001", "000002"]


async def _applied(probe: Probe, count: int) -> bool:
    return len(await probe.effects("c1")) >= count
