"""Load at an even rate, whether what was begun is done or not."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator


async def evenly(rate: float) -> AsyncIterator[tuple[int, float]]:
    """Numbers from 0 on, `rate` a second, each with the moment of `time.perf_counter` at which it was due."""
    started = time.perf_counter()
    for number in itertools.count():
        due = started + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        yield number, due
