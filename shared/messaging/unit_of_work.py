"""The unit of work: the only place that opens and commits a transaction that writes.

State, inbox, consumer offset and outbox commit together, or not at all.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from shared.contracts import Event
from shared.db import Connection, Database, Statement, execute_together
from shared.messaging.outbox import OutboxRow, Prepared, insert_outbox, outbox_insertion
from shared.messaging.records import Received
from shared.telemetry.trace import current_trace, new_trace


class Transaction:
    """An open transaction: `connection` for SQL, `publish` for what the rest of the world is to learn of it.

    Whoever publishes an event of a customer must have locked that customer's row before, or hold rows that only
    one transaction at a time can hold: the order of a customer's events is the order of these locks.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.began_at = datetime.now(UTC)
        self.outbox: list[OutboxRow] = []
        self._last: list[Statement] = []
        self._on_commit: list[Callable[[], object]] = []

    def publish(self, event: Event | Prepared, *, cause: Received[Event] | None = None) -> None:
        """Publish the event when, and only when, this transaction commits. Its trace continues its cause's."""
        trace = cause.trace if cause is not None else (current_trace.get() or new_trace())
        self.outbox.append(OutboxRow.of(event, at=self.began_at, traceparent=trace.child_traceparent()))

    def write_last(self, statements: Sequence[Statement]) -> None:
        """Run these when the block ends, together with the outbox: one round trip for all of them."""
        self._last += statements

    def on_commit(self, tell: Callable[[], object]) -> None:
        """Call `tell`, which must not fail, when and only when this transaction has committed: metrics, for one."""
        self._on_commit.append(tell)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """What the block does is undone when it raises, with what it publishes and tells; the transaction goes on."""
        lists: list[list[Any]] = [self.outbox, self._last, self._on_commit]
        before = [len(each) for each in lists]
        try:
            async with self.connection.transaction():
                yield
        except BaseException:
            for each, length in zip(lists, before, strict=True):
                del each[length:]
            raise

    def committed(self) -> None:
        """Tell those who wait for the commit."""
        for tell in self._on_commit:
            tell()

    async def finish(self) -> None:
        """Write what waits for the end."""
        # After all else, so that outbox numbers are taken under the locks of the rows they speak of.
        if self._last and self.outbox and (statement := outbox_insertion(self.outbox)) is not None:
            await execute_together(self.connection, [*self._last, statement])
            return
        await execute_together(self.connection, self._last)
        await insert_outbox(self.connection, self.outbox)


class UnitOfWork:
    """Opens transactions on one database and wakes the relay when one of them left something to publish."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._on_published: list[Callable[[], None]] = []

    def on_published(self, wake: Callable[[], None]) -> None:
        """Call `wake` after each commit that wrote to the outbox."""
        self._on_published.append(wake)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        """One transaction: commits when the block ends, rolls back when it raises."""
        async with self.database.transaction() as connection:
            transaction = Transaction(connection)
            yield transaction
            await transaction.finish()
        transaction.committed()
        if transaction.outbox:
            for wake in self._on_published:
                wake()
