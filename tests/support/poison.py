"""Records that are no events, one of each kind."""

from collections.abc import Mapping

import orjson

from shared.contracts import PointsAwarded
from shared.ids import uuid7
from shared.messaging import Publication
from shared.messaging.cloudevents import MAX_VALUE_BYTES, payload_of
from shared.messaging.records import Headers
from tests.support.messaging import SOURCE, points

TOPIC = PointsAwarded.topic


def record(value: bytes | None, headers: Headers | None = None, *, customer: str = "c1") -> Publication:
    """A record of the topic that the probe consumes."""
    return Publication(TOPIC, customer.encode(), headers if headers is not None else event_headers(), value)


def event_headers(event_type: str = PointsAwarded.type, changed: Mapping[str, bytes] = {}) -> Headers:
    """Headers of an event in binary mode, some of them changed."""
    headers = {
        "ce_specversion": b"1.0",
        "ce_id": str(uuid7()).encode(),
        "ce_source": SOURCE.encode(),
        "ce_type": event_type.encode(),
        "content-type": b"application/json",
    }
    return tuple({**headers, **changed}.items())


def payload(customer: str = "c1", **changed: object) -> bytes:
    """The data of an award, with some fields changed."""
    return orjson.dumps(orjson.loads(payload_of(points(customer, 1))) | changed)


def violation(customer: str) -> Publication:
    """An award without sense, which still names its customer."""
    return record(payload(customer, points=-1), customer=customer)


# Why each dies -> the record.
KINDS: dict[str, tuple[str, Publication]] = {
    "undecodable bytes": ("malformed_json", record(b"\xff\xfe\x00not json")),
    "no headers at all": ("not_a_cloudevent", record(payload(), ())),
    "no value": ("no_value", record(None)),
    "an empty value": ("malformed_json", record(b"")),
    "wrong content type": (
        "wrong_content_type",
        record(b"<xml/>", event_headers(changed={"content-type": b"text/xml"})),
    ),
    "NUL in a header": ("wrong_content_type", record(payload(), event_headers(changed={"content-type": b"a\x00b"}))),
    "NUL in a trace": ("malformed_json", record(b"{", event_headers(changed={"traceparent": b"a\x00b"}))),
    "NUL in the name of a header": ("malformed_json", record(b"{", event_headers(changed={"x\x00y": b"1"}))),
    "a header without a name": ("malformed_json", record(b"{", event_headers(changed={"": b"1"}))),
    "a header that is long": (
        "malformed_json",
        record(b"{", event_headers(changed={"x" * 30_000: b"1" * 200_000})),
    ),
    "schema violation": ("schema_violation", record(payload("violator", points="ten"), customer="violator")),
    "NUL in a field name": ("schema_violation", record(b'{"\\u0000": 1}')),
    "unknown type": ("unknown_type", record(payload(), event_headers("recourse.moon.landed.v1"))),
    "unknown version": ("unknown_version", record(payload(), event_headers("recourse.points.awarded.v99"))),
    "not UTF-8 in an id": ("not_a_cloudevent", record(payload(), event_headers(changed={"ce_id": b"\xff" * 100}))),
    "wrong time": ("not_a_cloudevent", record(payload(), event_headers(changed={"ce_time": b"yesterday"}))),
    "broken structured event": (
        "malformed_json",
        record(b"{", event_headers(changed={"content-type": b"application/cloudevents+json"})),
    ),
    "deeply nested in a structured event": (
        "malformed_json",
        record(
            b'{"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": ' + b"[" * 300 + b"]" * 300 + b"}",
            event_headers(changed={"content-type": b"application/cloudevents+json"}),
        ),
    ),
    "deeply nested": ("malformed_json", record(b"[" * 100_000 + b"]" * 100_000)),
    "too large": ("too_large", record(b'"' + b"x" * (5 * MAX_VALUE_BYTES) + b'"')),
    "as large as a record can be": ("too_large", record(b"\x00\xff" * 4_990_000)),
}
