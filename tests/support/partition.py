"""A service's handlers fed as from one partition, on the real database and without a broker."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson

from shared.contracts import Event
from shared.db import Database, migrate
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

    async def deliver(self, *items: Event | Publication) -> None:
        """Apply events, each under a new id, and records as they are, in this order.

        They may be of several topics; each run of one topic is a batch of its own.
        """
        publications = [_publication(item) for item in items]
        start = 0
        for end in range(1, len(items) + 1):
            if end == len(items) or publications[end].topic != publications[start].topic:
                await self._deliver_batch(publications[start:end])
                start = end

    async def deliver_beside(self, *events: Event) -> None:
        """Apply events in a transaction of their own, as a process does that lost the partition just now."""
        records = [_record(_publication(event), 0) for event in events]
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

    async def _deliver_batch(self, publications: Sequence[Publication]) -> None:
        topic = publications[0].topic
        expected = self.next_offset.get(topic)
        if expected is None:
            async with self.unit_of_work.begin() as transaction:
                expected = await stored_offset(
                    transaction.connection, consumer=self.processor.consumer, topic=topic, partition=0, start=0
                )
        records = [_record(each, expected + n) for n, each in enumerate(publications)]
        self.next_offset[topic] = await self.processor.apply(self.processor.decode(records), expected=expected)


def _publication(item: Event | Publication) -> Publication:
    return Publication.of(item, source=SOURCE) if isinstance(item, Event) else item


def _record(publication: Publication, offset: int) -> Record:
    return Record(publication.topic, 0, offset, publication.key, publication.headers, publication.value)


@asynccontextmanager
async def partition_on(
    url: str, name: str, build: Callable[[Database, UnitOfWork], Parts], breaker: Breaker | None = None
) -> AsyncIterator[Partition]:
    """Handlers on a migrated database; `name` is the consumer's."""
    database = await Database.connect(url, application=name)
    try:
        unit_of_work = UnitOfWork(database)
        parts = build(database, unit_of_work)
        processor = Processor(
            consumer=name,
            unit_of_work=unit_of_work,
            handlers=parts.handlers,
            lock=parts.lock,
            breaker=breaker or Breaker(),
        )
        yield Partition(database, unit_of_work, processor, parts)
    finally:
        await database.close()


@asynccontextmanager
async def partition_of(infra: Infra, service: Service[Any], **settings: Any) -> AsyncIterator[Partition]:
    """The service on a new database; `settings` are those in which it differs from the defaults."""

    def build(database: Database, unit_of_work: UnitOfWork) -> Parts:
        return service.build(Context(settings_for_tests(service.settings, **settings), database, unit_of_work))

    async with (
        infra.prepared_database(service.name, _migration_of(service)) as url,
        partition_on(url, service.name, build) as partition,
    ):
        yield partition


@cache
def _migration_of(service: Service[Any]) -> Callable[[str], Awaitable[None]]:
    """The same function for each call, so that the migrated template is made once a session."""

    async def prepare(url: str) -> None:
        await migrate(url, service.migration_sources())

    return prepare
