"""Only a reminder has a due time, whatever is made of a note one after the other."""

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.accounts.notes.domain import Note, NoteError, edit, new_note

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KINDS = st.sampled_from(["complaint", "query", "reminder", "other"])
MOMENTS = st.none() | st.integers(0, 2).map(lambda days: NOW + timedelta(days=days))
CHANGES = st.fixed_dictionaries(
    {}, optional={"kind": KINDS, "text": st.sampled_from(["a", "b"]), "due_at": MOMENTS, "done": st.booleans()}
)


def note(**changes: Any) -> Note:
    given: dict[str, Any] = {"author": "agent-7", "kind": "other", "text": "a", "due_at": None, "now": NOW} | changes
    return new_note("c1", UUID(int=1), **given)


@pytest.mark.requirement("A7")
@given(st.lists(CHANGES, max_size=10))
def test_every_edit_leaves_a_note_that_can_be_or_none(changes: list[dict[str, Any]]) -> None:
    current = note()
    for number, values in enumerate(changes):
        changed = None
        with contextlib.suppress(NoteError):
            changed = edit(current, values, NOW + timedelta(minutes=number))
        if changed is None:
            continue
        assert changed.version == current.version + 1
        assert changed.author == current.author
        assert (changed.kind == "reminder") == (changed.due_at is not None)
        assert changed.done_at is None or changed.kind == "reminder"
        assert all(getattr(changed, name) == value for name, value in values.items() if name != "done")
        current = changed


@pytest.mark.requirement("A7")
def test_a_reminder_needs_a_due_time_and_nothing_else_has_one() -> None:
    with pytest.raises(NoteError):
        note(kind="reminder")
    with pytest.raises(NoteError):
        note(due_at=NOW)


@pytest.mark.requirement("A7")
def test_a_reminder_is_done_once_until_it_is_not() -> None:
    reminder = note(kind="reminder", due_at=NOW)
    done = edit(reminder, {"done": True}, NOW)
    assert done is not None
    assert done.done_at == NOW
    assert edit(done, {"done": True}, NOW + timedelta(days=1)) is None
    again = edit(done, {"done": False}, NOW)
    assert again is not None
    assert again.done_at is None
    other = edit(done, {"kind": "other"}, NOW)
    assert other is not None
    assert (other.due_at, other.done_at) == (None, None)
