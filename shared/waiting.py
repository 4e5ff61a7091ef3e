"""Waiting for an event for a while, and jobs that look for work again and again until one is set."""

import asyncio
from collections.abc import Awaitable, Callable

from shared.db import is_transient
from shared.setbacks import Setbacks
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

    Who sets `wake`, which is cleared here, shortens the pause. Faults that pass are waited out; any other failure is
    told under the name `looking_for`, and the pauses before the next look grow until one succeeds.
    """
    wake = wake or asyncio.Event()
    setbacks = Setbacks(looking_for)
    while not stop.is_set():
        # Before the look: what is set while it runs may be what it missed.
        wake.clear()
        try:
            while await sweep() and not stop.is_set():
                setbacks.over()
            setbacks.over()
        except Exception as error:  # noqa: BLE001 - nothing else may end a job, which would never look again
            if not is_transient(error):
                # Not shortened by `wake`: more work does not mend it.
                await until(stop, setbacks.failed(error))
                continue
            log.warning("a job will look again", looking_for=looking_for, error=repr(error)[:200])
        await _until_either(stop, wake, pause)


async def keep_running(stop: asyncio.Event, run: Callable[[], Awaitable[None]], *, name: str) -> None:
    """Run what returns when it is told to stop, and begin anew after growing pauses when it fails before."""
    setbacks = Setbacks(name)
    loop = asyncio.get_running_loop()
    while True:
        began_at = loop.time()
        try:
            return await run()
        except Exception as error:
            # What else the process does goes on.
            if stop.is_set():
                raise
            if loop.time() - began_at > setbacks.longest:
                setbacks.over()
            await until(stop, setbacks.failed(error))
            if stop.is_set():
                return None


async def _until_either(first: asyncio.Event, second: asyncio.Event, seconds: float) -> None:
    waiting = [asyncio.create_task(each.wait()) for each in (first, second)]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()
