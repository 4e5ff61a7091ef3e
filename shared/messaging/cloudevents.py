"""CloudEvents 1.0 on Kafka: binary mode written, binary and structured mode read.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from base64 import b64decode
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from pydantic import TypeAdapter, ValidationError

from shared.contracts import Event, event_types, registry
from shared.messaging.records import Decoded, Headers, Ignored, Received, Record, Undecodable
from shared.telemetry.trace import continue_trace

MAX_VALUE_BYTES = 1_000_000
MAX_ATTRIBUTE_CHARACTERS = 256
JSON = b"application/json"
STRUCTURED = b"application/cloudevents"
_DATETIME = TypeAdapter(datetime).validator
_NOT_VERSION_1 = ("not_a_cloudevent", "specversion: CloudEvents 1.0 is expected")


class _Attributes(NamedTuple):
    id: str
    source: str
    type: str
    time: datetime | None
    traceparent: str | None
    payload: bytes


class _NotAnEventError(Exception):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def binary_headers(
    *,
    event_id: str,
    source: str,
    event_type: str,
    time: datetime,
    subject: str | None,
    traceparent: str | None,
) -> Headers:
    """The headers of an event in binary mode."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id.encode()),
        ("ce_source", source.encode()),
        ("ce_type", event_type.encode()),
        ("ce_time", time.isoformat().encode()),
        ("content-type", b"application/json"),
    ]
    if subject is not None:
        headers.append(("ce_subject", subject.encode()))
    if traceparent is not None:
        headers.append(("traceparent", traceparent.encode()))
    return tuple(headers)


class Decoder:
    """Turns records into events of the types that are handled; never raises for what a record holds."""

    def __init__(self, handled: Collection[str] | None = None) -> None:
        self._contracts = registry()
        self._known_types = event_types()
        self._handled = {
            name: contract.__pydantic_validator__.validate_json
            for name, contract in self._contracts.items()
            if handled is None or name in handled
        }

    def decode(self, record: Record) -> Decoded:
        """The event in the record, or why there is none."""
        try:
            attributes = _attributes(record)
        except _NotAnEventError as fault:
            return Undecodable(record, fault.code, fault.detail)
        event_id, source, event_type, time, traceparent, payload = attributes
        validate = self._handled.get(event_type)
        if validate is None:
            return Ignored(record) if event_type in self._contracts else self._unknown(record, attributes)
        try:
            data: Event = validate(payload)
        except ValidationError as error:
            return _fault(record, attributes, _code_of(error), describe(error), _guess_key(payload))
        return Received(event_id, source, event_type, time, data.key(), data, continue_trace(traceparent), record)

    def _unknown(self, record: Record, attributes: _Attributes) -> Undecodable:
        name, _, version = attributes.type.rpartition(".v")
        if name in self._known_types and version.isdigit():
            return _fault(record, attributes, "unknown_version", f"{name} has no version {version}")
        return _fault(record, attributes, "unknown_type", f"{attributes.type} is no type of event known here")


def _code_of(error: ValidationError) -> str:
    is_json = error.errors(include_url=False, include_input=False)[0]["type"] != "json_invalid"
    return "schema_violation" if is_json else "malformed_json"


