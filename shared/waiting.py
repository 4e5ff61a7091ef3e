"""Waiting for an event for a while, and jobs that look for work again and again until one is set."""

import asyncio
from collections.abc import Awaitable, Callable

from shared.db import is_transient
from shared.telemetry.logging import get_logger

log = get_logger(__name__)


async def until(event: asyncio.Event, seconds: float | None) -> None:
    """Wait for the event, but not longer than that; for as long as it takes without a number of seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


async def sweep_until(
    stop: asyncio.Event,
    sweep: Callable[[], Awaitable[object]],
    *,
    pause: float,
    looking_for: str,
    wake: asyncio.Event | None = None,
) -> None:
    """Call `sweep` until `stop` is set: at once again while it finds something, after `pause` seconds otherwise.

    Who sets `wake`, which is cleared here, shortens the pause. Faults that pass are waited out.
    """
    wake = wake or asyncio.Event()
    while not stop.is_set():
        # Before the look: what is set while it runs may be what it missed.
        wake.clear()
        try:
            while await sweep() and not stop.is_set():
                pass
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("a job will look again", looking_for=looking_for, error=repr(error)[:200])
        await _until_either(stop, wake, pause)


async def _until_either(first: asyncio.Event, second: asyncio.Event, seconds: float) -> None:
    waiting = [asyncio.create_task(each.wait()) for each in (first, second)]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()
