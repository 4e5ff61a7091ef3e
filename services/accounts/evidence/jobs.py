"""Sealing, again and again."""

import asyncio
from datetime import datetime, timedelta

from services.accounts.evidence import store
from services.accounts.evidence.seals import Heads, root_of, seal_hash
from services.accounts.evidence.store import Progress
from shared.db import Connection
from shared.messaging import UnitOfWork
from shared.telemetry.logging import get_logger
from shared.waiting import sweep_until

log = get_logger(__name__)

# A line is written within this time of its `recorded_at`; a later one is sealed with the customer's next.
LAG = timedelta(seconds=30)
_LONGEST_WINDOW = timedelta(minutes=10)
_ACCOUNTS_AT_A_TIME = 20_000


class Sealer:
    """Seals the heads of the ledgers that grew: once through all accounts, then what was booked since.

    Replicas may all run it; one of them works at a time. Each seal is logged: who keeps the log elsewhere can tell
    whether the seals in the database are still those.
    """

    def __init__(
        self, unit_of_work: UnitOfWork, *, interval: timedelta, key: bytes = b"", lag: timedelta = LAG
    ) -> None:
        self._unit_of_work = unit_of_work
        self._interval = interval
        self._key = key
        self._lag = lag

    async def run(self, stop: asyncio.Event) -> None:
        """Seal until `stop` is set; faults that pass are waited out."""
        await sweep_until(stop, self.seal, pause=self._interval.total_seconds(), looking_for="ledgers to seal")

    async def seal(self) -> bool:
        """Seal one batch of heads. Returns whether there may be more to do at once."""
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection
            progress = await store.lock_progress(connection)
            if progress is None:
                return False
            return await (self._seal_window if progress.is_swept else self._sweep)(connection, progress)

    async def _sweep(self, connection: Connection, progress: Progress) -> bool:
        heads = await store.heads_of_accounts(connection, after=progress.swept_to, limit=_ACCOUNTS_AT_A_TIME)
        is_last = len(heads.customer_ids) < _ACCOUNTS_AT_A_TIME
        await self._keep(connection, progress, _that_have_lines(heads))
        await store.save_sweep(connection, heads.customer_ids[-1] if heads.customer_ids else "", is_swept=is_last)
        return True

    async def _seal_window(self, connection: Connection, progress: Progress) -> bool:
        until = self._end_of_window(progress)
        if until is None:
            return False
        await self._keep(connection, progress, await store.heads_booked(connection, progress.sealed_to, until))
        await store.save_sealed(connection, until)
        return until - progress.sealed_to >= _LONGEST_WINDOW

    def _end_of_window(self, progress: Progress) -> datetime | None:
        """Up to when is sealed next; None as long as lines may still be written that are booked before."""
        until = min(progress.now - self._lag, progress.sealed_to + _LONGEST_WINDOW)
        return until if until > progress.sealed_to else None

    async def _keep(self, connection: Connection, progress: Progress, heads: Heads) -> None:
        if not heads.customer_ids:
            return
        last = await store.last_seal(connection)
        seal, root = last.seal + 1, root_of(heads)
        hash_ = seal_hash(self._key, last.hash, seal=seal, sealed_at=progress.now, root=root)
        await store.insert_seal(connection, seal, progress.now, heads, root=root, hash_=hash_)
        log.info("ledger sealed", seal=seal, hash=hash_.hex(), customers=len(heads.customer_ids))


def _that_have_lines(heads: Heads) -> Heads:
    kept = [head for head in zip(*heads, strict=True) if head[1] > 0]
    return Heads(*zip(*kept, strict=True)) if kept else Heads([], [], [])
