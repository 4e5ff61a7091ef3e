"""Health for whoever runs the process: alive, ready, and its metrics."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import orjson
from aiohttp import web

from shared.telemetry import get_logger, render_metrics

ReadyCheck = Callable[[], Awaitable[object]]

CHECK_TIMEOUT_SECONDS = 2.0

log = get_logger(__name__)


class Health:
    """`/health/live` says only that the loop answers; `/health/ready` runs the named checks.

    A check passes when it returns, and fails when it raises or takes longer than two seconds. Liveness never
    looks at the database: a process must not be killed because something else is down.
    """

    def __init__(self, checks: Mapping[str, ReadyCheck]) -> None:
        self._checks = dict(checks)
        self._running: dict[str, asyncio.Task[None]] = {}

    def routes(self) -> list[web.RouteDef]:
        """Both, and `/metrics` in Prometheus' text format; none of them asks for a token."""
        return [
            web.get("/health/live", self._live),
            web.get("/health/ready", self._ready),
            web.get("/metrics", _metrics),
        ]

    async def _live(self, _request: web.Request) -> web.Response:
        return _json(200, {"status": "live"})

    async def _ready(self, _request: web.Request) -> web.Response:
        reasons = await asyncio.gather(*(self._failure(name, check) for name, check in self._checks.items()))
        failed = {name: why for name, why in zip(self._checks, reasons, strict=True) if why is not None}
        states = {name: failed.get(name, "ok") for name in self._checks}
        if failed:
            return _json(503, {"status": "not ready", "failed": sorted(failed), "checks": states})
        return _json(200, {"status": "ready", "checks": states})

    async def _failure(self, name: str, check: ReadyCheck) -> str | None:
        # What asks a database that does not answer ends a minute after it is cancelled, and holds a connection until
        # then: it is not waited for, and there is one at a time.
        running = self._running.get(name)
        if running is None or running.done():
            running = self._running[name] = asyncio.create_task(_run(check))
        await asyncio.wait([running], timeout=CHECK_TIMEOUT_SECONDS)
        if not running.done() or running.cancelled():
            if not running.cancelling():
                running.cancel()
            log.warning("not ready", check=name, error="timed out")
            return "timed out"
        error = running.exception()
        if error is None:
            return None
        log.warning("not ready", check=name, error=type(error).__name__, reason=str(error)[:200])
        return type(error).__name__


async def _run(check: ReadyCheck) -> None:
    await check()


async def _metrics(_request: web.Request) -> web.Response:
    body, content_type = render_metrics()
    return web.Response(body=body, headers={"Content-Type": content_type})


def _json(status: int, document: object) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(document), content_type="application/json")
