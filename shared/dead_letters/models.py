"""Dead letters as HTTP shows them."""

import base64
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints

from shared.contracts.base import LongText
from shared.messaging.operator import LetterState, StoredLetter
from shared.web import PageQuery, RequestModel, ResponseModel

# Longer values are cut: a person looks at them here, and `<topic>.dead` has them whole.
SHOWN_BYTES = 256 * 1024

Fingerprint = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]


class LetterPath(RequestModel):
    """Which letter."""

    letter_id: UUID


class GroupQuery(RequestModel):
    """Which groups."""

    state: LetterState = "dead"


class LetterQuery(PageQuery):
    """Which letters."""

    state: LetterState = "dead"
    fingerprint: Fingerprint | None = Field(default=None, description="Only letters of this group.")


class SettleRequest(RequestModel):
    """Why the operator does it; kept in the audit trail."""

    note: LongText


class SettleGroupRequest(SettleRequest):
    """One step through a group. `after` is `next_after` of the step before, absent in the first."""

    fingerprint: Fingerprint
    after: UUID | None = None
    limit: int = Field(default=100, ge=1, le=500, description="Letters in this step; fewer when they are large.")


class LetterGroup(ResponseModel):
    """Letters of one cause. `sample_id` is the oldest of them."""

    fingerprint: str
    topic: str
    event_type: str | None
    code: str
    sample_detail: str
    sample_id: UUID
    count: int
    first_at: datetime
    last_at: datetime


class LetterGroups(ResponseModel):
    """The largest groups, at most 200."""

    items: list[LetterGroup]


class Letter(ResponseModel):
    """A letter without its content. `customer_id` is whose later events may wait behind it."""

    id: UUID
    state: LetterState
    topic: str
    partition: int
    record_offset: int
    customer_id: str | None = Field(validation_alias="ordering_key")
    event_id: str | None
    event_source: str | None
    event_type: str | None
    code: str
    detail: str
    fingerprint: str
    attempts: int
    created_at: datetime
    settled_at: datetime | None
    settled_by: str | None
    settled_note: str | None


class Content(ResponseModel):
    """Bytes as a person can read them: text when they are UTF-8, else base64. `size` is of the whole, in bytes."""

    encoding: Literal["text", "base64"]
    data: str
    size: int
    truncated: bool

    @classmethod
    def of(cls, value: bytes) -> Self:
        """The beginning of `value`."""
        shown = value[:SHOWN_BYTES]
        try:
            value.decode()
        except UnicodeDecodeError:
            encoding: Literal["text", "base64"] = "base64"
            data = base64.b64encode(shown).decode()
        else:
            encoding, data = "text", shown.decode(errors="ignore")
        return cls(encoding=encoding, data=data, size=len(value), truncated=len(value) > SHOWN_BYTES)


class Header(ResponseModel):
    """A header of the record."""

    name: str
    value: Content


class LetterDetail(Letter):
    """A letter with the record as it came. `parked_events` wait behind it, counted up to 1000."""

    key: Content | None
    headers: list[Header]
    value: Content | None
    parked_events: int

    @classmethod
    def of(cls, letter: StoredLetter, *, parked_events: int) -> Self:
        """Everything about the letter."""
        fields = Letter.model_validate(letter).model_dump()
        return cls.model_validate(
            fields
            | {
                "ordering_key": letter.ordering_key,
                "key": None if letter.record_key is None else Content.of(letter.record_key),
                "headers": [Header(name=name, value=Content.of(value)) for name, value in letter.record.headers],
                "value": None if letter.value is None else Content.of(letter.value),
                "parked_events": parked_events,
            }
        )


class Settled(ResponseModel):
    """What became of the letter: `dead` when it failed again, with the reason in `detail`."""

    id: UUID
    state: LetterState
    attempts: int
    code: str
    detail: str


class GroupDiscarded(ResponseModel):
    """What a step did, besides others. `next_after` is null when the group has no further letter."""

    discarded: int
    next_after: UUID | None


class GroupReplayed(ResponseModel):
    """What a step did, besides others. `next_after` is null when the group has no further letter."""

    replayed: int
    still_dead: int
    next_after: UUID | None
