"""The work that the benchmark makes is what the services take."""

from __future__ import annotations

import pytest

from bench import backlog
from bench.sides.load import request_maker
from shared.contracts import Event
from shared.messaging.cloudevents import Decoder
from shared.messaging.records import Received, Record


@pytest.mark.parametrize("event", backlog.TEMPLATES)
def test_every_event_is_valid_and_its_own(event: type[Event]) -> None:
    records = [
        Record(each.topic, 0, n, each.key, each.headers, each.value)
        for n, each in enumerate(backlog.publications(event, 50))
    ]
    decoded = [each for record in records if isinstance(each := Decoder().decode(record), Received)]
    assert len(decoded) == 50
    assert len({each.id for each in decoded}) == len({each.key for each in decoded}) == 50
    assert all(each.record.key == each.key.encode() for each in decoded)


@pytest.mark.parametrize("event", backlog.TEMPLATES)
def test_hot_customers_take_turns(event: type[Event]) -> None:
    keys = [each.key for each in backlog.publications(event, 40, customers=10)]
    assert len(set(keys)) == 10
    assert len({each.value for each in backlog.publications(event, 40, customers=10)}) == 40


def test_requests_differ_in_key_and_go_through_the_customers() -> None:
    told = {"method": "POST", "headers": {"Idempotency-Key": "@key"}, "body": "{}", "customers": 3}
    make = request_maker("/v1/customers/cus-@n/withdrawals", told)
    requests = [make().decode() for _ in range(6)]
    assert len(set(requests)) == 6
    assert {request.split(" ")[1] for request in requests} == {f"/v1/customers/cus-{n}/withdrawals" for n in range(3)}
    assert all(request.endswith("Content-Length: 2\r\n\r\n{}") for request in requests)
