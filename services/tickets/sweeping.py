"""Background jobs that look for work again and again."""

import asyncio
from collections.abc import Awaitable, Callable

from shared.db import is_transient
from shared.telemetry.logging import get_logger

log = get_logger(__name__)


async def sweep_until(
    stop: asyncio.Event, sweep: Callable[[], Awaitable[object]], *, pause: float, looking_for: str
) -> None:
    """Call `sweep` until `stop` is set: at once again while it finds something, after `pause` seconds otherwise.

    Faults that pass are waited out.
    """
    while not stop.is_set():
        try:
            while await sweep() and not stop.is_set():
                pass
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("a job will look again", looking_for=looking_for, error=repr(error)[:200])
        await _rest(stop, pause)


async def _rest(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
