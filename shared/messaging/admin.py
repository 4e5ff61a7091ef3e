"""Topics: which there are, and `python -m shared.messaging.admin`, the job that creates what is missing."""

import asyncio
import os
import sys
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared.messaging.dead_letters import DEAD_SUFFIX
from shared.messaging.kafka import MAX_RECORD_BYTES, KafkaError

TOPICS = (
    "purchases",
    "activity",
    "customers",
    "tickets",
    "balances",
    "correspondence",
    "deliveries",
    "loyalty",
)
COMPACTED = {"customers"}
WEEK_MS = 7 * 24 * 3600 * 1000


def topic_names() -> list[str]:
    """All topics, dead-letter topics included, without prefix."""
    return [*TOPICS, *(topic + DEAD_SUFFIX for topic in TOPICS)]


def retention_ms(topic: str) -> int | None:
    """How long a topic keeps its records; None for a compacted one, which keeps the last of each key."""
    if topic in COMPACTED:
        return None
    return (4 if topic.endswith(DEAD_SUFFIX) else 1) * WEEK_MS


async def ensure_topics(
    bootstrap_servers: str, *, prefix: str = "", partitions: int = 6, replication: int = 1
) -> list[str]:
    """Create the topics that do not exist yet and return their names. Existing ones are left as they are."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, client_id="recourse-topics")
    await admin.start()
    try:
        present = set(await admin.list_topics())
        missing = [name for name in topic_names() if prefix + name not in present]
        if missing:
            response = await admin.create_topics(
                [_new_topic(name, prefix, partitions, replication) for name in missing]
            )
            _raise_errors(response)
        return [prefix + name for name in missing]
    finally:
        await admin.close()


def _new_topic(name: str, prefix: str, partitions: int, replication: int) -> Any:
    configs = {
        # A dead letter has headers that its record had not.
        "max.message.bytes": str(MAX_RECORD_BYTES + (500_000 if name.endswith(DEAD_SUFFIX) else 0)),
        "min.insync.replicas": str(2 if replication >= 3 else 1),
    }
    retention = retention_ms(name)
    configs |= {"cleanup.policy": "compact"} if retention is None else {"retention.ms": str(retention)}
    return NewTopic(prefix + name, partitions, replication, topic_configs=configs)


def _raise_errors(response: Any) -> None:
    for topic, code, *rest in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise KafkaError(f"{topic}: {error.__name__} {rest[0] if rest else ''}")


def main() -> int:
    """Create the topics of the cluster that the environment names."""
    servers = os.environ.get("RECOURSE_KAFKA_BOOTSTRAP_SERVERS")
    if not servers:
        sys.stderr.write("RECOURSE_KAFKA_BOOTSTRAP_SERVERS is not set; it names the Kafka to create topics on\n")
        return 2
    created = asyncio.run(
        ensure_topics(
            servers,
            prefix=os.environ.get("RECOURSE_TOPIC_PREFIX", ""),
            partitions=int(os.environ.get("RECOURSE_TOPIC_PARTITIONS", "6")),
            replication=int(os.environ.get("RECOURSE_TOPIC_REPLICATION", "1")),
        )
    )
    sys.stdout.write(f"topics created: {', '.join(created) if created else 'none missing'}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
