"""One worker's claims on messages: taken, prolonged, marked and settled in the database, under one token."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID, uuid4

from services.notifications.delivery import store
from services.notifications.delivery.store import Claim, Ended
from shared.db import GroupCommit, is_transient
from shared.messaging import UnitOfWork
from shared.setbacks import Setbacks, tell
from shared.telemetry.logging import get_logger
from shared.waiting import until

log = get_logger(__name__)
T = TypeVar("T")

_POLL_SECONDS = 0.1
_PAUSE_SECONDS = 0.5


class Claims:
    """What the connections of one worker share. Marks and results that wait together commit together.

    A message stays in hand from its claim until its result is committed; its lease is prolonged that long.
    """

    def __init__(self, unit_of_work: UnitOfWork, *, lease: timedelta, batch: int) -> None:
        self._unit_of_work = unit_of_work
        self._lease = lease
        self._batch = batch
        self._token = uuid4()
        self._waiting: deque[Claim] = deque()
        self._in_hand: dict[tuple[UUID, int], Claim] = {}
        self._claiming = asyncio.Lock()
        self._setbacks = Setbacks("mail to claim")
        self._marks: GroupCommit[Claim, datetime | None] = GroupCommit(self._commit_marks)
        self._results: GroupCommit[Ended, None] = GroupCommit(self._commit_results)

    async def next(self, stop: asyncio.Event) -> Claim | None:
        """The next message to send, waiting until there is one; None when the worker is to stop."""
        async with self._claiming:
            while not self._waiting:
                if stop.is_set():
                    return None
                if not await self._claim(stop):
                    await until(stop, _POLL_SECONDS)
            return None if stop.is_set() else self._waiting.popleft()

    def put_back(self, claim: Claim) -> None:
        """Leave a message that was not begun to another connection."""
        self._waiting.appendleft(claim)

    async def mark_handing_over(self, claim: Claim) -> datetime | None:
        """Commit that the content goes out now; None when the claim was lost, and it must not."""
        return await self._marks.submit(claim)

    async def settle(self, ended: Ended) -> None:
        """Commit how an attempt ended, for as long as it takes."""
        try:
            await self._persistently(lambda: self._results.submit(ended))
        finally:
            # Whatever cannot be settled is left to the sweep, once its lease runs out.
            self._in_hand.pop((ended.key.message_id, ended.attempt), None)

    async def renew_until(self, stop: asyncio.Event) -> None:
        """Prolong the leases of what is in hand, well before they run out."""
        while not stop.is_set():
            await until(stop, self._lease.total_seconds() / 3)
            if self._in_hand:
                await self._tolerantly(self._renew)

    async def sweep_until(self, stop: asyncio.Event) -> None:
        """Deal with messages of workers that show no sign of life, this one's own past included."""
        while not stop.is_set():
            await self._tolerantly(self._sweep)
            await until(stop, min(self._lease.total_seconds() / 4, 2.0))

    async def release_at(self, stop: asyncio.Event) -> None:
        """Give back what was claimed and not begun as soon as the worker is to stop."""
        await stop.wait()
        await self._tolerantly(self.release)

    async def release(self) -> None:
        """Give back what was claimed and not begun."""
        released = [*self._waiting]
        self._waiting.clear()
        if released:
            async with self._unit_of_work.begin() as transaction:
                await store.release(transaction.connection, released, token=self._token)

    async def _claim(self, stop: asyncio.Event) -> bool:
        """Claim a batch. Passing faults of the database are waited out."""
        try:
            async with self._unit_of_work.begin() as transaction:
                claims = await store.claim(
                    transaction.connection, token=self._token, lease=self._lease, limit=self._batch
                )
        except Exception as error:  # noqa: BLE001 - what is under way goes on, and this is tried again
            if is_transient(error):
                log.warning("no messages can be claimed", error=type(error).__name__)
            else:
                await until(stop, self._setbacks.failed(error))
            return False
        self._setbacks.over()
        self._in_hand |= {(claim.key.message_id, claim.attempt): claim for claim in claims}
        self._waiting.extend(claims)
        return bool(claims)

    async def _commit_marks(self, claims: Sequence[Claim]) -> list[datetime | Exception | None]:
        async with self._unit_of_work.begin() as transaction:
            marked = await store.mark_handing_over(transaction.connection, claims, token=self._token, lease=self._lease)
        return [marked.get((claim.key.message_id, claim.attempt)) for claim in claims]

    async def _commit_results(self, ended: Sequence[Ended]) -> list[Exception | None]:
        async with self._unit_of_work.begin() as transaction:
            await store.settle(transaction.connection, ended, token=self._token)
        return [None] * len(ended)

    async def _renew(self) -> None:
        async with self._unit_of_work.begin() as transaction:
            keys = [claim.key for claim in self._in_hand.values()]
            await store.renew(transaction.connection, keys, token=self._token, lease=self._lease)

    async def _sweep(self) -> None:
        async with self._unit_of_work.begin() as transaction:
            abandoned, unconfirmed = await store.sweep(transaction.connection, limit=500)
        if abandoned or unconfirmed:
            log.warning("leases ran out", queued_again=abandoned, unconfirmed=unconfirmed)

    async def _tolerantly(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - it is done again before long
            if is_transient(error):
                log.warning("the database does not answer", error=type(error).__name__)
            else:
                tell("leases of mail", error)

    async def _persistently(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                return await work()
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("a result waits for the database", error=type(error).__name__)
                await asyncio.sleep(_PAUSE_SECONDS)
