"""What aiohttp answers before any middleware runs: a request it cannot parse.

By itself it would answer with plain text that repeats the request, and log it with what it held.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from shared.telemetry import get_logger
from shared.web.problems import INTERNAL_ERROR, MALFORMED_REQUEST, MEDIA_TYPE, Problem
from shared.web.shortcut import SHORTCUT, Handler

log = get_logger(__name__)


class ProblemRunner(web.AppRunner):
    """Runs an application whose connections answer everything with problem documents."""

    def __init__(self, app: web.Application, **options: Any) -> None:
        super().__init__(app, **options)
        self._connection_options = {**options, "access_log": None, "auto_decompress": False}
        self._connection_options.pop("shutdown_timeout", None)

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        handler = server.request_handler
        if (shortcut := self.app.get(SHORTCUT)) is not None:
            handler = shortcut.before(handler)
        return _ProblemServer(server, handler, self._connection_options)


class _ProblemServer(web.Server):
    """aiohttp's server, whose connections are ours."""

    def __init__(self, server: web.Server, handler: Handler, options: dict[str, Any]) -> None:
        super().__init__(handler, request_factory=server.request_factory)
        self._options = options

    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=asyncio.get_running_loop(), **self._options)


class _Connection(RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it repeats parts of the request
    ) -> web.StreamResponse:
        """Answer a request that never reached the application; nothing of it is repeated."""
        if status >= 500:
            log.error("connection failed", exc_info=exc)
        else:
            log.info("request not understood", error=type(exc).__name__, status=status)
        if request.writer.output_size > 0:
            raise ConnectionError("part of an answer is already sent")
        problem = _problem(status)
        response = web.Response(
            status=problem.status,
            body=problem.render(),
            headers={**problem.headers, "Content-Type": MEDIA_TYPE, "Server": "recourse"},
        )
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log a fault of ours; a body that cannot be decoded is the client's, and its request is answered by now."""
        if isinstance(kw.get("exc_info"), web.RequestPayloadError):
            log.info("request body not understood")
        else:
            super().log_exception(*args, **kw)


def _problem(status: int) -> Problem:
    if status == HTTPStatus.BAD_REQUEST:
        return MALFORMED_REQUEST("This is not a valid HTTP/1.1 request, or its headers are too large.")
    if status < 500:
        return Problem(status, "request_refused")
    return INTERNAL_ERROR()
