"""Handlers that fail when they are told to, and what an operator does about it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from shared.audit import MIGRATIONS as AUDIT_MIGRATIONS
from shared.contracts import Event, PointsAwarded, PointsClawedBack
from shared.db import Database, MigrationSource, migrate
from shared.messaging import AnyHandler, Batch, Handler, Publication, UnitOfWork
from shared.messaging.breaker import Breaker
from shared.messaging.operator import Outcome, discard_letters, replay_letters
from shared.service import Parts
from shared.web import MIGRATIONS as WEB_MIGRATIONS
from tests.support.messaging import lock_customers, points, prepare, write_effects
from tests.support.partition import Partition, partition_on
from tests.support.stack import Infra


async def prepare_with_http(url: str) -> None:
    """The tables of the probe and those that HTTP needs."""
    await prepare(url)
    await migrate(url, [MigrationSource("web", WEB_MIGRATIONS), MigrationSource("audit", AUDIT_MIGRATIONS)])


@dataclass
class Faults:
    """Whose events the handlers throw at, and whose they reject, by customer and entry id."""

    throws: Callable[[str, str], bool] = lambda *_: False
    rejects: Callable[[str, str], bool] = lambda *_: False
    ordered: bool = True

    def handlers(self) -> list[AnyHandler]:
        return [Handler(contract, self.apply, ordered=self.ordered) for contract in (PointsAwarded, PointsClawedBack)]

    async def apply(self, batch: Batch[Any]) -> None:
        good = []
        for event in batch.events:
            if self.throws(event.key, event.data.entry_id):
                raise ValueError(f"cannot take entry {event.data.entry_id}")
            if self.rejects(event.key, event.data.entry_id):
                batch.reject(event, "not_wanted", "the books are closed")
            else:
                good.append(event)
                batch.publish(event.data, cause=event)
        await write_effects(Batch(batch.transaction, good))

    def mend(self) -> None:
        self.throws = self.rejects = lambda *_: False


@dataclass
class Ward:
    """A partition whose handlers fail on purpose."""

    partition: Partition
    faults: Faults

    async def deliver(self, *items: Event | Publication) -> None:
        await self.partition.deliver(*items)

    async def effects(self, customer: str) -> list[int]:
        """The numbers of the applied events of a customer, in order."""
        rows = await self.partition.fetch("select entry_id from effects where customer_id = $1 order by n", customer)
        return [int(row[0]) for row in rows]

    async def letters(self, state: str = "dead") -> list[UUID]:
        """The ids of the letters, the oldest first."""
        rows = await self.partition.fetch("select id from dead_letters where state = $1 order by record_offset", state)
        return [row[0] for row in rows]

    async def place(self, letter: UUID) -> tuple[str, int]:
        """Whose event it is, and its number."""
        ((value,),) = await self.partition.fetch("select value from dead_letters where id = $1", letter)
        data = orjson.loads(value)
        return data["customer_id"], int(data["entry_id"])

    async def replay(self, letter: UUID) -> str:
        """What the letter is afterwards, `settled` when it was no longer dead."""
        return await self._settle(replay_letters, letter)

    async def discard(self, letter: UUID) -> str:
        """As `replay`."""
        return await self._settle(discard_letters, letter)

    async def _settle(self, settle: Callable[..., Awaitable[list[Outcome]]], letter: UUID) -> str:
        async with self.partition.unit_of_work.begin() as transaction:
            (outcome,) = await settle(self.partition.processor, transaction, [letter], actor="operator", note="why")
        return "settled" if outcome.was_settled else outcome.after.state

    async def count(self, table: str) -> int:
        rows = await self.partition.fetch(f"select count(*) from {table}")  # noqa: S608 - tables of the tests
        return int(rows[0][0])


@asynccontextmanager
async def ward_of(infra: Infra, faults: Faults, breaker: Breaker | None = None) -> AsyncIterator[Ward]:
    """Failing handlers on a database of their own."""

    def build(_database: Database, _unit_of_work: UnitOfWork) -> Parts:
        return Parts(operations=[], handlers=faults.handlers(), lock=lock_customers)

    async with (
        infra.prepared_database("ward", prepare_with_http) as url,
        partition_on(url, "ward", build, breaker) as partition,
    ):
        yield Ward(partition, faults)


def run(customer: str, numbers: Sequence[int]) -> list[PointsAwarded | PointsClawedBack]:
    """Events of a customer."""
    return [points(customer, number) for number in numbers]
