"""How this code base talks to Kafka: the settings of every client, and records without aiokafka's types."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.messaging.header_names import read_any_header_name
from shared.messaging.records import Record
from shared.messaging.security import security_options
from shared.settings import KafkaAccess

__all__ = [
    "KafkaError",
    "KafkaSettings",
    "is_connection_fault",
    "make_admin",
    "make_consumer",
    "make_producer",
    "stop_client",
    "to_record",
]

# A record that is too large to be an event must still fit into a dead-letter topic.
MAX_RECORD_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Where Kafka is, and how to get in: `security` has those arguments of the clients.

    `topic_prefix` lets several installations share one cluster.
    """

    bootstrap_servers: str
    topic_prefix: str = ""
    session_timeout_ms: int = 6_000
    fetch_wait_ms: int = 40
    security: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)

    @classmethod
    def of(cls, settings: KafkaAccess, **consumer: int) -> Self:
        """What the environment says; `consumer` are the times of a consumer that are not the usual ones."""
        security = security_options(settings)
        return cls(settings.kafka_bootstrap_servers, settings.topic_prefix, security=security, **consumer)

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
        **settings.security,
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
    read_any_header_name()
    return AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers,
        **settings.security,
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
        # One request at a time asks a broker for the partitions whose records were all taken, and lasts until there
        # is much, or so long. Answered for each single record, under load, they would be a third of the work of a
        # service: each names every partition. A partition with a backlog that was not taken in time waits as long.
        fetch_min_bytes=65_536,
        fetch_max_wait_ms=settings.fetch_wait_ms,
        # What waits in memory of a backlog; a larger record comes all the same.
        max_partition_fetch_bytes=524_288,
    )


def make_admin(settings: KafkaSettings, *, client_id: str) -> AIOKafkaAdminClient:
    """A client that lists, describes and creates topics."""
    return AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap_servers, client_id=client_id, **settings.security)


def is_connection_fault(error: BaseException) -> bool:
    """Whether the error says that the broker is away, or the connection to it."""
    # uvloop's word for a write to a connection that was closed a moment ago; aiokafka lets it through.
    closed = isinstance(error, RuntimeError) and "handler is closed" in str(error)
    return closed or isinstance(error, KafkaError | OSError | TimeoutError)


async def stop_client(client: Any, *, timeout: float = 2.0) -> None:
    """Stop a producer, a consumer or an admin client, but do not wait for a broker that is gone.

    aiokafka has no time limit of its own there, and what it leaves behind when its stop is interrupted goes on for
    ever: a heartbeat keeps the consumer's place in its group, a sender keeps trying to publish. So that is ended too.
    """
    # In a task of its own: aiokafka lets the cancellation of its tasks escape, and that would pass for ours.
    stopping = asyncio.create_task(_stop(client))
    try:
        await asyncio.wait([stopping], timeout=timeout)
    finally:
        stopping.cancel()
    await asyncio.wait([stopping], timeout=1)
    if not stopping.done() or stopping.cancelled() or stopping.exception() is not None:
        await _abandon(client)


async def _stop(client: Any) -> None:
    if isinstance(client, AIOKafkaProducer):
        # Its stop waits for this too, but in a task that nobody could end.
        await client.flush()
    await (client.stop() if hasattr(client, "stop") else client.close())


async def _abandon(client: Any) -> None:
    """Hang up, and end the tasks of aiokafka 0.14 that a complete stop would have ended."""
    network = getattr(client, "client", None) or client._client  # noqa: SLF001 - there is no other way in
    _hang_up(network)
    owners = [(network, "_sync_task")]
    for part, names in _TASKS.items():
        owners += [(getattr(client, part, None), name) for name in names]
    found = [getattr(owner, name, None) for owner, name in owners]
    tasks = [task for task in found if isinstance(task, asyncio.Task) and not task.done()]
    tasks += getattr(getattr(client, "_fetcher", None), "_pending_tasks", ())
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=1)
    # Once more: what was under way may have connected again.
    _hang_up(network)
    client._closed = True  # noqa: SLF001


def _hang_up(network: Any) -> None:
    for connection in list(network._conns.values()):  # noqa: SLF001
        connection.close()


# By part of a client, the tasks that it keeps there.
_TASKS = {
    "_coordinator": ("_coordination_task", "_heartbeat_task", "_commit_refresh_task"),
    "_fetcher": ("_fetch_task",),
    "_sender": ("_sender_task",),
}


def to_record(message: Any, *, topic: str) -> Record:
    """An aiokafka record as ours. `topic` is the name without the prefix."""
    headers = tuple(message.headers)
    for _, value in headers:
        if value is None:
            # Kafka allows headers without a value.
            headers = tuple((name, given or b"") for name, given in headers)
            break
    return Record(topic, message.partition, message.offset, message.key, headers, message.value)
