"""Applies the records of one partition: one transaction for a batch, smaller ones to find what fails in it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from shared.contracts import Event
from shared.db import is_transient
from shared.messaging.batch import AnyHandler, Batch, Lock, Rejection
from shared.messaging.breaker import Breaker
from shared.messaging.cloudevents import Decoder
from shared.messaging.dead_letters import DeadLetter, letter_for_event, letter_for_record, store_letters
from shared.messaging.deferred import keep_waiting, park, parked_keys, take_overdue, take_waiting
from shared.messaging.progress import FencedError, claim_events, move_offset, release_events
from shared.messaging.records import Decoded, Received, Record, Undecodable
from shared.messaging.unit_of_work import Transaction, UnitOfWork
from shared.messaging.waves import waves


class _SplitBatchError(Exception):
    """Not a fault: the batch has to be applied in smaller transactions."""


def describe_failure(error: Exception) -> str:
    """The kind of the error and the first line of what it says: later lines of the database name values."""
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


class Processor:
    """The rules of a consumer, apart from where its records come from.

    Raises transient errors (database, broker) and FencedError to its caller; every other failure of a handler
    ends as the dead letter of the event that caused it.
    """

    def __init__(
        self,
        *,
        consumer: str,
        unit_of_work: UnitOfWork,
        handlers: Sequence[AnyHandler],
        lock: Lock,
        breaker: Breaker,
    ) -> None:
        self.consumer = consumer
        self.unit_of_work = unit_of_work
        self._handlers = {handler.contract.type: handler for handler in handlers}
        self._lock = lock
        self._breaker = breaker
        self._decoder = Decoder(self._handlers)

    def decode(self, records: Sequence[Record]) -> list[Decoded]:
        """Decode each record once, for all attempts at it."""
        return [self._decoder.decode(record) for record in records]

    async def apply(self, decoded: Sequence[Decoded], *, expected: int) -> int:
        """Apply records of one partition that follow the offset `expected`; returns the next offset.

        A handler's failure undoes the batch, and its halves are tried for themselves, in order.
        """
        try:
            target = await self._commit(decoded, expected=expected)
        except Exception as error:
            if isinstance(error, FencedError) or is_transient(error):
                raise
            if len(decoded) > 1:
                middle = len(decoded) // 2
                reached = await self.apply(decoded[:middle], expected=expected)
                return await self.apply(decoded[middle:], expected=reached)
            return await self._bury(decoded[0], error, expected=expected)
        self._breaker.succeeded({item.type for item in decoded if isinstance(item, Received)})
        return target

    async def apply_overdue(self, *, limit: int = 500) -> int:
        """Hand events whose cause did not come in time to their handlers; returns how many there were."""
        async with self.unit_of_work.begin() as transaction:
            records = await take_overdue(transaction.connection, consumer=self.consumer, limit=limit)
            events = [replace(event, overdue=True) for event in self.events_of(records)]
            await self.apply_deferred(transaction, events)
        return len(records)

    async def apply_deferred(self, transaction: Transaction, events: Sequence[Received[Event]]) -> None:
        """Apply events that were claimed before and kept since, inside an open transaction.

        One that fails becomes a dead letter by itself: it must not undo the cause that let it go.
        """
        if not events:
            return
        published = len(transaction.outbox)
        try:
            async with transaction.connection.transaction():
                await self.handle(transaction, events)
        except Exception as error:
            if is_transient(error):
                raise
            del transaction.outbox[published:]
            if len(events) == 1:
                await self._store_failure(transaction, events[0], error)
                return
            middle = len(events) // 2
            await self.apply_deferred(transaction, events[:middle])
            await self._apply_unless_parked(transaction, events[middle:])

    async def _apply_unless_parked(self, transaction: Transaction, events: Sequence[Received[Event]]) -> None:
        await self.apply_deferred(transaction, await self._not_parked(transaction, events))

    async def handle(self, transaction: Transaction, events: Sequence[Received[Event]]) -> list[Rejection]:
        """Apply claimed events inside an open transaction, and what waited for them; returns what was rejected."""
        await self._lock(transaction.connection, sorted({event.key for event in events}))
        causes: list[str] = []
        rejections: list[Rejection] = []
        for wave in waves(events):
            batch: Batch[Any] = Batch(transaction, wave)
            await self._handlers[wave[0].type].apply(batch)
            await self._settle(batch, events)
            causes.extend(batch.causes)
            rejections.extend(batch.rejections)
        if causes:
            records = await take_waiting(transaction.connection, consumer=self.consumer, causes=causes)
            await self._apply_unless_parked(transaction, self.events_of(records))
        return rejections

    def events_of(self, records: Sequence[Record]) -> list[Received[Event]]:
        """The events in records that were decoded before and kept since."""
        return [event for event in self.decode(records) if isinstance(event, Received)]

    async def _commit(self, decoded: Sequence[Decoded], *, expected: int) -> int:
        last = decoded[-1].record
        target = last.offset + 1
        async with self.unit_of_work.begin() as transaction:
            await move_offset(
                transaction.connection, consumer=self.consumer, topic=last.topic, partition=last.partition,
                expected=expected, target=target,
            )  # fmt: skip
            letters = [self._letter(item) for item in decoded if isinstance(item, Undecodable)]
            await store_letters(transaction, consumer=self.consumer, letters=letters)
            received = [item for item in decoded if isinstance(item, Received)]
            fresh = await claim_events(transaction.connection, consumer=self.consumer, events=received)
            events = await self._not_parked(transaction, fresh)
            if events:
                await self.handle(transaction, events)
        return target

    async def _not_parked(
        self, transaction: Transaction, events: Sequence[Received[Event]]
    ) -> Sequence[Received[Event]]:
        if not events:
            return events
        keys = await parked_keys(
            transaction.connection, consumer=self.consumer, keys=list({event.key for event in events})
        )
        if not keys:
            return events
        parked = [event for event in events if event.key in keys]
        await park(transaction.connection, consumer=self.consumer, events=parked)
        return [event for event in events if event.key not in keys]

    async def _settle(self, batch: Batch[Any], events: Sequence[Received[Event]]) -> None:
        transaction = batch.transaction
        if batch.waits:
            await keep_waiting(transaction.connection, consumer=self.consumer, waits=batch.waits)
        if batch.rejections:
            self._require_last_of_key(batch.rejections, events)
            letters = [self._rejected(rejection) for rejection in batch.rejections]
            await store_letters(transaction, consumer=self.consumer, letters=letters)
            rejected = [rejection.event for rejection in batch.rejections]
            await release_events(transaction.connection, consumer=self.consumer, events=rejected)

    def _require_last_of_key(self, rejections: Sequence[Rejection], events: Sequence[Received[Event]]) -> None:
        last = {event.key: event for event in events}
        for rejection in rejections:
            ordered = self._handlers[rejection.event.type].ordered
            if ordered and last[rejection.event.key] is not rejection.event:
                raise _SplitBatchError("later events of this customer must wait behind the rejected one")

    async def _bury(self, item: Decoded, error: Exception, *, expected: int) -> int:
        if not isinstance(item, Received):
            raise error
        self._breaker.failed(item.type)
        record = item.record
        async with self.unit_of_work.begin() as transaction:
            await move_offset(
                transaction.connection, consumer=self.consumer, topic=record.topic,
                partition=record.partition, expected=expected, target=record.offset + 1,
            )  # fmt: skip
            if await claim_events(transaction.connection, consumer=self.consumer, events=[item]):
                await self._store_failure(transaction, item, error)
        return record.offset + 1

    async def _store_failure(self, transaction: Transaction, event: Received[Event], error: Exception) -> None:
        ordered = self._handlers[event.type].ordered
        letter = letter_for_event(event, "handler_failed", describe_failure(error), parks=ordered)
        await store_letters(transaction, consumer=self.consumer, letters=[letter])
        await release_events(transaction.connection, consumer=self.consumer, events=[event])

    def _letter(self, fault: Undecodable) -> DeadLetter:
        handler = self._handlers.get(fault.event_type or "")
        return letter_for_record(fault, parks=handler is not None and handler.ordered)

    def _rejected(self, rejection: Rejection) -> DeadLetter:
        ordered = self._handlers[rejection.event.type].ordered
        return letter_for_event(rejection.event, rejection.code, rejection.detail, parks=ordered)
