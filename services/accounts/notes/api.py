"""HTTP operations on notes and reminders."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from services.accounts.activity import store as activity
from services.accounts.activity.api import require_known
from services.accounts.activity.domain import Activity
from services.accounts.customers.store import customers
from services.accounts.locks import lock_accounts
from services.accounts.notes import store
from services.accounts.notes.domain import Note, NoteError, edit, new_note
from services.accounts.notes.models import (
    NewNote,
    NoteChanges,
    NotePath,
    NoteQuery,
    NoteVersionView,
    NoteView,
    ReminderQuery,
)
from services.accounts.problems import CUSTOMER_ERASED, erased
from shared import audit
from shared.audit import Change
from shared.db import Connection
from shared.ids import uuid7
from shared.messaging import UnitOfWork
from shared.web import (
    CUSTOMER_NOT_FOUND,
    CustomerPath,
    Keyset,
    Page,
    PageQuery,
    ProblemType,
    RenderedReply,
    Reply,
    RequestContext,
    operation,
    wrong_field,
)

NOTE_NOT_FOUND = ProblemType(404, "note_not_found", "No such note")
NOT_THE_AUTHOR = ProblemType(403, "not_the_author", "Only its author may change a note")

P = ParamSpec("P")
T = TypeVar("T")

_BY_ID = Keyset(tuple[UUID])
_BY_VERSION = Keyset(tuple[int])
_BY_DUE_TIME = Keyset(tuple[datetime, UUID])


class NotesApi:
    """What the team writes down: all read it, each changes what is their own."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work
        self._database = unit_of_work.database

    @operation("POST", "/v1/customers/{customer_id}/notes", permission="notes:write", status=201, idempotent=True,
               summary="Write a note about a customer", tags=("notes",),
               problems=(CUSTOMER_NOT_FOUND, CUSTOMER_ERASED))  # fmt: skip
    async def add_note(self, ctx: RequestContext, path: CustomerPath, body: NewNote) -> RenderedReply[NoteView]:
        """A complaint, a query, a reminder with the time when it is due, or anything else."""
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection
            return await ctx.once(connection, lambda: _add(connection, ctx, path.customer_id, body))

    @operation("GET", "/v1/customers/{customer_id}/notes", permission="notes:read", summary="Notes about a customer",
               tags=("notes",), problems=(CUSTOMER_NOT_FOUND,))  # fmt: skip
    async def list_notes(self, ctx: RequestContext, path: CustomerPath, query: NoteQuery) -> Page[NoteView]:
        """Those of the whole team, the newest first."""
        (before,) = _BY_ID.position(ctx, query) or (None,)
        async with self._database.read() as connection:
            ids = await activity.all_ids(connection, path.customer_id)
            found = await store.notes(
                connection, ids, kinds=query.kind, author=query.author, before=before,
                limit=query.limit + 1,
            )  # fmt: skip
            if not found:
                await require_known(connection, path.customer_id, ids)
        return _BY_ID.page(ctx, query, found, key=lambda note: (note.note_id,), item=NoteView.model_validate)

    @operation("GET", "/v1/customers/{customer_id}/notes/{note_id}", permission="notes:read", summary="One note",
               tags=("notes",), problems=(NOTE_NOT_FOUND,))  # fmt: skip
    async def get_note(self, path: NotePath) -> Reply[NoteView]:
        """A note with the ETag that an edit of it needs."""
        async with self._database.read() as connection:
            return _reply(await _existing(connection, path))

    @operation("GET", "/v1/customers/{customer_id}/notes/{note_id}/versions", permission="notes:read",
               summary="What a note said before", tags=("notes",), problems=(NOTE_NOT_FOUND,))  # fmt: skip
    async def list_note_versions(self, ctx: RequestContext, path: NotePath, query: PageQuery) -> Page[NoteVersionView]:
        """Every version of the note, the present one first."""
        (before,) = _BY_VERSION.position(ctx, query) or (None,)
        async with self._database.read() as connection:
            note = await _existing(connection, path)
            found = await store.versions(
                connection, note.customer_id, note.note_id, before=before, limit=query.limit + 1
            )
        return _BY_VERSION.page(
            ctx, query, found, key=lambda version: (version.version,), item=NoteVersionView.model_validate
        )

    @operation("PATCH", "/v1/customers/{customer_id}/notes/{note_id}", permission="notes:write", if_match=True,
               summary="Change a note", tags=("notes",),
               problems=(NOTE_NOT_FOUND, NOT_THE_AUTHOR, CUSTOMER_ERASED))  # fmt: skip
    async def change_note(self, ctx: RequestContext, path: NotePath, body: NoteChanges) -> Reply[NoteView]:
        """By its author alone; what it said before stays readable. A reminder is `done` when nothing is left to do."""
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection
            note = await _own(connection, ctx, path)
            changed = _valid(edit, note, body.given(), datetime.now(UTC))
            if changed is None:
                return _reply(note)
            if changed.text != note.text:
                await _require_not_erased(connection, note.customer_id)
            await store.save(connection, changed)
            await audit.record(connection, ctx, _change("notes.edit", changed, store.told(note), store.told(changed)))
            return _reply(changed)

    @operation("DELETE", "/v1/customers/{customer_id}/notes/{note_id}", permission="notes:write", status=204,
               if_match=True, summary="Delete a note", tags=("notes",),
               problems=(NOTE_NOT_FOUND, NOT_THE_AUTHOR))  # fmt: skip
    async def delete_note(self, ctx: RequestContext, path: NotePath) -> None:
        """By its author alone; who deleted what is in the audit trail."""
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection
            note = await _own(connection, ctx, path)
            await store.delete(connection, note, datetime.now(UTC))
            await audit.record(connection, ctx, _change("notes.delete", note, store.told(note), {}))

    @operation("GET", "/v1/reminders", permission="notes:read", summary="Reminders that are due",
               tags=("notes",))  # fmt: skip
    async def list_reminders(self, ctx: RequestContext, query: ReminderQuery) -> Page[NoteView]:
        """Those of all customers that nobody has done, the longest due first."""
        after = _BY_DUE_TIME.position(ctx, query)
        async with self._database.read() as connection:
            found = await store.reminders(
                connection, due_before=query.due_before or datetime.now(UTC), author=query.author, after=after,
                limit=query.limit + 1,
            )  # fmt: skip
        return _BY_DUE_TIME.page(
            ctx, query, found, key=lambda note: (note.due_at or note.created_at, note.note_id),
            item=NoteView.model_validate,
        )  # fmt: skip


