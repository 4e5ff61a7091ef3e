"""Batches made by hand reach Kafka as what is sent record by record does."""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from shared.messaging import KafkaSettings
from shared.messaging.admin import ensure_topics
from shared.messaging.batches import Batches
from shared.messaging.follow import follow
from shared.messaging.kafka import make_producer, stop_client
from tests.support.stack import Infra

TOPIC = "activity"
KEYS = [f"kund-ä{number}".encode() for number in range(40)]


async def test_records_arrive_in_order_where_a_producer_would_put_them(infra: Infra) -> None:
    async with _producing(infra) as (kafka, producer):
        batches = Batches(producer)
        # Three batches of a partition and more, and one record that is larger than a batch.
        for number in range(60):
            for key in KEYS:
                size = 700_000 if number == 30 and key == KEYS[0] else 1_500
                await batches.add(
                    kafka.full_name(TOPIC), key=key, value=b"%06d" % number + b"x" * size, headers=(("n", b"1"),)
                )
        for future in await batches.send():
            await future
        alone = {key: await producer.send_and_wait(kafka.full_name(TOPIC), key=key, value=b"alone") for key in KEYS}
    found = defaultdict(list)
    async for item in follow(kafka, TOPIC, from_beginning=True, to_present=True):
        assert item.record.key is not None
        found[item.record.key].append(item.record)
    for key, records in found.items():
        *ours, last = records
        assert [record.value[:6] for record in ours if record.value] == [b"%06d" % number for number in range(60)]
        assert {record.partition for record in records} == {alone[key].partition}
        assert {record.headers for record in ours} == {(("n", b"1"),)}
        assert last.value == b"alone"
    assert set(found) == set(KEYS)


async def test_records_without_a_key_or_a_value_arrive(infra: Infra) -> None:
    async with _producing(infra) as (kafka, producer):
        batches = Batches(producer)
        for key, value in ((None, b"1"), (b"k", None), (b"k", b"")):
            await batches.add(kafka.full_name(TOPIC), key=key, value=value, headers=())
        for future in await batches.send():
            await future
    found = {
        (item.record.key, item.record.value)
        async for item in follow(kafka, TOPIC, from_beginning=True, to_present=True)
    }
    assert found == {(None, b"1"), (b"k", None), (b"k", b"")}


@asynccontextmanager
async def _producing(infra: Infra) -> AsyncIterator[tuple[KafkaSettings, Any]]:
    """Topics of a test's own, and a producer for them."""
    kafka = KafkaSettings(infra.bootstrap_servers, infra.topic_prefix())
    await ensure_topics(kafka, partitions=3, replication=1)
    producer = make_producer(kafka, client_id="tests")
    await producer.start()
    try:
        yield kafka, producer
    finally:
        await stop_client(producer)
