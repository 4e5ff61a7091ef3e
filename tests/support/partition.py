"""A service's handlers fed as from one partition, on the real database and without a broker."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson

from shared.contracts import Event
from shared.db import Database, migrate
from shared.ids import uuid7
from shared.messaging import Publication, Received, UnitOfWork
from shared.messaging.breaker import Breaker
from shared.messaging.processor import Processor
from shared.messaging.progress import stored_offset
from shared.messaging.records import Record
from shared.service import Context, Parts, Service
from tests.support.http import settings_for_tests
from tests.support.stack import Infra

SOURCE = "tests/outside"


@dataclass
class Partition:
    """Records of one partition, applied by the processor of a service as its consumer would."""

    database: Database
    unit_of_work: UnitOfWork
    processor: Processor
    parts: Parts
    next_offset: dict[str, int] = field(default_factory=dict)

    async def deliver(self, *events: Event, ids: Sequence[str] | None = None) -> None:
        """Apply events, which may be of several topics, in this order; by default each under a new event id.

        Each run of one topic is a batch of its own.
        """
        names = list(ids or [str(uuid7()) for _ in events])
        start = 0
        for end in range(1, len(events) + 1):
            if end == len(events) or events[end].topic != events[start].topic:
                await self._deliver_batch(events[start:end], names[start:end])
                start = end

    async def deliver_beside(self, *events: Event) -> None:
        """Apply events in a transaction of their own, as a process does that lost the partition just now."""
        records = [_record(Publication.of(event, source=SOURCE), 0) for event in events]
        received = [item for item in self.processor.decode(records) if isinstance(item, Received)]
        async with self.unit_of_work.begin() as transaction:
            await self.processor.handle(transaction, received)

    async def published(self, contract: type[Event] | None = None) -> list[dict[str, Any]]:
        """The data of what was published since the beginning, in order."""
        async with self.database.read() as connection:
            rows = await connection.fetch(
                "select payload from outbox where $1::text is null or type = $1 order by sequence",
                contract.type if contract is not None else None,
            )
        return [orjson.loads(row[0]) for row in rows]

    async def fetch(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Rows as plain tuples."""
        async with self.database.read() as connection:
            return [tuple(row) for row in await connection.fetch(sql, *arguments)]

    async def _deliver_batch(self, events: Sequence[Event], ids: Sequence[str]) -> None:
        topic = events[0].topic
        expected = self.next_offset.get(topic)
        if expected is None:
            async with self.unit_of_work.begin() as transaction:
                expected = await stored_offset(
                    transaction.connection, consumer=self.processor.consumer, topic=topic, partition=0, start=0
                )
        records = [
            _record(Publication.of(event, source=SOURCE, event_id=name), expected + n)
            for n, (event, name) in enumerate(zip(events, ids, strict=True))
        ]
        decoded = self.processor.decode(records)
        assert all(isinstance(item, Received) for item in decoded), decoded
        self.next_offset[topic] = await self.processor.apply(decoded, expected=expected)


def _record(publication: Publication, offset: int) -> Record:
    return Record(publication.topic, 0, offset, publication.key, publication.headers, publication.value)


@cache
def _migration_of(service: Service[Any]) -> Callable[[str], Awaitable[None]]:
    """The same function for each call, so that the migrated template is made once a session."""

    async def prepare(url: str) -> None:
        await migrate(url, service.migration_sources())

    return prepare


@asynccontextmanager
async def partition_of(infra: Infra, service: Service[Any], **settings: Any) -> AsyncIterator[Partition]:
    """The service on a new database; `settings` are those in which it differs from the defaults."""
    url = await infra.create_database(service.name, prepare=_migration_of(service))
    database = await Database.connect(url, application=service.name)
    try:
        unit_of_work = UnitOfWork(database)
        built = service.build(Context(settings_for_tests(service.settings, **settings), database, unit_of_work))
        parts = built if isinstance(built, Parts) else await built
        processor = Processor(
            consumer=service.name,
            unit_of_work=unit_of_work,
            handlers=parts.handlers,
            lock=parts.lock,
            breaker=Breaker(),
        )
        yield Partition(database, unit_of_work, processor, parts)
    finally:
        await database.close()
