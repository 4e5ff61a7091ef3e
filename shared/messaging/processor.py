"""Applies the records of partitions: one transaction for a batch, smaller ones to find what fails in it."""

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from shared.contracts import Event
from shared.db import is_transient
from shared.messaging.batch import AnyHandler, Batch, Lock, Rejection
from shared.messaging.breaker import Breaker
from shared.messaging.cloudevents import Decoder
from shared.messaging.dead_letters import DeadLetter, letter_for_event, letter_for_record, store_letters
from shared.messaging.deferred import keep_waiting, park, parked_keys, take_overdue, take_waiting
from shared.messaging.progress import FencedError, Move, claim_events, known_events, move_offsets, release_events
from shared.messaging.records import Decoded, Ignored, Received, Record, Undecodable
from shared.messaging.unit_of_work import Transaction, UnitOfWork
from shared.messaging.waves import waves


class Slice(NamedTuple):
    """Records of one partition that follow the offset `expected`."""

    decoded: Sequence[Decoded]
    expected: int

    def move(self) -> Move:
        """What applying all of them does to the stored offset."""
        last = self.decoded[-1].record
        return Move(last.topic, last.partition, self.expected, last.offset + 1)


class _SplitBatchError(Exception):
    """Not a fault: the batch has to be applied in smaller transactions."""


# The driver shows what it cannot encode: `query argument $1: ['Ada'] (expected str, got list)`.
_ARGUMENT = re.compile(r"(query argument \$[0-9]+): .*( \()")


