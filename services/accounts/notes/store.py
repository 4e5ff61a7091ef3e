"""Notes in PostgreSQL. No function commits; writers hold the customer's lock (`services.accounts.locks`)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.accounts.notes.domain import Kind, Note
from shared.db import Connection

_COLUMNS = ", ".join(Note._fields)
_VERSION = "version, kind, text, due_at, done_at, changed_at"
# Ids grow with time, and are never this one.
_LAST_ID = UUID(int=2**128 - 1)


class Version(NamedTuple):
    """What a note said at a version."""

    version: int
    kind: Kind
    text: str
    due_at: datetime | None
    done_at: datetime | None
    changed_at: datetime


async def save(connection: Connection, note: Note) -> None:
    """Write a note as it is now and keep what it said before."""
    await connection.execute(
        f"""with kept as (
                insert into note_versions (customer_id, note_id, {_VERSION})
                values ($1, $2, $8, $4, $5, $6, $7, $10))
            insert into notes ({_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            on conflict (customer_id, note_id) do update set
                kind = excluded.kind, text = excluded.text, due_at = excluded.due_at, done_at = excluded.done_at,
                version = excluded.version, changed_at = excluded.changed_at""",  # noqa: S608 - constant columns
        *note,
    )


async def delete(connection: Connection, note: Note, now: datetime) -> None:
    """Take a note out of sight; what it said is kept."""
    await connection.execute(
        "update notes set deleted_at = $3 where customer_id = $1 and note_id = $2",
        note.customer_id, note.note_id, now,
    )  # fmt: skip


async def note(connection: Connection, customer_ids: Sequence[str], note_id: UUID) -> Note | None:
    """A note about a customer, given by all of its ids, that was not deleted."""
    row = await connection.fetchrow(
        f"""select {_COLUMNS} from notes
            where customer_id = any($1::text[]) and note_id = $2 and deleted_at is null""",  # noqa: S608 - as above
        customer_ids, note_id,
    )  # fmt: skip
    return Note(*row) if row else None


async def notes(
    connection: Connection,
    customer_ids: Sequence[str],
    *,
    kinds: Sequence[Kind],
    author: str | None,
    before: UUID | None,
    limit: int,
) -> list[Note]:
    """Notes about a customer, given by all of its ids; the newest first, older than the one with the id `before`."""
    # Of each id a page, which the key holds in order, and of these one page: of all ids at once all would be sorted.
    rows = await connection.fetch(
        f"""select {_COLUMNS} from unnest($1::text[]) as asked (id)
            cross join lateral (
                select * from notes
                where customer_id = asked.id and deleted_at is null and note_id < $2
                  and (cardinality($3::text[]) = 0 or kind = any($3)) and ($4::text is null or author = $4)
                order by note_id desc limit $5) as n
            order by note_id desc limit $5""",  # noqa: S608 - as above
        customer_ids, before or _LAST_ID, kinds, author, limit,
    )  # fmt: skip
    return [Note(*row) for row in rows]


async def versions(
    connection: Connection, customer_id: str, note_id: UUID, *, before: int | None, limit: int
) -> list[Version]:
    """What a note said, the latest first, before a version."""
    rows = await connection.fetch(
        f"""select {_VERSION} from note_versions
            where customer_id = $1 and note_id = $2 and ($3::bigint is null or version < $3)
            order by version desc limit $4""",  # noqa: S608 - as above
        customer_id, note_id, before, limit,
    )  # fmt: skip
    return [Version(*row) for row in rows]


async def reminders(
    connection: Connection,
    *,
    due_before: datetime,
    author: str | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Note]:
    """Reminders of all customers that are not done and due before a moment, the longest due first."""
    due_at, note_id = after or (None, None)
    rows = await connection.fetch(
        f"""select {_COLUMNS} from notes
            where kind = 'reminder' and done_at is null and deleted_at is null and due_at < $1
              and ($2::timestamptz is null or (due_at, note_id) > ($2, $3::uuid)) and ($4::text is null or author = $4)
            order by due_at, note_id limit $5""",  # noqa: S608 - as above
        due_before, due_at, note_id, author, limit,
    )  # fmt: skip
    return [Note(*row) for row in rows]


async def erase(connection: Connection, customer_ids: Sequence[str], text: str) -> None:
    """Put `text` in the place of all that was ever written about a customer, given by all of its ids."""
    await connection.execute(
        """with earlier as (update note_versions set text = $2 where customer_id = any($1::text[]))
           update notes set text = $2 where customer_id = any($1::text[])""",
        customer_ids, text,
    )  # fmt: skip


def told(note: Note) -> dict[str, Any]:
    """What a note says, by field."""
    return {name: getattr(note, name) for name in ("kind", "text", "due_at", "done_at")}
