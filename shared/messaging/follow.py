"""Reading a topic without a group and without effect: for people who watch, and for tests."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from aiokafka import TopicPartition

from shared.messaging.cloudevents import Decoder
from shared.messaging.kafka import KafkaSettings, make_admin, make_consumer, stop_client, to_record
from shared.messaging.records import Decoded

CLIENT_ID = "recourse-follow"
START_SECONDS = 15.0


class UnknownTopicError(Exception):
    """The cluster has no such topic; `topics` are those it has, without the prefix."""

    def __init__(self, topic: str, topics: list[str]) -> None:
        super().__init__(f"there is no topic {topic}")
        self.topics = topics


async def follow(
    kafka: KafkaSettings, topic: str, *, from_beginning: bool = False, to_present: bool = False
) -> AsyncIterator[Decoded]:
    """The records of a topic, decoded, in order per partition: those to come, or all from the beginning.

    `to_present` ends at what was the end when it began, instead of waiting for more.

    Raises:
        UnknownTopicError: there is no such topic.
        KafkaError, TimeoutError: the broker does not answer.
    """
    partitions = await _partitions(kafka, topic)
    client = make_consumer(kafka, group=None, client_id=CLIENT_ID)
    try:
        async with asyncio.timeout(START_SECONDS):
            await client.start()
            client.assign(partitions)
            ends: dict[Any, int] = await client.end_offsets(partitions)
            await (client.seek_to_beginning() if from_beginning else _seek(client, ends))
        async for record in _records(client, topic, ends if to_present else None):
            yield record
    finally:
        await stop_client(client)


async def _partitions(kafka: KafkaSettings, topic: str) -> list[Any]:
    admin = make_admin(kafka, client_id=CLIENT_ID)
    try:
        async with asyncio.timeout(START_SECONDS):
            await admin.start()
            # Asking for one topic by name may create it; asking for all does not.
            found = {each["topic"]: each["partitions"] for each in await admin.describe_topics()}
    finally:
        await stop_client(admin)
    name = kafka.full_name(topic)
    if name not in found:
        ours = [kafka.short_name(each) for each in found if each.startswith(kafka.topic_prefix)]
        raise UnknownTopicError(topic, sorted(ours))
    return [TopicPartition(name, partition["partition"]) for partition in found[name]]


async def _seek(client: Any, offsets: dict[Any, int]) -> None:
    for partition, offset in offsets.items():
        client.seek(partition, offset)


async def _records(client: Any, topic: str, ends: dict[Any, int] | None) -> AsyncIterator[Decoded]:
    decoder = Decoder()
    while ends is None or await _is_before(client, ends):
        for partition, messages in (await client.getmany(timeout_ms=500)).items():
            for message in messages:
                if ends is None or message.offset < ends[partition]:
                    yield decoder.decode(to_record(message, topic=topic))


async def _is_before(client: Any, ends: dict[Any, int]) -> bool:
    # A topic may end in records that no consumer is given, such as transaction markers: the position counts.
    return any([await client.position(partition) < end for partition, end in ends.items()])
