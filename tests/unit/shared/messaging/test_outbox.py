"""What may enter the outbox."""

from datetime import UTC, datetime

import pytest

from shared.contracts import TicketsPaid
from shared.messaging import Prepared
from shared.messaging.cloudevents import MAX_VALUE_BYTES
from shared.messaging.outbox import OutboxRow, TooLargeError

_OVERHEAD = len(b'{"a":""}')


def _row(size: int) -> OutboxRow:
    event = Prepared(TicketsPaid, "C1", {"a": "x" * (size - _OVERHEAD)})
    return OutboxRow.of(event, at=datetime.now(UTC), traceparent="")


def test_an_event_of_the_largest_size_that_readers_take_may_enter() -> None:
    payload = _row(MAX_VALUE_BYTES).payload
    assert payload is not None
    assert len(payload) == MAX_VALUE_BYTES


def test_an_event_that_every_reader_would_refuse_may_not() -> None:
    with pytest.raises(TooLargeError, match=r"recourse\.\S+: 1000001 bytes are more than 1000000"):
        _row(MAX_VALUE_BYTES + 1)
