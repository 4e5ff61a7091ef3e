"""Topics: which there are, and `python -m shared.messaging.admin`, the job that creates what is missing."""

import asyncio
import sys
from typing import Any

from aiokafka.admin import NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code
from pydantic import Field

from shared.db import words_of
from shared.messaging.dead_letters import DEAD_SUFFIX
from shared.messaging.kafka import MAX_RECORD_BYTES, KafkaError, KafkaSettings, make_admin, stop_client
from shared.settings import KafkaAccess, SettingsError, load_settings

_LISTED_SECONDS = 30
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


class TopicSettings(KafkaAccess):
    """Where to create topics, and what with."""

    topic_partitions: int = Field(default=6, ge=1, le=1000)
    topic_replication: int = Field(default=1, ge=1, le=9)


async def ensure_topics(kafka: KafkaSettings, *, partitions: int = 6, replication: int = 1) -> list[str]:
    """Create the topics that do not exist yet and return their names. Existing ones are left as they are.

    Raises:
        KafkaError, OSError: the broker cannot be reached, refuses, or does not list them in time.
    """
    prefix = kafka.topic_prefix
    admin = make_admin(kafka, client_id="recourse-topics")
    try:
        await admin.start()
        present = set(await admin.list_topics())
        missing = [name for name in topic_names() if prefix + name not in present]
        if missing:
            response = await admin.create_topics(
                [_new_topic(name, prefix, partitions, replication) for name in missing]
            )
            _raise_errors(response)
            await _until_listed(admin, {prefix + name for name in missing})
        return [prefix + name for name in missing]
    finally:
        await stop_client(admin)


async def _until_listed(admin: Any, topics: set[str]) -> None:
    """Wait until the broker lists the topics: between its word that they are created and then it denies them."""
    async with asyncio.timeout(_LISTED_SECONDS):
        while not topics <= set(await admin.list_topics()):  # noqa: ASYNC110 - Kafka sends no word of it
            await asyncio.sleep(0.05)


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
    """Create the topics of the cluster that the environment names. Returns the exit status."""
    try:
        settings = load_settings(TopicSettings)
        work = ensure_topics(
            KafkaSettings.of(settings), partitions=settings.topic_partitions, replication=settings.topic_replication
        )
        created = asyncio.run(work)
    except SettingsError as error:
        sys.stderr.write(f"topics: {error}\n")
        return 2
    except (KafkaError, OSError) as error:
        sys.stderr.write(f"topics: could not be created: {words_of(error)}\n")
        return 1
    sys.stdout.write(f"topics created: {', '.join(created) if created else 'none missing'}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
