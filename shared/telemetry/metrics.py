"""Prometheus metrics of this process, in one registry, each made once however often it is asked for.

Names are `recourse_<thing>_<unit>`; labels have few values (a topic, a route template), never an identifier.
"""

from collections.abc import Sequence
from functools import cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

# Seconds; from a cached answer to a client that has long given up.
DURATION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@cache
def counter(name: str, documentation: str, labels: Sequence[str] = ()) -> Counter:
    """The counter `name`. `labels` is a tuple."""
    return Counter(name, documentation, labels, registry=REGISTRY)


@cache
def gauge(name: str, documentation: str, labels: Sequence[str] = ()) -> Gauge:
    """The gauge `name`. `labels` is a tuple."""
    return Gauge(name, documentation, labels, registry=REGISTRY)


@cache
def histogram(
    name: str, documentation: str, labels: Sequence[str] = (), buckets: Sequence[float] = DURATION_BUCKETS
) -> Histogram:
    """The histogram `name`, by default of durations in seconds. `labels` and `buckets` are tuples."""
    return Histogram(name, documentation, labels, buckets=buckets, registry=REGISTRY)


def render_metrics() -> tuple[bytes, str]:
    """The exposition of every metric, and its content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
