"""Decoding: every record ends as an event, as ignored or as a named fault; nothing raises."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import PurchaseCompleted, registry
from shared.messaging.cloudevents import MAX_VALUE_BYTES, Decoder
from shared.messaging.records import Ignored, Received, Record, Undecodable

EXAMPLE = json.dumps(PurchaseCompleted.example).encode()
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
HEADERS = {
    "ce_specversion": "1.0",
    "ce_id": "e1",
    "ce_source": "shop",
    "ce_type": PurchaseCompleted.type,
    "ce_time": "2026-11-22T09:30:00Z",
    "content-type": "application/json",
    "traceparent": TRACE,
}


def _record(value: bytes | None = EXAMPLE, **headers: str | None) -> Record:
    chosen = HEADERS | {name.replace("__", "-"): text for name, text in headers.items()}
    pairs = tuple((name, text.encode()) for name, text in chosen.items() if text is not None)
    return Record("purchases", 0, 7, b"other-key", pairs, value)


def _fault(record: Record) -> Undecodable:
    decoded = Decoder().decode(record)
    assert isinstance(decoded, Undecodable)
    return decoded


def test_binary_mode() -> None:
    event = Decoder().decode(_record())
    assert isinstance(event, Received)
    assert (event.id, event.source, event.key) == ("e1", "shop", "cus-1001")
    assert isinstance(event.data, PurchaseCompleted)
    assert event.data.payment.amount == 2000
    assert event.trace.trace_id in TRACE
    assert event.trace.span_id not in TRACE


DOCUMENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e1",
    "source": "shop",
    "type": PurchaseCompleted.type,
    "time": "2026-11-22T09:30:00Z",
}


def _structured(**members: object) -> Record:
    content_type = ("content-type", b"application/cloudevents+json; charset=utf-8")
    return Record("purchases", 0, 7, None, (content_type,), json.dumps(DOCUMENT | members).encode())


def _nested(depth: int) -> Record:
    record = _structured(data=0)
    record.value = (record.value or b"").replace(b'"data": 0', b'"data": ' + b"[" * depth + b"]" * depth)
    return record


@pytest.mark.parametrize(
    "data", [{"data": PurchaseCompleted.example}, {"data_base64": base64.b64encode(EXAMPLE).decode()}], ids=list
)
def test_structured_mode_means_the_same(data: dict[str, object]) -> None:
    event, binary = Decoder().decode(_structured(**data)), Decoder().decode(_record())
    assert isinstance(event, Received)
    assert isinstance(binary, Received)
    assert (event.id, event.source, event.time, event.data) == (binary.id, binary.source, binary.time, binary.data)


@pytest.mark.parametrize(
    "content_type", ["application/json;charset=UTF-8", "text/json", "application/vnd.shop.v2+json"]
)
def test_data_is_json_by_whatever_name_its_type_has(content_type: str) -> None:
    assert isinstance(Decoder().decode(_record(content__type=content_type)), Received)


@pytest.mark.parametrize(
    ("record", "code", "detail"),
    [
        (_record(None), "no_value", "no value"),
        (_record(b"x" * (MAX_VALUE_BYTES + 1)), "too_large", "bytes"),
        (_record(content__type="application/avro"), "wrong_content_type", "avro"),
        (_record(content__type="application/cloudevents+avro"), "wrong_content_type", "avro"),
        (_structured(), "not_a_cloudevent", "data"),
        (_structured(data_base64="???"), "not_a_cloudevent", "data_base64"),
        (_structured(data_base64=7), "not_a_cloudevent", "data_base64"),
        (_structured(data_base64="e30"), "not_a_cloudevent", "data_base64"),
        (_structured(data_base64="eyc="), "malformed_json", "JSON"),
        (_nested(300), "malformed_json", "Recursion"),
        (_record(ce_specversion=None), "not_a_cloudevent", "specversion"),
        (_record(ce_id=None), "not_a_cloudevent", "id"),
        (_record(ce_source=""), "not_a_cloudevent", "source"),
        (_record(ce_time="yesterday"), "not_a_cloudevent", "time"),
        (_record(ce_type="com.example.hello"), "unknown_type", "com.example.hello"),
        (_record(ce_type="recourse.purchase.completed.v99"), "unknown_version", "99"),
        (_record(b"\xff\xfe\x00"), "malformed_json", "JSON"),
        (_record(b"{}"), "schema_violation", "purchase_id"),
        (_record(EXAMPLE.replace(b"2000", b'"2000"')), "schema_violation", "payment.amount"),
        (_record(EXAMPLE.replace(b"store-17", b"bad\\u0000id")), "schema_violation", "store_id"),
    ],
)
def test_every_fault_has_a_code_and_names_the_field(record: Record, code: str, detail: str) -> None:
    fault = _fault(record)
    assert fault.code == code
    assert detail in fault.detail


def test_a_fault_never_repeats_the_value() -> None:
    fault = _fault(_record(EXAMPLE.replace(b"ada.novak@example.com", b"ada novak")))
    assert "email" in fault.detail
    assert "novak" not in fault.detail
    assert fault.ordering_key == "cus-1001"


def test_a_known_event_that_is_not_handled_is_ignored() -> None:
    assert isinstance(Decoder(handled=[]).decode(_record()), Ignored)


def test_a_newer_writers_field_is_ignored() -> None:
    document = PurchaseCompleted.example | {"loyalty_card": "12"}
    assert isinstance(Decoder().decode(_record(json.dumps(document).encode())), Received)


@given(
    value=st.none() | st.binary(max_size=200) | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10,
    ).map(lambda document: json.dumps(document).encode()),
    headers=st.lists(st.tuples(st.sampled_from([*HEADERS, "x"]), st.binary(max_size=60)), max_size=8),
    event_type=st.sampled_from(sorted(registry())),
)  # fmt: skip
def test_no_record_whatever_raises(value: bytes | None, headers: list[Any], event_type: str) -> None:
    pairs = (*(_record(ce_type=event_type).headers), *headers)
    decoded = Decoder().decode(Record("purchases", 0, 0, b"\xff", pairs, value))
    assert isinstance(decoded, Received | Undecodable | Ignored)