def describe(error: ValidationError) -> str:
    """Each fault with the field that has it; never the value, which may be personal."""
    faults = [
        f"{'.'.join(str(part) for part in fault['loc']) or 'event'}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    shown = "; ".join(faults[:10])
    return shown if len(faults) <= 10 else f"{shown}; and {len(faults) - 10} more"


def _fault(record: Record, attributes: _Attributes, code: str, detail: str, key: str | None = None) -> Undecodable:
    return Undecodable(
        record,
        code,
        detail,
        event_id=attributes.id,
        event_source=attributes.source,
        event_type=attributes.type,
        traceparent=attributes.traceparent,
        ordering_key=key,
    )


def _attributes(record: Record) -> _Attributes:
    if record.value is None:
        raise _NotAnEventError("no_value", "the record has no value")
    if len(record.value) > MAX_VALUE_BYTES:
        raise _NotAnEventError("too_large", f"{len(record.value)} bytes are more than {MAX_VALUE_BYTES}")
    headers = dict(record.headers)
    content_type = headers.get("content-type", JSON)
    if content_type != JSON:
        plain = content_type.partition(b";")[0].strip().lower()
        if plain.startswith(STRUCTURED):
            return _structured(record, plain)
        if not plain.endswith((b"/json", b"+json")):
            raise _NotAnEventError("wrong_content_type", f"{_text(plain[:100])} is not {_text(JSON)}")
    if headers.get("ce_specversion") != b"1.0":
        raise _NotAnEventError(*_NOT_VERSION_1)
    time, trace = headers.get("ce_time"), headers.get("ce_traceparent") or headers.get("traceparent")
    return _Attributes(
        _required("id", _optional_text(headers.get("ce_id"))),
        _name("source", headers.get("ce_source")),
        _name("type", headers.get("ce_type")),
        _time(_text(time)) if time is not None else None,
        _optional_text(trace),
        record.value,
    )


# Few sources and types write all events; what is no name raises, and so is not kept.
@lru_cache(maxsize=1024)
def _name(attribute: str, value: bytes | None) -> str:
    return _required(attribute, _optional_text(value))


def _optional_text(value: bytes | None) -> str | None:
    return None if value is None else _text(value)


def _text(value: bytes) -> str:
    return value.decode("utf-8", errors="backslashreplace")


def _structured(record: Record, content_type: bytes) -> _Attributes:
    if content_type != STRUCTURED + b"+json":
        raise _NotAnEventError("wrong_content_type", f"{_text(content_type[:100])} is not {_text(STRUCTURED)}+json")
    try:
        document = orjson.loads(record.value or b"")
    except orjson.JSONDecodeError as error:
        raise _NotAnEventError("malformed_json", str(error)) from error
    if not isinstance(document, dict) or not ("data" in document or "data_base64" in document):
        raise _NotAnEventError("not_a_cloudevent", "a structured event is an object with the member data")
    return _from(_payload(document), document, record)


def _payload(document: Mapping[str, Any]) -> bytes:
    if "data" in document:
        try:
            return orjson.dumps(document["data"])
        except orjson.JSONEncodeError as error:
            # It reads what is nested more deeply than what it writes.
            raise _NotAnEventError("malformed_json", f"data: {error}") from error
    try:
        # How libraries write data that the publisher gave them as bytes.
        return b64decode(document["data_base64"], validate=True)
    except (TypeError, ValueError) as error:
        raise _NotAnEventError("not_a_cloudevent", "data_base64: base64 is expected") from error


def _from(payload: bytes, attributes: Mapping[str, Any], record: Record) -> _Attributes:
    if attributes.get("specversion") != "1.0":
        raise _NotAnEventError(*_NOT_VERSION_1)
    time, trace = attributes.get("time"), attributes.get("traceparent")
    return _Attributes(
        _required("id", attributes.get("id")),
        _required("source", attributes.get("source")),
        _required("type", attributes.get("type")),
        _time(time) if time is not None else None,
        trace if isinstance(trace, str) and trace else record.header("traceparent"),
        payload,
    )


def _required(name: str, value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ATTRIBUTE_CHARACTERS or "\x00" in value:
        raise _NotAnEventError("not_a_cloudevent", f"{name}: 1 to {MAX_ATTRIBUTE_CHARACTERS} characters are expected")
    return value


def _time(value: object) -> datetime:
    try:
        moment: datetime = _DATETIME.validate_python(value)
    except ValidationError as error:
        raise _NotAnEventError("not_a_cloudevent", "time: an RFC 3339 time is expected") from error
    return moment


def _guess_key(payload: bytes) -> str | None:
    """The customer that a broken event names, so that later events of that customer can wait for it."""
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(document, dict):
        return None
    customer = document.get("customer")
    key = document.get("customer_id") or (customer.get("id") if isinstance(customer, dict) else None)
    return key if isinstance(key, str) and 0 < len(key) <= 64 and "\x00" not in key else None


def payload_of(event: Event) -> bytes:
    """The event's data as JSON bytes."""
    return event.__pydantic_serializer__.to_json(event, exclude_none=True)