def describe_failure(error: Exception) -> str:
    """The kind of the error and the first line of what it says, without the values that are named there or later."""
    said = _ARGUMENT.sub(r"\1\2", (str(error).splitlines() or [""])[0])
    return f"{type(error).__name__}: {said}"


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

    async def apply_together(self, slices: Sequence[Slice]) -> list[int]:
        """Apply slices of several partitions in one transaction; returns the next offset of each.

        A handler's failure undoes all of it, and each slice is applied for itself.
        """
        if len(slices) > 1:
            try:
                await self._commit(slices)
            except Exception as error:
                if isinstance(error, FencedError) or is_transient(error):
                    raise
            else:
                return [each.move().target for each in slices]
        return [await self.apply(each.decoded, expected=each.expected) for each in slices]

    async def apply(self, decoded: Sequence[Decoded], *, expected: int) -> int:
        """Apply records of one partition that follow the offset `expected`; returns the next offset.

        A handler's failure undoes the batch, and its halves are tried for themselves, in order.
        """
        try:
            await self._commit([Slice(decoded, expected)])
        except Exception as error:
            if isinstance(error, FencedError) or is_transient(error):
                raise
            if len(decoded) > 1:
                middle = len(decoded) // 2
                reached = await self.apply(decoded[:middle], expected=expected)
                return await self.apply(decoded[middle:], expected=reached)
            return await self._bury(decoded[0], error, expected=expected)
        return decoded[-1].record.offset + 1

    async def apply_overdue(self, *, limit: int = 500) -> int:
        """Hand events whose cause did not come in time to their handlers; returns how many there were."""
        async with self.unit_of_work.begin() as transaction:
            records = await take_overdue(transaction.connection, consumer=self.consumer, limit=limit)
            await self.apply_kept(transaction, records, overdue=True)
        return len(records)

    async def apply_kept(self, transaction: Transaction, records: Sequence[Record], *, overdue: bool = False) -> None:
        """Apply records that were kept for later, in their order, inside an open transaction.

        One that fails becomes a dead letter by itself: it must not undo the cause that let it go. What is overdue was
        let go by nothing, and comes in any number at once: there the breaker counts.
        """
        decoded = [
            replace(item, overdue=overdue) if isinstance(item, Received) else item for item in self.decode(records)
        ]
        await self._take_in(transaction, decoded, self._apply_contained)

    async def lock(self, transaction: Transaction, keys: Iterable[str]) -> None:
        """Take the locks of these customers, in the order that keeps two transactions from waiting for each other."""
        await self._lock(transaction.connection, sorted(set(keys)))

    async def _apply_contained(self, transaction: Transaction, events: Sequence[Received[Event]]) -> None:
        if not events:
            return
        try:
            async with transaction.savepoint():
                await self.handle(transaction, events)
        except Exception as error:
            if is_transient(error):
                raise
            if len(events) == 1:
                if events[0].overdue:
                    self._breaker.failed(events[0].type)
                await self._store_failure(transaction, events[0], error)
                return
            middle = len(events) // 2
            await self._apply_contained(transaction, events[:middle])
            await self._apply_unless_parked(transaction, events[middle:])
        else:
            self._breaker.succeeded({event.type for event in events if event.overdue})

    async def _apply_unless_parked(self, transaction: Transaction, events: Sequence[Received[Event]]) -> None:
        halted = await self._halted(transaction, events)
        parked = [event for event in events if event.key in halted]
        await release_events(transaction.connection, consumer=self.consumer, events=parked)
        await park(transaction.connection, consumer=self.consumer, items=[(event.key, event) for event in parked])
        await self._apply_contained(transaction, [event for event in events if event.key not in halted])

    async def handle(self, transaction: Transaction, events: Sequence[Received[Event]]) -> list[Rejection]:
        """Apply claimed events inside an open transaction, and what waited for them; returns what was rejected."""
        await self.lock(transaction, (event.key for event in events))
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
            await self.apply_kept(transaction, records)
        return rejections

    async def _commit(self, slices: Sequence[Slice]) -> None:
        async with self.unit_of_work.begin() as transaction:
            moves = [each.move() for each in slices]
            await move_offsets(transaction.connection, consumer=self.consumer, moves=moves)
            decoded = [item for each in slices for item in each.decoded]
            handled = await self._take_in(transaction, decoded, self.handle)
        # Parked events and duplicates say nothing about the handler.
        self._breaker.succeeded({event.type for event in handled})

    async def _take_in(
        self,
        transaction: Transaction,
        decoded: Sequence[Decoded],
        apply: Callable[[Transaction, Sequence[Received[Event]]], Awaitable[object]],
    ) -> list[Received[Event]]:
        """Apply the events that were not applied before, and return them.

        What cannot be decoded becomes a dead letter; events behind a letter of their customer are parked. Only what is
        applied is claimed in the inbox: copies of what is parked or waits are recognised when that is let go.
        """
        halted = await self._halted(transaction, decoded)
        ready: list[Received[Event]] = []
        aside: list[Received[Event] | Undecodable] = []
        for item in decoded:
            if isinstance(item, Ignored):
                continue
            key = self._ordering_key(item)
            if isinstance(item, Received) and key not in halted:
                ready.append(item)
                continue
            aside.append(item)
            if key is not None:
                halted.add(key)
        fresh = await claim_events(transaction.connection, consumer=self.consumer, events=ready)
        if fresh:
            await apply(transaction, fresh)
        await self._set_aside(transaction, aside)
        return fresh

    async def _set_aside(self, transaction: Transaction, items: Sequence[Received[Event] | Undecodable]) -> None:
        """Make dead letters of what is no event; park what follows a dead letter of its customer."""
        halted = await self._halted(transaction, items)
        letters: list[DeadLetter] = []
        parked: list[tuple[str, Received[Event] | Undecodable]] = []
        for item in items:
            key = self._ordering_key(item)
            if key is not None and key in halted:
                parked.append((key, item))
            elif isinstance(item, Undecodable):
                letters.append(letter_for_record(item, parks=key is not None))
                if key is not None:
                    halted.add(key)
        await store_letters(transaction, consumer=self.consumer, letters=letters)
        await self._park(transaction, parked)

    async def _park(self, transaction: Transaction, items: Sequence[tuple[str, Received[Event] | Undecodable]]) -> None:
        # A copy of what was applied may lie there for longer than the inbox remembers.
        events = [item for _, item in items if isinstance(item, Received)]
        known = await known_events(transaction.connection, consumer=self.consumer, events=events)
        fresh = [
            (key, item) for key, item in items if not isinstance(item, Received) or (item.source, item.id) not in known
        ]
        await park(transaction.connection, consumer=self.consumer, items=fresh)

    def _ordering_key(self, item: Decoded) -> str | None:
        """The customer whose events must stay in order with this one."""
        if isinstance(item, Received):
            return item.key
        if isinstance(item, Ignored):
            return None
        handler = self._handlers.get(item.event_type or "")
        return item.ordering_key if handler is not None and handler.ordered else None

    async def _halted(self, transaction: Transaction, items: Sequence[Decoded]) -> set[str]:
        keys = {key for item in items if (key := self._ordering_key(item)) is not None}
        if not keys:
            return set()
        return await parked_keys(transaction.connection, consumer=self.consumer, keys=list(keys))

    async def _settle(self, batch: Batch[Any], events: Sequence[Received[Event]]) -> None:
        transaction = batch.transaction
        if batch.waits:
            await keep_waiting(transaction.connection, consumer=self.consumer, waits=batch.waits)
        if batch.rejections:
            self._require_last_of_key(batch.rejections, events)
            letters = [self._rejected(rejection) for rejection in batch.rejections]
            await store_letters(transaction, consumer=self.consumer, letters=letters)
        released = [wait.event for wait in batch.waits] + [rejection.event for rejection in batch.rejections]
        await release_events(transaction.connection, consumer=self.consumer, events=released)

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
        move = Slice([item], expected).move()
        async with self.unit_of_work.begin() as transaction:
            await move_offsets(transaction.connection, consumer=self.consumer, moves=[move])
            if await claim_events(transaction.connection, consumer=self.consumer, events=[item]):
                await self._store_failure(transaction, item, error)
        return move.target

    async def _store_failure(self, transaction: Transaction, event: Received[Event], error: Exception) -> None:
        ordered = self._handlers[event.type].ordered
        letter = letter_for_event(event, "handler_failed", describe_failure(error), parks=ordered)
        await store_letters(transaction, consumer=self.consumer, letters=[letter])
        await release_events(transaction.connection, consumer=self.consumer, events=[event])

    def _rejected(self, rejection: Rejection) -> DeadLetter:
        ordered = self._handlers[rejection.event.type].ordered
        return letter_for_event(rejection.event, rejection.code, rejection.detail, parks=ordered)
