"""W3C trace context: where a piece of work belongs in the chain of its causes.

`current_trace` holds the span of the work that runs now. HTTP requests and consumed events open a child
span of what came in; what goes out (outbox rows, HTTP calls, log lines) takes its `traceparent` from it.
https://www.w3.org/TR/trace-context/
"""

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_SAMPLED = 0x01

# Identifiers only need to be unlikely to collide, and one is made for every event: no system call for each.
_generator = random.SystemRandom()
_random_bits = random.Random(_generator.getrandbits(256)).getrandbits  # noqa: S311


class TraceContext(NamedTuple):
    """One span: `trace_id` is 32 hex digits, `span_id` 16, `flags` one octet."""

    trace_id: str
    span_id: str
    flags: int = _SAMPLED

    @property
    def traceparent(self) -> str:
        """The W3C header that names this span."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"

    def child(self) -> "TraceContext":
        """A new span of the same trace."""
        return TraceContext(self.trace_id, new_span_id(), self.flags)

    def child_traceparent(self) -> str:
        """`traceparent` of a new child, for which alone no other object is made."""
        return f"00-{self.trace_id}-{new_span_id()}-{self.flags:02x}"


current_trace: ContextVar[TraceContext | None] = ContextVar("current_trace", default=None)


def new_span_id() -> str:
    """16 hex digits; never all zero, which W3C calls invalid."""
    return f"{_random_bits(64) or 1:016x}"


def new_trace() -> TraceContext:
    """A root span of a new trace."""
    return TraceContext(f"{_random_bits(128) or 1:032x}", new_span_id())


def parse_traceparent(value: str | None) -> TraceContext | None:
    """The span a `traceparent` header names, or None when it is absent or not valid (W3C: then ignore it)."""
    match = _TRACEPARENT.fullmatch(value) if value else None
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    if version == "ff" or (version == "00" and rest):
        return None
    if not trace_id.strip("0") or not span_id.strip("0"):
        return None
    return TraceContext(trace_id, span_id, int(flags, 16))


def continue_trace(traceparent: str | None) -> TraceContext:
    """A child span of `traceparent`, or the root of a new trace when there is no valid one."""
    parent = parse_traceparent(traceparent)
    return parent.child() if parent is not None else new_trace()


def current_traceparent() -> str:
    """`traceparent` of the running work; of a new trace when the work was not started by anything traced."""
    return (current_trace.get() or new_trace()).traceparent


@contextmanager
def bind_trace(trace: TraceContext) -> Iterator[TraceContext]:
    """Make `trace` the current span for the duration of the block."""
    token = current_trace.set(trace)
    try:
        yield trace
    finally:
        current_trace.reset(token)
