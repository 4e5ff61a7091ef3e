"""Logs, traces and metrics, the same in every process.

A trace goes on from what is read to what is sent, and stands in each line of the log in between:

    configure_logging("accounts", level="info", log_format="json")
    log = get_logger(__name__)
    with bind_trace(continue_trace(headers.get("traceparent"))):
        log.info("batch applied", events=120)          # carries trace_id and span_id
        row.traceparent = current_traceparent()        # goes on with whatever is sent
    applied = counter("recourse_events_applied_total", "Records applied", ("topic", "partition"))
"""

from shared.telemetry.logging import configure_logging, get_logger
from shared.telemetry.metrics import counter, gauge, histogram, render_metrics
from shared.telemetry.trace import (
    TraceContext,
    bind_trace,
    continue_trace,
    current_trace,
    current_traceparent,
    new_trace,
    parse_traceparent,
)

__all__ = [
    "TraceContext",
    "bind_trace",
    "configure_logging",
    "continue_trace",
    "counter",
    "current_trace",
    "current_traceparent",
    "gauge",
    "get_logger",
    "histogram",
    "new_trace",
    "parse_traceparent",
    "render_metrics",
]
