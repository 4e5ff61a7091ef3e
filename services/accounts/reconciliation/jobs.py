"""Comparing, again and again."""

import asyncio
from datetime import timedelta

from services.accounts.reconciliation import store
from shared.messaging import UnitOfWork
from shared.telemetry.logging import get_logger
from shared.telemetry.metrics import gauge
from shared.waiting import sweep_until

log = get_logger(__name__)

_OPEN = gauge(
    "recourse_reconciliation_differences", "Cancellations that tickets and accounts see differently.", ("missing",)
)
_MISSING = ("reversal", "cancellation", "agreement")
_LONGEST_PAUSE = 30.0
# Open differences that are looked at each time; of more, the next ones the next time.
RESOLVE_AT_A_TIME = 2_000


class Reconciliation:
    """Compares what tickets cancelled with what was credited back, once both had `grace` to tell.

    Replicas may all run it; one of them works at a time.
    """

    def __init__(self, unit_of_work: UnitOfWork, *, grace: timedelta, at_a_time: int = RESOLVE_AT_A_TIME) -> None:
        self._unit_of_work = unit_of_work
        self._grace = grace
        self._at_a_time = at_a_time
        self._resolved_to: store.Key | None = None
        self._pause = min(grace.total_seconds() / 10, _LONGEST_PAUSE)

    async def run(self, stop: asyncio.Event) -> None:
        """Compare until `stop` is set; faults that pass are waited out."""
        await sweep_until(stop, self.compare, pause=max(self._pause, 0.1), looking_for="cancellations to compare")

    async def compare(self) -> None:
        """Note new differences, mark those that are none any more, and count what is left."""
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection
            progress = await store.lock_progress(connection)
            if progress is None:
                return
            since, now = progress
            until = now - self._grace
            if until > since:
                await store.compare(connection, since, until)
            self._resolved_to = await store.resolve(connection, after=self._resolved_to, limit=self._at_a_time)
            found = await store.open_differences(connection)
        for missing in _MISSING:
            _OPEN.labels(missing).set(found.get(missing, 0))
        if found:
            log.warning("tickets and accounts disagree on cancellations", **found)