async def _add(connection: Connection, ctx: RequestContext, customer_id: str, body: NewNote) -> Reply[NoteView]:
    await require_known(connection, customer_id, [customer_id])
    await lock_accounts(connection, [customer_id])
    await _require_not_erased(connection, customer_id)
    author = ctx.principal.subject
    note = _valid(
        new_note, customer_id, uuid7(), author=author, kind=body.kind, text=body.text, due_at=body.due_at,
        now=datetime.now(UTC),
    )  # fmt: skip
    await store.save(connection, note)
    told = {"note_kind": note.kind, "actor": author}
    await activity.add(connection, [Activity(customer_id, "note_added", note.created_at, str(note.note_id), told)])
    await audit.record(connection, ctx, _change("notes.add", note, {}, store.told(note)))
    return _reply(note, {"Location": f"/v1/customers/{customer_id}/notes/{note.note_id}"})


def _valid(rule: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return rule(*args, **kwargs)
    except NoteError as error:
        raise wrong_field(f"body.{error.field}", str(error)) from None


def _change(action: str, note: Note, before: Mapping[str, Any], after: Mapping[str, Any]) -> Change:
    return Change(
        action,
        f"note:{note.note_id}",
        customer_id=note.customer_id,
        before=before,
        after=after,
        personal=frozenset({"text"}),
    )


async def _existing(connection: Connection, path: NotePath) -> Note:
    note = await store.note(connection, await activity.all_ids(connection, path.customer_id), path.note_id)
    if note is None:
        raise NOTE_NOT_FOUND(f"Customer {path.customer_id} has no note {path.note_id}.")
    return note


async def _own(connection: Connection, ctx: RequestContext, path: NotePath) -> Note:
    """The note, locked for its author, at the version that the author has seen."""
    # Before the lock, which would open an account for whatever id is asked for.
    note = await _existing(connection, path)
    await lock_accounts(connection, [note.customer_id])
    note = await _existing(connection, path)
    if note.author != ctx.principal.subject:
        raise NOT_THE_AUTHOR(f"{note.author} wrote it.", author=note.author)
    ctx.require_version(note.version)
    return note


async def _require_not_erased(connection: Connection, customer_id: str) -> None:
    known = (await customers(connection, [customer_id])).get(customer_id)
    if known is not None and known.erased_at is not None:
        raise erased(customer_id, known.erased_at)


def _reply(note: Note, headers: dict[str, str] | None = None) -> Reply[NoteView]:
    return Reply(NoteView.model_validate(note), headers=headers or {}, version=note.version)
