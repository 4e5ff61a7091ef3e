"""Publishing without an outbox: for programs that own no database, such as gateways and the command line."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from shared.contracts import Event
from shared.ids import uuid7
from shared.messaging.cloudevents import binary_headers, payload_of
from shared.messaging.kafka import KafkaSettings, make_producer, stop_client
from shared.messaging.records import Headers
from shared.telemetry.trace import current_traceparent


@dataclass(frozen=True, slots=True)
class Publication:
    """A record to publish: `topic` without the prefix."""

    topic: str
    key: bytes | None
    headers: Headers
    value: bytes | None

    @classmethod
    def of(cls, event: Event, *, source: str, event_id: str | None = None, time: datetime | None = None) -> Self:
        """The event in binary mode. The same `event_id` of a source published twice takes effect once.

        `time` is when it happened, now unless given.
        """
        headers = binary_headers(
            event_id=event_id or str(uuid7()),
            source=source,
            event_type=event.type,
            time=time or datetime.now(UTC),
            subject=event.key(),
            traceparent=current_traceparent(),
        )
        return cls(event.topic, event.key().encode(), headers, payload_of(event))


class EventPublisher:
    """An async context manager around one producer. `source` is the CloudEvents source of what it publishes."""

    def __init__(self, kafka: KafkaSettings, *, source: str) -> None:
        self._kafka = kafka
        self._source = source
        self._producer: Any = None

    async def __aenter__(self) -> Self:
        self._producer = make_producer(self._kafka, client_id=self._source)
        try:
            async with asyncio.timeout(15):
                await self._producer.start()
        except BaseException:
            await stop_client(self._producer)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await stop_client(self._producer)

    async def publish(self, event: Event, *, event_id: str | None = None) -> None:
        """Publish one event and wait until Kafka has it. Raises KafkaError or TimeoutError: then it may or may not."""
        await self.send([Publication.of(event, source=self._source, event_id=event_id)])

    async def send(self, publications: Sequence[Publication], *, timeout: float = 60.0) -> None:
        """Publish records in their order and wait until Kafka has them all."""
        async with asyncio.timeout(timeout):
            futures = [
                await self._producer.send(
                    self._kafka.full_name(each.topic), value=each.value, key=each.key, headers=list(each.headers)
                )
                for each in publications
            ]
            await asyncio.gather(*futures)
