"""Measures how many tickets are in limbo, for the alert."""

import asyncio

from services.tickets.limbo.store import waiting
from shared.db import Database, is_transient
from shared.telemetry.logging import get_logger
from shared.telemetry.metrics import gauge

log = get_logger(__name__)

_tickets = gauge("recourse_tickets_in_limbo", "Tickets that wait for an agent")
_oldest = gauge("recourse_tickets_in_limbo_oldest_seconds", "How long the oldest ticket in limbo has been there")


class LimboGauge:
    """Sets the gauges again and again; each replica shows the same."""

    def __init__(self, database: Database, *, pause: float = 10.0) -> None:
        self._database = database
        self._pause = pause

    async def run(self, stop: asyncio.Event) -> None:
        """Measure until `stop` is set; faults that pass are waited out."""
        while not stop.is_set():
            try:
                await self.measure()
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("limbo will be measured again", error=repr(error)[:200])
            try:
                async with asyncio.timeout(self._pause):
                    await stop.wait()
            except TimeoutError:
                continue

    async def measure(self) -> None:
        """Look once."""
        async with self._database.read() as connection:
            found = await waiting(connection)
        _tickets.set(found.tickets)
        _oldest.set(found.oldest_seconds)
