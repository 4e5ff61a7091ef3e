"""Lines of event files: what is an event, and what exactly is wrong with what is none."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from deploy.cli.event_lines import MAX_LINE_BYTES, EventLine, InvalidLine, parse_event, read_events
from shared.contracts import PurchaseCompleted, registry
from shared.messaging import Publication, Received
from shared.messaging.cloudevents import Decoder
from shared.messaging.records import Record

TYPE, DATA = PurchaseCompleted.type, PurchaseCompleted.example


def line(**members: Any) -> bytes:
    return orjson.dumps({"type": TYPE, "data": DATA} | members)


@pytest.mark.parametrize("contract", registry().values(), ids=lambda contract: contract.type)
def test_the_example_of_each_contract_is_published_as_it_is(contract: Any) -> None:
    publication = parse_event(orjson.dumps({"type": contract.type, "data": contract.example}))
    assert isinstance(publication, Publication)
    assert publication.topic == contract.topic
    event = _decoded(publication)
    assert event.data == contract.model_validate_json(orjson.dumps(contract.example))
    assert publication.key == event.key.encode()


def test_what_the_line_says_of_itself_goes_into_the_headers() -> None:
    publication = parse_event(line(id="my-id", source="shop/7", time="2026-01-02T03:04:05Z", specversion="1.0"))
    assert isinstance(publication, Publication)
    event = _decoded(publication)
    assert (event.id, event.source, event.time) == ("my-id", "shop/7", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


def test_without_an_id_each_is_a_new_event() -> None:
    first, second = parse_event(line()), parse_event(line())
    assert isinstance(first, Publication)
    assert isinstance(second, Publication)
    assert _decoded(first).id != _decoded(second).id


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"{", "event: Invalid JSON"),
        (b"[]", "event: Input should be an object"),
        (orjson.dumps({"data": DATA}), "type: Field required"),
        (orjson.dumps({"type": TYPE}), "data: Field required"),
        (line(type="recourse.moon.landed.v1"), "type: recourse.moon.landed.v1 is no type of event"),
        (line(type="recourse.purchase.completed.v9"), "type: recourse.purchase.completed.v9 is no type"),
        (line(data=[]), "data: Input should be"),
        (line(data=DATA | {"purchase_id": "a b"}), "data.purchase_id: String should match"),
        (line(data=DATA | {"payment": DATA["payment"] | {"amount": -1}}), "payment.amount: Input should be gr"),
        (line(data=DATA | {"payment": DATA["payment"] | {"amount": "1"}}), "payment.amount: Input should be a v"),
        (line(data=DATA | {"tickets": DATA["tickets"][:1] * 2}), "the same ticket id stands there twice"),
        (line(data=DATA | {"recepit_id": "r"}), "data.recepit_id: Extra inputs are not permitted"),
        (line(data=DATA | {"customer": DATA["customer"] | {"mail": "x"}}), "data.customer.mail: Extra inputs"),
        (line(idd="x"), "idd: Extra inputs are not permitted"),
        (line(id=""), "id: String should have at least 1 character"),
        (line(id="x\x00"), "id: String should match"),
        (line(time="yesterday"), "time: Input should be a valid datetime"),
        (line(time="2026-01-02T03:04:05"), "time: Input should have timezone info"),
        (line(specversion="2.0"), "specversion: Input should be '1.0'"),
    ],
)  # fmt: skip
def test_faults_name_their_field(text: bytes, fault: str) -> None:
    faults = parse_event(text)
    assert isinstance(faults, list)
    assert any(fault in each for each in faults), faults


def test_faults_do_not_repeat_what_may_be_personal() -> None:
    broken = DATA | {"customer": DATA["customer"] | {"email": "ada.novak at example.com", "first_name": ""}}
    faults = parse_event(line(data=broken))
    assert isinstance(faults, list)
    assert "ada.novak" not in "".join(faults)


def test_lines_are_counted_and_empty_ones_skipped() -> None:
    file = io.BytesIO(b"\n".join([line(), b"", b"  ", b"{", line()]))
    found = list(read_events(file))
    assert [(type(each), each.number) for each in found] == [(EventLine, 1), (InvalidLine, 4), (EventLine, 5)]
    assert str(found[1]).startswith("line 4: event: Invalid JSON")
    assert isinstance(found[2], EventLine)
    assert found[2].end == len(file.getvalue())


def test_a_line_without_end_is_one_fault_and_the_next_line_is_read() -> None:
    file = io.BytesIO(b"x" * (3 * MAX_LINE_BYTES) + b"\n" + line() + b"\n")
    long, good = read_events(file)
    assert isinstance(long, InvalidLine)
    assert (long.number, good.number) == (1, 2)
    assert isinstance(good, EventLine)


def test_every_fault_of_a_line_is_told() -> None:
    assert str(InvalidLine(7, ["data.a: x", "data.b: y"])) == "line 7: data.a: x\nline 7: data.b: y"


def _decoded(publication: Publication) -> Received[Any]:
    record = Record(publication.topic, 0, 0, publication.key, publication.headers, publication.value)
    decoded = Decoder().decode(record)
    assert isinstance(decoded, Received)
    return decoded
