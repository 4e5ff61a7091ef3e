"""Three Kafka nodes, three copies, two in sync to acknowledge: the leaders are killed under load, one node a time."""

import asyncio
from collections.abc import Iterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.config import ephemeral_config
from deploy.local.stack import Stack
from shared.messaging import KafkaError, Publication
from tests.support.messaging import SOURCE, Probe, eventually, points, running_probe
from tests.support.stack import Infra, temporary_state_dir

NODES = 3
CUSTOMERS = [f"c{n}" for n in range(12)]

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Infra]:
    """Three nodes and a PostgreSQL of this module's own."""
    with temporary_state_dir() as state_dir:
        stack = Stack(ephemeral_config(state_dir, services=(), mail=False, kafka_nodes=NODES))
        try:
            stack.up_infrastructure()
            infra = Infra(stack)
            infra.prepare()
            yield infra
        finally:
            stack.clean()


class Seller:
    """Publishes without pause, in order per customer; what Kafka may not have is sent again under the same ids."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self.number = 0
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        while not self._stopping.is_set():
            await self._publish(self.number)
            self.number += 1
            await asyncio.sleep(0.02)

    def stop(self) -> None:
        self._stopping.set()

    async def _publish(self, number: int) -> None:
        batch = [
            Publication.of(points(customer, number), source=SOURCE, event_id=f"{customer}-{number}")
            for customer in CUSTOMERS
        ]
        while True:
            try:
                await self._probe.publisher.send(batch, timeout=20)
                return
            except (KafkaError, TimeoutError):
                await asyncio.sleep(0.1)


async def _leader(infra: Infra, topic: str) -> tuple[int, list[int]]:
    """The node that leads partition 0 of a topic, and the nodes in sync with it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=infra.bootstrap_servers)
    await admin.start()
    try:
        (found,) = await admin.describe_topics([topic])
        first = next(each for each in found["partitions"] if each["partition"] == 0)
        assert len(first["replicas"]) == NODES
        return int(first["leader"]), list(first["isr"])
    finally:
        await admin.close()


async def test_leaders_die_under_load_and_nothing_is_lost_or_doubled(cluster: Infra) -> None:
    async with running_probe(cluster, replication=NODES) as probe, probe.relay():
        topic = probe.kafka.full_name("loyalty")
        probe.consumer()
        seller = Seller(probe)
        selling = asyncio.create_task(seller.run())
        for written in (1, 2):
            await eventually(lambda goal=seller.number + 50: _applied(probe, goal), seconds=90)  # type: ignore[misc]
            leader, _in_sync = await _leader(cluster, topic)
            victim = cluster.stack.processes[f"kafka-{leader}"]
            await asyncio.to_thread(victim.kill)
            # The relay goes on as well: an event out of the outbox, while the node is down.
            async with probe.unit_of_work.begin() as transaction:
                transaction.publish(points("outbox", written))
            await eventually(lambda goal=seller.number + 100: _applied(probe, goal), seconds=60)  # type: ignore[misc]
            assert (await _leader(cluster, topic))[0] != leader
            await eventually(lambda count=written: _count(probe, "outbox", count), seconds=60)  # type: ignore[misc]
            await asyncio.to_thread(victim.start)
            await eventually(lambda: _all_in_sync(cluster, topic), seconds=60)
        seller.stop()
        await selling
        for customer in CUSTOMERS:
            await eventually(lambda name=customer: _count(probe, name, seller.number))  # type: ignore[misc]
            assert await probe.effects(customer) == [f"{n:06d}" for n in range(seller.number)]
        assert await probe.effects("outbox") == ["000001", "000002"]


async def _applied(probe: Probe, goal: int) -> bool:
    return await _count(probe, CUSTOMERS[0], goal)


async def _count(probe: Probe, customer: str, goal: int) -> bool:
    return len(await probe.effects(customer)) >= goal


async def _all_in_sync(cluster: Infra, topic: str) -> bool:
    return len((await _leader(cluster, topic))[1]) == NODES
