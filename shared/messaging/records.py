"""What comes off Kafka: the raw record, and the event or the fault that decoding makes of it."""

import base64
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from shared.contracts import Event
from shared.telemetry.trace import TraceContext

E_co = TypeVar("E_co", bound=Event, covariant=True)

Headers = tuple[tuple[str, bytes], ...]


# Not frozen: one of each is made for every event, and freezing trebles what that takes. Nothing changes them.
@dataclass(slots=True)
class Record:
    """A Kafka record as it came: nothing decoded, nothing checked. `topic` bears no prefix."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: Headers
    value: bytes | None

    def header(self, name: str) -> str | None:
        """The last header of that name as text, None when there is none."""
        for key, value in reversed(self.headers):
            if key == name:
                return value.decode("utf-8", errors="backslashreplace")
        return None

    def headers_as_json(self) -> list[list[str]]:
        """The headers in the form in which the database keeps them."""
        return headers_as_json(self.headers)


def headers_as_json(headers: Headers) -> list[list[str]]:
    """Pairs of name and base64. PostgreSQL cannot hold a NUL, which may stand in a name."""
    return [[name.replace("\x00", "\\x00"), base64.b64encode(value).decode()] for name, value in headers]


def headers_from_json(pairs: list[list[str]]) -> Headers:
    """The inverse of `headers_as_json`."""
    return tuple((name, base64.b64decode(value)) for name, value in pairs)


@dataclass(slots=True)
class Received(Generic[E_co]):
    """An event as a handler gets it.

    `key` is the customer's id out of the event itself, whatever key the producer gave the record: order and locks
    follow it. `overdue` says that the event waited for its cause in vain.
    """

    id: str
    source: str
    type: str
    time: datetime | None
    key: str
    data: E_co
    trace: TraceContext
    record: Record
    overdue: bool = field(default=False)


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A record that is no event of ours, and why: `code` is stable, `detail` is for people."""

    record: Record
    code: str
    detail: str
    event_id: str | None = None
    event_source: str | None = None
    event_type: str | None = None
    traceparent: str | None = None
    ordering_key: str | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """A known event that this consumer does not handle."""

    record: Record


Decoded = Received[Event] | Undecodable | Ignored
