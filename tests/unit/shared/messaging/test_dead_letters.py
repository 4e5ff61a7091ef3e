"""What a dead letter says of its cause."""

import pytest

from shared.messaging.dead_letters import letter_for_record
from shared.messaging.records import Record, Undecodable


def _fingerprint(
    detail: str, *, code: str = "handler_failed", topic: str = "loyalty", kind: str | None = "x.v1"
) -> str:
    record = Record(topic, 0, 1, None, (), None)
    return letter_for_record(Undecodable(record, code, detail, event_type=kind), parks=False).fingerprint


def test_letters_of_one_cause_share_a_fingerprint_whatever_numbers_they_name() -> None:
    assert _fingerprint("entry 17 is not 4") == _fingerprint("entry 9000 is not 23")


@pytest.mark.parametrize("other", [{"code": "rejected"}, {"topic": "tickets"}, {"kind": "y.v1"}, {"kind": None}])
def test_other_causes_have_other_fingerprints(other: dict[str, str]) -> None:
    assert _fingerprint("entry 17") != _fingerprint("entry 17", **other)
    assert _fingerprint("entry 17") != _fingerprint("ticket 17")


def test_details_are_what_the_database_can_hold() -> None:
    fault = Undecodable(Record("t", 0, 1, None, (), None), "code", "a\x00b\ud800" + "c" * 5000)
    detail = letter_for_record(fault, parks=False).detail
    assert detail.startswith("ab?c")
    assert len(detail) <= 2000
    detail.encode()
