"""What surrounds every request: ids, trace, errors as problem documents, headers, metrics, the access log."""

import random
import re
import time
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web
from prometheus_client import Histogram

from shared.db import is_transient
from shared.telemetry import TraceContext, continue_trace, current_trace, get_logger, histogram
from shared.web.context import REQUEST_ID
from shared.web.problems import (
    BODY_TOO_LARGE,
    INTERNAL_ERROR,
    MEDIA_TYPE,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    SERVICE_UNAVAILABLE,
    Problem,
)
from shared.web.wire import WireResponse, constant_headers

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SLOW_SECONDS = 1.0
SUCCESSES_PER_LOG_LINE = 100
_KNOWN_METHODS = hdrs.METH_ALL
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}", re.ASCII)

log = get_logger(__name__)
_random_bits = random.Random().getrandbits  # noqa: S311 - an id to search logs by, not a secret
_DURATION = histogram(
    "recourse_http_request_duration_seconds", "Time to answer a request.", ("method", "route", "status")
)
_durations: dict[tuple[str, str, int], Histogram] = {}


@web.middleware
async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The one middleware of every application, for what aiohttp's router finds."""
    resource = request.match_info.route.resource
    return await observed(request, resource.canonical if resource is not None else "unmatched", handler)


async def observed(request: web.Request, route: str, handler: Handler) -> web.StreamResponse:
    """The answer of the handler, or of what it raised, with all that surrounds it. `route` is the path's template."""
    started = time.perf_counter()
    given_id = request.headers.get("X-Request-Id")
    request_id = given_id if given_id and _REQUEST_ID.fullmatch(given_id) else f"{_random_bits(128):032x}"
    request[REQUEST_ID] = request_id
    trace = continue_trace(request.headers.get("traceparent"))
    token = current_trace.set(trace)
    try:
        response = await _answer(request, handler, request_id)
        _finish(response, request_id, trace)
        _report(request.method, route, response.status, time.perf_counter() - started, request_id)
    finally:
        current_trace.reset(token)
    return response


async def _answer(request: web.Request, handler: Handler, request_id: str) -> web.StreamResponse:
    try:
        return await handler(request)
    except Problem as problem:
        return _problem_response(problem, request_id)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _problem_response(_problem_of(error), request_id)
    except Exception as error:  # noqa: BLE001 - the last line: whatever it was, the caller gets a problem
        return _problem_response(_problem_of_fault(error, request_id), request_id)


def _problem_of(error: web.HTTPException) -> Problem:
    if isinstance(error, web.HTTPNotFound):
        return NOT_FOUND()
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return METHOD_NOT_ALLOWED(f"Use {allowed}.", headers={"Allow": allowed})
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return BODY_TOO_LARGE()
    return Problem(error.status, re.sub(r"\W+", "_", error.reason.lower()))


def _problem_of_fault(error: Exception, request_id: str) -> Problem:
    if is_transient(error):
        log.warning("request met a passing fault", error=type(error).__name__, request_id=request_id)
        return SERVICE_UNAVAILABLE("Try again shortly.", headers={"Retry-After": "1"})
    log.error("request failed", exc_info=error, request_id=request_id)
    return INTERNAL_ERROR("Quote the request id when you report this.")


def _problem_response(problem: Problem, request_id: str) -> web.StreamResponse:
    headers = {**problem.headers, hdrs.CONTENT_TYPE: MEDIA_TYPE}
    return WireResponse(problem.status, headers, problem.render(request_id))


def _finish(response: web.StreamResponse, request_id: str, trace: TraceContext) -> None:
    headers = response.headers
    headers["X-Request-Id"] = request_id
    headers["traceparent"] = trace.traceparent
    if isinstance(response, WireResponse):
        return
    for name, value in constant_headers(has_etag=hdrs.ETAG in headers).items():
        headers.setdefault(name, value)


def _report(method: str, route: str, status: int, seconds: float, request_id: str) -> None:
    if method not in _KNOWN_METHODS:
        method = "other"
    key = (method, route, status)
    duration = _durations.get(key)
    if duration is None:
        duration = _durations[key] = _DURATION.labels(method, route, str(status))
    duration.observe(seconds)
    if status < 400 and seconds < SLOW_SECONDS and _random_bits(32) % SUCCESSES_PER_LOG_LINE:
        return
    # A process that is not ready says so in a line of its own; it is no request that failed.
    write = log.error if status >= 500 and not route.startswith("/health/") else log.info
    write(
        "request answered",
        method=method,
        route=route,
        status=status,
        duration_ms=round(seconds * 1000, 2),
        request_id=request_id,
    )
