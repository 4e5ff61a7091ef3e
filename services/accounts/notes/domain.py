"""What a note is and how it may change."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

Kind = Literal["complaint", "query", "reminder", "other"]


class NoteError(ValueError):
    """A note that cannot be: `field` says which part is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Note(NamedTuple):
    """A note at `version`. Only a reminder has a time when it is due, and is done some day."""

    customer_id: str
    note_id: UUID
    author: str
    kind: Kind
    text: str
    due_at: datetime | None
    done_at: datetime | None
    version: int
    created_at: datetime
    changed_at: datetime


def new_note(
    customer_id: str, note_id: UUID, *, author: str, kind: Kind, text: str, due_at: datetime | None, now: datetime
) -> Note:
    """The first version of a note.

    Raises:
        NoteError: a reminder without a due time, or another note with one.
    """
    return _checked(Note(customer_id, note_id, author, kind, text, due_at, None, 1, now, now))


def edit(note: Note, given: Mapping[str, Any], now: datetime) -> Note | None:
    """The note after its author set `kind`, `text`, `due_at` or `done` to what is given; None when nothing changes.

    A note that is no reminder any more loses its due time.

    Raises:
        NoteError: a reminder without a due time, or another note with one, or done.
    """
    values = dict(given)
    if "done" in values:
        values["done_at"] = (note.done_at or now) if values.pop("done") else None
    if note.kind == "reminder" and values.get("kind", "reminder") != "reminder":
        values = {"due_at": None, "done_at": None} | values
    changed = _checked(note._replace(**values))
    return None if changed == note else changed._replace(version=note.version + 1, changed_at=now)


def _checked(note: Note) -> Note:
    if note.kind == "reminder" and note.due_at is None:
        raise NoteError("due_at", "A reminder needs a due time.")
    if note.kind != "reminder" and note.due_at is not None:
        raise NoteError("due_at", "Only a reminder has a due time.")
    if note.kind != "reminder" and note.done_at is not None:
        raise NoteError("done", "Only a reminder is done.")
    return note
