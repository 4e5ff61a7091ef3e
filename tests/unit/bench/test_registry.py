"""The table has the lines that are promised, each once."""

from __future__ import annotations

import pytest

from bench.registry import LINES, UnknownLineError, chosen

PROMISED = {
    "consumer": "≥ 0.6×",
    "faststream-default": "≥ 25×",
    "faststream-best": "≥ 10×",
    "hot": "≥ 0.9×",
    "relay": "≥ 0.5×",
    "paid-latency": "≤ 250 ms",
    "cancel-latency": "≤ 250 ms",
    "http-write": "≥ 1.3×",
    "http-read": "≥ 0.5×",
    "deep-page": "≤ 1.2×",
    "search-id": "≤ 20 ms",
    "search-name": "≤ 100 ms",
    "profile": "≤ 15 ms",
    "growth": "≤ 1.3×",
    "memory": "≤ 200 MB",
    "linear": "≤ 2.1×",
}


def test_every_promise_has_its_line_and_target() -> None:
    targets = {line.id: str(line.target) for line in LINES}
    assert len(targets) == len(LINES)
    assert {name: targets[name] for name in PROMISED} == PROMISED


def test_some_lines_are_chosen_in_the_order_asked_for() -> None:
    assert [line.id for line in chosen("relay, consumer")] == ["relay", "consumer"]
    assert chosen(None) == list(LINES)


def test_an_unknown_line_is_named() -> None:
    with pytest.raises(UnknownLineError, match="nonsense"):
        chosen("relay,nonsense")
