"""The short way to an operation: past aiohttp's router and its chain of middlewares.

Both ways end in the same `Dispatcher`, within the same `observed`; the short one takes the plain requests, which are
nearly all of them, and leaves everything else to aiohttp: unknown paths, escaped characters, Expect, other origins.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from aiohttp import web

from shared.web.dispatch import Dispatcher
from shared.web.middleware import observed
from shared.web.routes import Routes

Handler = Callable[[Any], Awaitable[web.StreamResponse]]


class Shortcut:
    """Operations by path. Requests with one of `except_headers` take the long way."""

    def __init__(self, *, except_headers: Sequence[str]) -> None:
        self.routes: Routes[Dispatcher] = Routes()
        self._except_headers = except_headers

    def before(self, handler: Handler) -> Handler:
        """A handler that asks `handler` where there is no short way."""

        async def handle(request: web.Request) -> web.StreamResponse:
            headers = request.headers
            for name in self._except_headers:
                if name in headers:
                    return await handler(request)
            found = self.routes.find(request.method, request.rel_url.raw_path)
            if found is None:
                return await handler(request)
            dispatcher, values = found
            return await observed(request, dispatcher.route, partial(dispatcher.answer, path_values=values))

        return handle


SHORTCUT = web.AppKey("shortcut", Shortcut)
