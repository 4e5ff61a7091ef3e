"""Gauges that show what a query finds in the service's database."""

import asyncio
from collections.abc import Mapping

from prometheus_client import Gauge

from shared.db import Database
from shared.waiting import sweep_until


class DatabaseGauges:
    """Sets gauges again and again, each from the column of its name in the one row that `query` answers.

    Null and what is below 0 are shown as 0. Each replica shows the same.
    """

    def __init__(
        self, database: Database, query: str, gauges: Mapping[str, Gauge], *, looking_for: str, pause: float = 15.0
    ) -> None:
        self._database = database
        self._query = query
        self._gauges = gauges
        self._looking_for = looking_for
        self._pause = pause

    async def run(self, stop: asyncio.Event) -> None:
        """Measure until `stop` is set; faults that pass are waited out."""
        await sweep_until(stop, self.measure, pause=self._pause, looking_for=self._looking_for)

    async def measure(self) -> None:
        """Look once."""
        async with self._database.read() as connection:
            row = await connection.fetchrow(self._query)
        for column, gauge in self._gauges.items():
            gauge.set(max((row and row[column]) or 0.0, 0.0))
