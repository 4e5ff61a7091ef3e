"""W3C trace context: what is accepted, what is passed on."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.telemetry import (
    TraceContext,
    bind_trace,
    continue_trace,
    current_trace,
    current_traceparent,
    new_trace,
    parse_traceparent,
)

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN_ID = "00f067aa0ba902b7"

trace_contexts = st.builds(
    TraceContext,
    trace_id=st.integers(1, 2**128 - 1).map(lambda number: f"{number:032x}"),
    span_id=st.integers(1, 2**64 - 1).map(lambda number: f"{number:016x}"),
    flags=st.integers(0, 255),
)


@given(trace_contexts)
def test_a_span_survives_the_header(span: TraceContext) -> None:
    assert parse_traceparent(span.traceparent) == span


@given(trace_contexts)
def test_a_child_stays_in_the_trace_under_an_id_of_its_own(span: TraceContext) -> None:
    child = continue_trace(span.traceparent)
    assert (child.trace_id, child.flags) == (span.trace_id, span.flags)
    assert child.span_id != span.span_id


@given(st.text(max_size=80))
def test_any_other_text_starts_a_new_valid_trace(header: str) -> None:
    span = continue_trace(header)
    assert parse_traceparent(span.traceparent) == span


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        f"ff-{TRACE_ID}-{SPAN_ID}-01",
        f"00-{'0' * 32}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"00-{TRACE_ID}-{SPAN_ID}-01-more",
        f"00-{TRACE_ID.upper()}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{SPAN_ID}",
        f" 00-{TRACE_ID}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{SPAN_ID}-01\n",
    ],
)
def test_headers_that_are_not_valid_are_ignored(header: str | None) -> None:
    assert parse_traceparent(header) is None


def test_a_later_version_may_carry_more() -> None:
    span = parse_traceparent(f"01-{TRACE_ID}-{SPAN_ID}-01-more")
    assert span == TraceContext(TRACE_ID, SPAN_ID, 1)


def test_the_current_span_ends_with_its_block() -> None:
    span = new_trace()
    with bind_trace(span):
        assert current_traceparent() == span.traceparent
    assert current_trace.get() is None


def test_untraced_work_starts_a_trace() -> None:
    assert parse_traceparent(current_traceparent()) is not None


async def test_tasks_do_not_see_each_other_s_span() -> None:
    both_bound = asyncio.Barrier(2)

    async def work() -> tuple[TraceContext, TraceContext | None]:
        with bind_trace(new_trace()) as span:
            await both_bound.wait()
            return span, current_trace.get()

    for own, seen in await asyncio.gather(work(), work()):
        assert own == seen
