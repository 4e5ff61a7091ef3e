"""A small service of its own for testing the messaging core: it writes down each event that it applies."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg

from shared.contracts import Event, PointsAwarded, PointsClawedBack
from shared.db import Connection, Database, MigrationSource, migrate
from shared.messaging import (
    MIGRATIONS,
    AnyHandler,
    Batch,
    Consumer,
    EventPublisher,
    Handler,
    KafkaSettings,
    Publication,
    Relay,
    UnitOfWork,
)
from shared.messaging.admin import ensure_topics
from shared.messaging.breaker import Breaker
from tests.support.stack import Infra

SOURCE = "tests/outside"


async def prepare(url: str) -> None:
    """The messaging tables and the table of effects."""
    await migrate(url, [MigrationSource("messaging", MIGRATIONS)])
    connection = await asyncpg.connect(url)
    await connection.execute(
        """create table effects (n bigint generated always as identity primary key, customer_id text not null,
               event_id text not null, type text not null, entry_id text not null, overdue boolean not null);
           create table locks (customer_id text primary key);
           create table committed (n bigint generated always as identity, customer_id text, entry_id text)"""
    )
    await connection.close()


async def write_effects(batch: Batch[Any]) -> None:
    """The handler: one row for each event, in the order of the batch."""
    await batch.connection.execute(
        """insert into effects (customer_id, event_id, type, entry_id, overdue)
           select c, e, t, i, o from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bool[])
               with ordinality as x (c, e, t, i, o, n) order by n""",
        [event.key for event in batch.events],
        [event.id for event in batch.events],
        [event.type for event in batch.events],
        [event.data.entry_id for event in batch.events],
        [event.overdue for event in batch.events],
    )


async def lock_customers(connection: Connection, keys: Sequence[str]) -> None:
    """Lock one row for each customer, in the order given."""
    await connection.execute(
        """insert into locks select k from unnest($1::text[]) with ordinality as x (k, n) order by n
           on conflict do nothing""",
        keys,
    )
    await connection.execute("select 1 from locks where customer_id = any($1) order by customer_id for update", keys)


def points(customer: str, number: int, *, clawed_back: bool = False) -> PointsAwarded | PointsClawedBack:
    """An event of a customer; `number` shows the order in which it was made."""
    contract = PointsClawedBack if clawed_back else PointsAwarded
    return contract(
        customer_id=customer, entry_id=f"{number:06d}", occurred_at=datetime.now(UTC), points=number, balance=0,
        order_id="order", ticket_id="ticket",
    )  # fmt: skip


@dataclass
class Probe:
    """The probe service's parts, and how a test looks at them."""

    url: str
    kafka: KafkaSettings
    database: Database
    unit_of_work: UnitOfWork
    publisher: EventPublisher
    running: list[tuple[Consumer, asyncio.Task[None]]] = field(default_factory=list)

    def consumer(
        self,
        handlers: Sequence[AnyHandler] | None = None,
        *,
        batch_size: int = 500,
        breaker: Breaker | None = None,
    ) -> Consumer:
        """Start a consumer; by default it writes down awards and claw-backs."""
        consumer = Consumer(
            name=f"{self.kafka.topic_prefix}probe",
            kafka=self.kafka,
            unit_of_work=self.unit_of_work,
            handlers=handlers or [Handler(PointsAwarded, write_effects), Handler(PointsClawedBack, write_effects)],
            lock=lock_customers,
            batch_size=batch_size,
            breaker=breaker,
        )
        self.running.append((consumer, asyncio.create_task(consumer.run())))
        return consumer

    async def stop_consumers(self) -> None:
        """Stop all consumers as a signal would."""
        running, self.running = self.running, []
        for consumer, _ in running:
            consumer.stop()
        await asyncio.gather(*(task for _, task in running))

    async def publish(self, events: Sequence[Event], ids: Sequence[str] | None = None) -> None:
        """Publish as an outside system would, in order."""
        names = ids or [f"{event.key()}-{number}" for number, event in enumerate(events)]
        await self.publisher.send(
            [Publication.of(event, source=SOURCE, event_id=name) for event, name in zip(events, names, strict=True)]
        )

    async def fetch(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Rows as plain tuples."""
        async with self.database.read() as connection:
            return [tuple(row) for row in await connection.fetch(sql, *arguments)]

    async def effects(self, customer: str) -> list[str]:
        """The entry ids applied for a customer, in order."""
        rows = await self.fetch("select entry_id from effects where customer_id = $1 order by n", customer)
        return [row[0] for row in rows]

    async def count(self, table: str) -> int:
        """The number of rows of a table."""
        rows = await self.fetch(f"select count(*) from {table}")  # noqa: S608 - tables of the tests
        return int(rows[0][0])

    @asynccontextmanager
    async def relay(self, **options: Any) -> AsyncIterator[Relay]:
        """A running relay, stopped at the end."""
        relay = Relay(dsn=self.url, kafka=self.kafka, source="tests/probe", **options)
        self.unit_of_work.on_published(relay.wake)
        task = asyncio.create_task(relay.run())
        try:
            yield relay
        finally:
            relay.stop()
            await task


@asynccontextmanager
async def running_probe(
    infra: Infra, *, partitions: int = 3, replication: int = 1, bootstrap_servers: str | None = None
) -> AsyncIterator[Probe]:
    """A probe with a database and topics of its own, on the Kafka of all tests unless another is named."""
    kafka = KafkaSettings(bootstrap_servers or infra.bootstrap_servers, infra.topic_prefix())
    await ensure_topics(kafka, partitions=partitions, replication=replication)
    async with infra.prepared_database("probe", prepare) as url, _probe_on(url, kafka) as probe:
        try:
            yield probe
        finally:
            await probe.stop_consumers()


@asynccontextmanager
async def _probe_on(url: str, kafka: KafkaSettings) -> AsyncIterator[Probe]:
    database = await Database.connect(url, application="probe")
    try:
        async with EventPublisher(kafka, source=SOURCE) as publisher:
            yield Probe(url, kafka, database, UnitOfWork(database), publisher)
    finally:
        await database.close()


async def eventually(condition: Callable[[], Awaitable[bool]], *, seconds: float = 30.0) -> None:
    """Wait until the condition holds. Raises TimeoutError when it does not in time."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - the condition lives in another system
            await asyncio.sleep(0.02)
