"""Quiet: everything that was published has been applied, and everything that was committed has been published."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
from aiokafka import TopicPartition

from deploy.local.stack import Stack
from shared.messaging import KafkaSettings
from shared.messaging.kafka import make_consumer
from tests.support.messaging import eventually


async def until_quiet(stack: Stack, *, seconds: float = 60.0) -> None:
    """Wait until no service of the stack has anything left to publish or to apply. Raises TimeoutError."""
    kafka = KafkaSettings(stack.bootstrap_servers, stack.config.topic_prefix)
    client = make_consumer(kafka, group=None, client_id="tests-quiet")
    await client.start()
    try:
        await eventually(lambda: _is_quiet(stack, kafka, client), seconds=seconds)
    finally:
        await client.stop()


async def _is_quiet(stack: Stack, kafka: KafkaSettings, client: Any) -> bool:
    # Outboxes first: what is published after the look at the offsets would otherwise be missed.
    found = await asyncio.gather(*(_state(stack.database_url(service)) for service in stack.config.services))
    if any(left for left, _ in found):
        return False
    offsets = [row for _, rows in found for row in rows]
    partitions = {TopicPartition(kafka.full_name(topic), partition) for topic, partition, _ in offsets}
    ends = await client.end_offsets(list(partitions))
    return all(
        next_offset >= ends[TopicPartition(kafka.full_name(topic), partition)]
        for topic, partition, next_offset in offsets
    )


async def _state(url: str) -> tuple[int, list[tuple[str, int, int]]]:
    connection = await asyncpg.connect(url)
    try:
        left = await connection.fetchval("select count(*) from outbox")
        rows = await connection.fetch("select topic, partition, next_offset from consumer_offsets")
        return left, [tuple(row) for row in rows]
    finally:
        await connection.close()
