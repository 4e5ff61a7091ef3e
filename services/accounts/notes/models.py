"""Bodies of the operations on notes."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from services.accounts.notes.domain import Kind
from shared.contracts.base import NO_NUL
from shared.web import CustomerPath, Instant, PageQuery, Personal, RequestModel, ResponseModel, refuse_nulls

NoteText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=5000, pattern=NO_NUL)]
Author = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=NO_NUL)]


class NotePath(CustomerPath):
    """`/v1/customers/{customer_id}/notes/{note_id}`."""

    note_id: UUID


class NoteQuery(PageQuery):
    """Filters of the notes."""

    kind: list[Kind] = Field(default_factory=list, max_length=10, description="Any of these; all when absent.")
    author: Author | None = Field(default=None, description="Only what this person wrote.")


class ReminderQuery(PageQuery):
    """Filters of the reminders over all customers."""

    due_before: Instant | None = Field(default=None, description="Now when absent: what is due.")
    author: Author | None = Field(default=None, description="Only what this person wrote.")


class NewNote(RequestModel):
    """A note to add."""

    kind: Kind
    text: NoteText
    due_at: Instant | None = Field(default=None, description="Of a reminder, and of nothing else.")


class NoteChanges(RequestModel):
    """Fields to change; those that are absent stay as they are."""

    kind: Kind | None = None
    text: NoteText | None = None
    due_at: Instant | None = Field(default=None, description="Of a reminder, and of nothing else.")
    done: bool | None = Field(default=None, description="Of a reminder: whether there is nothing left to do.")

    @model_validator(mode="after")
    def _some_cannot_be_taken_away(self) -> Self:
        refuse_nulls(self, "kind", "text", "done")
        return self

    def given(self) -> dict[str, Any]:
        """The fields that the caller named."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class NoteView(ResponseModel):
    """A note about a customer. One that was edited has a version above 1."""

    note_id: UUID
    customer_id: str
    author: str
    kind: Kind
    text: Annotated[str, Personal("prose")]
    due_at: datetime | None
    done_at: datetime | None
    version: int
    created_at: datetime
    changed_at: datetime


class NoteVersionView(ResponseModel):
    """What a note said from `changed_at` on."""

    version: int
    kind: Kind
    text: Annotated[str, Personal("prose")]
    due_at: datetime | None
    done_at: datetime | None
    changed_at: datetime
