"""Serving an application until the process is asked to stop."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from shared.web.protocol import ProblemRunner

# aiohttp waits this long for requests to finish and once more for what it then cancels: below 10 s together.
DRAIN_SECONDS = 4.5
KEEPALIVE_SECONDS = 75.0


class CannotListenError(Exception):
    """The address is taken, or none of this machine's."""


@asynccontextmanager
async def serving(app: web.Application, host: str, port: int) -> AsyncIterator[str]:
    """Serve `app` for the duration of the block, which gets the base URL; port 0 takes a free one.

    At the end no new connection is accepted and requests in flight are finished, within ten seconds.

    Raises CannotListenError at the start.
    """
    runner = ProblemRunner(app, shutdown_timeout=DRAIN_SECONDS, keepalive_timeout=KEEPALIVE_SECONDS)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port, backlog=1024).start()
        except OSError as error:
            raise CannotListenError(f"cannot listen on {host}, port {port}: {_reason(error)}") from error
        bound_port = runner.addresses[0][1]
        yield f"http://{f'[{host}]' if ':' in host else host}:{bound_port}"
    finally:
        await runner.cleanup()


def _reason(error: OSError) -> str:
    # asyncio says the address once more; the numbers of name resolution are below 0.
    return os.strerror(error.errno) if error.errno is not None and error.errno > 0 else error.strerror or str(error)


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM or SIGINT sets; call it in the main thread, inside the running loop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
