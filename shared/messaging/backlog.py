"""What is stuck, as gauges: the oldest event that is not published, the oldest that waits for its cause, and the oldest
dead letter that nobody settled.
"""

import asyncio

from shared.db import Database
from shared.telemetry.metrics import gauge
from shared.waiting import sweep_until

_outbox = gauge("recourse_outbox_oldest_seconds", "How long the oldest event has waited to be published")
_letters = gauge(
    "recourse_dead_letters_oldest_seconds", "How long the oldest dead letter has been neither replayed nor discarded"
)
_waiting = gauge("recourse_waiting_events_oldest_seconds", "How long the oldest event has waited for its cause")


class BacklogGauges:
    """Sets the gauges again and again; each replica shows the same."""

    def __init__(self, database: Database, *, pause: float = 15.0) -> None:
        self._database = database
        self._pause = pause

    async def run(self, stop: asyncio.Event) -> None:
        """Measure until `stop` is set; faults that pass are waited out."""
        await sweep_until(stop, self.measure, pause=self._pause, looking_for="what is stuck")

    async def measure(self) -> None:
        """Look once; 0 where there is nothing."""
        async with self._database.read() as connection:
            row = await connection.fetchrow(
                """select extract(epoch from now() - (select occurred_at from outbox order by sequence limit 1))::float8
                              as outbox,
                          extract(epoch from now() - (select created_at from dead_letters where state = 'dead'
                                                      order by created_at limit 1))::float8 as letters,
                          extract(epoch from now() - (select waiting_since from waiting_events
                                                      order by sequence limit 1))::float8 as waiting"""
            )
        for name, shown in (("outbox", _outbox), ("letters", _letters), ("waiting", _waiting)):
            shown.set(max(row[name] or 0.0, 0.0) if row else 0.0)
