"""The breaker opens for a type that only fails, and closes with its first success."""

import pytest

from shared.messaging.breaker import Breaker, BreakerOpenError


def test_it_opens_at_the_limit_for_that_type_alone() -> None:
    breaker = Breaker(limit=3)
    for _ in range(3):
        breaker.failed("x")
    assert breaker.open_for() == ["x"]
    with pytest.raises(BreakerOpenError):
        breaker.failed("x")
    breaker.failed("y")


def test_a_success_between_failures_keeps_it_closed() -> None:
    breaker = Breaker(limit=2)
    for _ in range(10):
        breaker.failed("x")
        breaker.succeeded({"x"})
    assert breaker.open_for() == []


def test_the_first_success_closes_it() -> None:
    breaker = Breaker(limit=1)
    breaker.failed("x")
    breaker.succeeded({"x"})
    assert breaker.open_for() == []
    breaker.failed("x")
