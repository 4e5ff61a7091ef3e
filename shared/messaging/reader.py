"""Reads what the assigned partitions have room for."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from shared.messaging.lane import Lane

LOOK_EVERY_SECONDS = 1.0


class Reader:
    """Reads all partitions with one call at a time: of several, each answer of a broker would wake all.

    It never pauses: while aiokafka holds records that nobody has taken, it asks their broker for no more, and looks
    again only after a tenth of a second. That would hold up all other partitions of the broker.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._read: asyncio.Task[Any] | None = None
        self._next_look = 0.0

    def look_again(self) -> None:
        """Read anew: other partitions want records now than when the call that waits was made."""
        if self._read is not None:
            # Records are handed out at the end of a read that is not interrupted any more, so none get lost.
            self._read.cancel()

    async def run(self, lanes: Sequence[Lane]) -> None:
        """Hand each lane its records, until cancelled."""
        try:
            while True:
                wanted = {lane.partition: lane for lane in lanes if lane.room}
                self._read = asyncio.create_task(self._fetch(wanted))
                await asyncio.wait([self._read])
                if self._read.cancelled():
                    continue
                for partition, messages in self._read.result().items():
                    wanted[partition].receive(messages)
                # Here, where no read is under way: the positions are right behind what the lanes were handed.
                await self._pass_over(wanted.values())
        finally:
            self.look_again()

    async def _pass_over(self, lanes: Iterable[Lane]) -> None:
        """Tell idle lanes, once a second, up to which position there is nothing for them."""
        now = asyncio.get_running_loop().time()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_EVERY_SECONDS
        for lane in lanes:
            if lane.is_idle:
                lane.pass_over(await self._client.position(lane.partition))

    async def _fetch(self, wanted: dict[Any, Lane]) -> dict[Any, list[Any]]:
        if not wanted:
            return await asyncio.sleep(1, {})
        at_once = min(lane.room for lane in wanted.values())
        fetched: dict[Any, list[Any]] = await self._client.getmany(*wanted, timeout_ms=1000, max_records=at_once)
        return fetched
