"""An aiohttp application made of operations."""

from collections.abc import Mapping, Sequence
from functools import partial

from aiohttp import hdrs, web

from shared.settings import ServiceSettings
from shared.web.auth import TokenVerifier
from shared.web.cors import allow_origins
from shared.web.dispatch import Dispatcher
from shared.web.docs import documentation_routes
from shared.web.health import Health, ReadyCheck
from shared.web.idempotency import WAIT_SECONDS, InFlight
from shared.web.jwks import KeySet
from shared.web.middleware import observe
from shared.web.openapi import build_openapi
from shared.web.problems import Problem
from shared.web.shortcut import SHORTCUT, Shortcut
from shared.web.signatures import Operation

MAX_BODY_BYTES = 1024 * 1024


def build_app(
    *,
    title: str,
    version: str,
    description: str = "",
    operations: Sequence[Operation],
    settings: ServiceSettings,
    ready_checks: Mapping[str, ReadyCheck] | None = None,
) -> web.Application:
    """The application of a service: its operations, `/openapi.json`, `/docs`, health and metrics.

    Args:
        operations: from `operations_of(...)`.
        ready_checks: by name; each is awaited by `/health/ready` and passes when it returns. So are the keys that
            sign tokens, as `keys`.

    Raises:
        ValueError: two operations share an id, or a method and path.
    """
    _refuse_duplicates(operations)
    keys = KeySet(settings.auth_jwks_url)
    verifier = TokenVerifier(keys, issuer=settings.auth_issuer, audience=settings.auth_audience)
    origins = frozenset(origin.strip() for origin in settings.cors_origins.split(",") if origin.strip())
    # Outside of `observe`, so that a browser may read the problems too.
    outer = [allow_origins(origins)] if origins else []
    app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[*outer, observe])
    app.on_startup.append(keys.warm)
    app[SHORTCUT] = Shortcut(except_headers=(hdrs.EXPECT, hdrs.ORIGIN) if origins else (hdrs.EXPECT,))
    in_flight = InFlight(WAIT_SECONDS)
    for operation in operations:
        dispatcher = Dispatcher(operation, verifier, in_flight)
        for method in ("GET", "HEAD") if operation.declared.method == "GET" else (operation.declared.method,):
            app.router.add_route(method, operation.declared.path, dispatcher.handle, expect_handler=_expect)
            app[SHORTCUT].routes.add(method, operation.declared.path, dispatcher)
    document = partial(build_openapi, title=title, version=version, description=description, operations=operations)
    health = Health({**(ready_checks or {}), "keys": keys.check})
    app.add_routes([*health.routes(), *documentation_routes(document)])
    return app


async def _expect(request: web.Request) -> web.StreamResponse | None:
    if request.headers["Expect"].lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
        return None
    problem = Problem(417, "expectation_failed", detail="Only Expect: 100-continue is understood.")
    return web.Response(status=417, body=problem.render(), content_type="application/problem+json")


def _refuse_duplicates(operations: Sequence[Operation]) -> None:
    seen: set[object] = set()
    for operation in operations:
        for identity in (operation.operation_id, (operation.declared.method, operation.declared.path)):
            if identity in seen:
                raise ValueError(f"two operations are {identity}")
            seen.add(identity)
