"""Files of events: one CloudEvent in JSON on each line, checked against its contract.

    {"type": "recourse.purchase.completed.v1", "data": {...}, "id": "...", "source": "...", "time": "..."}

`type` and `data` must be there. A line with an `id` takes effect once, however often it is published; without one
it is a new event each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, BinaryIO, Literal

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from shared.contracts import Event, registry
from shared.contracts.base import NO_NUL
from shared.messaging import Publication
from shared.messaging.cloudevents import MAX_ATTRIBUTE_CHARACTERS, MAX_VALUE_BYTES, payload_of

MAX_LINE_BYTES = 2 * MAX_VALUE_BYTES
DEFAULT_SOURCE = "recourse-cli"

_Attribute = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ATTRIBUTE_CHARACTERS, pattern=NO_NUL)]


class _Envelope(BaseModel):
    """The members of a CloudEvent in JSON that mean something here."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: _Attribute
    data: dict[str, Any]
    id: _Attribute | None = None
    source: _Attribute = DEFAULT_SOURCE
    time: AwareDatetime | None = None
    specversion: Literal["1.0"] = "1.0"
    datacontenttype: Literal["application/json"] = "application/json"
    subject: str | None = Field(default=None, description="Not used: the subject is the customer's id.")


_ENVELOPE = TypeAdapter(_Envelope)


@dataclass(frozen=True, slots=True)
class InvalidLine:
    """A line that is no event, and each of its faults with the field that has it; never a value."""

    number: int
    faults: list[str]

    def __str__(self) -> str:
        return "\n".join(f"line {self.number}: {fault}" for fault in self.faults)


@dataclass(frozen=True, slots=True)
class EventLine:
    """A line that is an event; `end` is where it ends in the file, in bytes."""

    number: int
    end: int
    publication: Publication


def read_events(file: BinaryIO) -> Iterator[EventLine | InvalidLine]:
    """The events of a file, one line at a time; empty lines are skipped."""
    number = end = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        end += len(line)
        if len(line) > MAX_LINE_BYTES:
            end += _skip_rest_of_line(file)
            yield InvalidLine(number, [f"a line has more than {MAX_LINE_BYTES} bytes"])
        elif text := line.strip():
            publication = parse_event(text)
            yield (
                EventLine(number, end, publication)
                if isinstance(publication, Publication)
                else InvalidLine(number, publication)
            )


def parse_event(text: bytes) -> Publication | list[str]:
    """The event in one line, or what is wrong with it."""
    try:
        envelope = _ENVELOPE.validate_json(text)
    except ValidationError as error:
        return _faults(error, "")
    contract = registry().get(envelope.type)
    if contract is None:
        return [f"type: {envelope.type} is no type of event; `recourse contracts` lists them"]
    try:
        # Readers ignore what they do not know; here it is a slip of the one who wrote the file.
        event: Event = contract.model_validate_json(orjson.dumps(envelope.data), extra="forbid")
    except ValidationError as error:
        return _faults(error, "data.")
    if len(payload_of(event)) > MAX_VALUE_BYTES:
        return [f"data: more than {MAX_VALUE_BYTES} bytes"]
    return Publication.of(event, source=envelope.source, event_id=envelope.id, time=envelope.time)


def _faults(error: ValidationError, prefix: str) -> list[str]:
    return [
        f"{prefix}{'.'.join(str(part) for part in fault['loc']) or 'event'}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def _skip_rest_of_line(file: BinaryIO) -> int:
    skipped = 0
    while part := file.readline(MAX_LINE_BYTES):
        skipped += len(part)
        if part.endswith(b"\n"):
            break
    return skipped
