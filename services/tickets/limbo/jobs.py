"""Measures how many tickets are in limbo, for the alert."""

import asyncio

from services.tickets.limbo.store import waiting
from shared.db import Database
from shared.telemetry.metrics import gauge
from shared.waiting import sweep_until

_tickets = gauge("recourse_tickets_in_limbo", "Tickets that wait for an agent")
_oldest = gauge("recourse_tickets_in_limbo_oldest_seconds", "How long the oldest ticket in limbo has been there")


class LimboGauge:
    """Sets the gauges again and again; each replica shows the same."""

    def __init__(self, database: Database, *, pause: float = 10.0) -> None:
        self._database = database
        self._pause = pause

    async def run(self, stop: asyncio.Event) -> None:
        """Measure until `stop` is set; faults that pass are waited out."""
        await sweep_until(stop, self.measure, pause=self._pause, looking_for="tickets in limbo")

    async def measure(self) -> None:
        """Look once."""
        async with self._database.read() as connection:
            found = await waiting(connection)
        _tickets.set(found.tickets)
        _oldest.set(found.oldest_seconds)
