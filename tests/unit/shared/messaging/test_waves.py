"""Waves: a cut of a batch that keeps each customer's order."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import Event, PointsAwarded
from shared.messaging import Received
from shared.messaging.records import Record
from shared.messaging.waves import waves
from shared.telemetry.trace import new_trace

DATA = PointsAwarded.model_validate_json(
    b'{"customer_id":"c","entry_id":"e","occurred_at":"2026-01-01T00:00:00Z","points":1,"balance":1,'
    b'"order_id":"o","ticket_id":"t"}'
)


def _event(position: int, key: str, event_type: str) -> Received[Event]:
    record = Record("loyalty", 0, position, key.encode(), (), b"")
    return Received(
        str(position), "tests", event_type, datetime.now(UTC), key, DATA, new_trace(), record
    )  # fmt: skip


batches = st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from(["x", "y", "z"])), max_size=60).map(
    lambda pairs: [_event(n, key, kind) for n, (key, kind) in enumerate(pairs)]
)


@given(batches)
def test_nothing_is_lost_or_doubled(batch: list[Received[Event]]) -> None:
    found = [event for wave in waves(batch) for event in wave]
    assert sorted(event.record.offset for event in found) == list(range(len(batch)))


@given(batches)
def test_each_wave_has_one_type_and_keeps_the_order_of_offsets(batch: list[Received[Event]]) -> None:
    for wave in waves(batch):
        assert len({event.type for event in wave}) == 1
        offsets = [event.record.offset for event in wave]
        assert offsets == sorted(offsets)


@given(batches)
def test_each_customer_keeps_its_order(batch: list[Received[Event]]) -> None:
    found = [event for wave in waves(batch) for event in wave]
    for key in "abcde":
        before = [event.record.offset for event in batch if event.key == key]
        assert [event.record.offset for event in found if event.key == key] == before


def test_a_usual_batch_needs_few_waves() -> None:
    batch = [_event(n, f"c{n // 2}", "purchased" if n % 2 == 0 else "cancelled") for n in range(1000)]
    assert [len(wave) for wave in waves(batch)] == [500, 500]
