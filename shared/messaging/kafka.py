"""How this code base talks to Kafka: the settings of every client, and records without aiokafka's types."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.messaging.records import Record

__all__ = ["KafkaError", "KafkaSettings", "make_consumer", "make_producer", "stop_client", "to_record"]

# A record that is too large to be an event must still fit into a dead-letter topic.
MAX_RECORD_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Where Kafka is. `topic_prefix` lets several installations share one cluster."""

    bootstrap_servers: str
    topic_prefix: str = ""
    session_timeout_ms: int = 6_000

    def full_name(self, topic: str) -> str:
        """The topic's name on the cluster."""
        return self.topic_prefix + topic

    def short_name(self, topic: str) -> str:
        """The inverse of `full_name`."""
        return topic.removeprefix(self.topic_prefix)


def make_producer(settings: KafkaSettings, *, client_id: str) -> AIOKafkaProducer:
    """An idempotent producer that waits for all in-sync replicas."""
    return AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap_servers,
        client_id=client_id,
        acks="all",
        enable_idempotence=True,
        linger_ms=2,
        max_batch_size=512 * 1024,
        max_request_size=MAX_RECORD_BYTES + 1_000_000,
        compression_type="lz4",
        metadata_max_age_ms=30_000,
    )


def make_consumer(settings: KafkaSettings, *, group: str | None, client_id: str) -> AIOKafkaConsumer:
    """A consumer that decodes nothing and commits nothing by itself."""
    return AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers,
        group_id=group,
        client_id=client_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        session_timeout_ms=settings.session_timeout_ms,
        heartbeat_interval_ms=max(settings.session_timeout_ms // 6, 300),
        # Longer than a drain on revoke may last; a worker that waits for the database goes on polling late.
        rebalance_timeout_ms=20_000,
        max_poll_interval_ms=3_600_000,
        metadata_max_age_ms=15_000,
    )


async def stop_client(stopping: Awaitable[Any], *, timeout: float = 2.0) -> None:
    """Stop a client, but do not wait for a broker that is gone: aiokafka has no time limit of its own there."""
    try:
        async with asyncio.timeout(timeout):
            await stopping
    except (KafkaError, OSError, TimeoutError):
        return


def to_record(message: Any, *, topic: str) -> Record:
    """An aiokafka record as ours. `topic` is the name without the prefix."""
    # Kafka allows headers without a value.
    headers = tuple((name, value or b"") for name, value in message.headers)
    return Record(topic, message.partition, message.offset, message.key, headers, message.value)
