"""Audit entries in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from shared.audit.entries import Actor, Change, Entry
from shared.db import Connection, Statement, execute_together
from shared.ids import uuid7
from shared.web import RequestContext

Who = RequestContext | Actor

_INSERT = """
    insert into audit_entries (id, at, actor, role, action, object_kind, object_id, customer_id, before, after,
                               personal_fields, reason, request_id)
    select id, at, actor, role, action, object_kind, object_id, customer_id, before::jsonb, after::jsonb,
           case personal when '' then '{}' else string_to_array(personal, ',') end, reason, request_id
      from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                  $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[])
        as given (id, at, actor, role, action, object_kind, object_id, customer_id, before, after, personal,
                  reason, request_id)
"""
_INSERT_PERSONAL = """
    insert into audit_personal (entry_id, customer_id, before, after)
    select id, customer_id, before::jsonb, after::jsonb
      from unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) as given (id, customer_id, before, after)
"""

# Of the personal values only those that were not erased are there.
_LIST = """
    select e.id, e.at, e.actor, e.role, e.action, e.object_kind, e.object_id, e.customer_id,
           e.before || coalesce(p.before, '{}') as before, e.after || coalesce(p.after, '{}') as after,
           e.personal_fields, e.reason, e.request_id
      from audit_entries e left join audit_personal p on p.entry_id = e.id
     where true
"""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entries: all where a field is None. `since` is included, `until` is not.

    `objects` are a kind and ids of it, any of which may be meant.
    """

    actor: str | None = None
    action: str | None = None
    objects: tuple[str, Sequence[str]] | None = None
    customer_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def record(connection: Connection, who: Who, change: Change) -> None:
    """Write one change down, in the transaction that makes it."""
    await record_all(connection, [(who, change)])


async def record_all(connection: Connection, changes: Sequence[tuple[Who, Change]]) -> None:
    """Write changes down, each with who made it, in one statement."""
    await execute_together(connection, recording(changes))


def recording(changes: Sequence[tuple[Who, Change]]) -> list[Statement]:
    """The statements that write changes down: none when there is no change."""
    if not changes:
        return []
    entries, personal = [], []
    for who, change in changes:
        entry, values = _rows(who, change)
        entries.append(entry)
        if values is not None:
            personal.append(values)
    statements = [Statement(_INSERT, list(zip(*entries, strict=True)))]
    if personal:
        statements.append(Statement(_INSERT_PERSONAL, list(zip(*personal, strict=True))))
    return statements


async def erase_personal(connection: Connection, customer_id: str) -> None:
    """Take the personal values of a customer out of all entries.

    The database refuses it unless the action `customers.erase` on the customer has been recorded before.
    """
    await connection.execute("delete from audit_personal where customer_id = $1", customer_id)


async def entries(connection: Connection, filters: Filters, *, before: UUID | None, limit: int) -> list[Entry]:
    """Entries, the newest first, older than the one with the id `before`."""
    kind, ids = filters.objects or (None, ())
    # One id is found in the order of the index; of several the entries are sorted.
    one_id, several_ids = (ids[0], None) if len(ids) == 1 else (None, ids or None)
    conditions: list[tuple[str, Any]] = [
        ("e.actor = ${}", filters.actor),
        ("e.action = ${}", filters.action),
        ("e.object_kind = ${}", kind),
        ("e.object_id = ${}", one_id),
        ("e.object_id = any(${}::text[])", several_ids),
        ("e.customer_id = ${}", filters.customer_id),
        ("e.id >= ${}", filters.since and _first_id(filters.since)),
        ("e.id < ${}", filters.until and _first_id(filters.until)),
        ("e.id < ${}", before),
    ]
    given = [(condition, value) for condition, value in conditions if value is not None]
    where = "".join(f" and {condition.format(number)}" for number, (condition, _) in enumerate(given, start=1))
    rows = await connection.fetch(
        f"{_LIST}{where} order by e.id desc limit ${len(given) + 1}", *(value for _, value in given), limit
    )
    return [Entry(*row) for row in rows]


def _rows(who: Who, change: Change) -> tuple[tuple[Any, ...], tuple[Any, ...] | None]:
    """The row of the entry, and the row of its personal values if it has any."""
    actor = who if isinstance(who, Actor) else Actor.of(who)
    entry_id = uuid7()
    kind, _, object_id = change.object.partition(":")
    before, after = change.differing()
    personal = sorted(change.personal & (before.keys() | after.keys()))
    values = None
    if personal:
        apart = [_json({name: side.pop(name) for name in personal if name in side}) for side in (before, after)]
        values = (entry_id, change.customer_id, *apart)
    entry = (
        entry_id, _time_of(entry_id), actor.subject, actor.role, change.action, kind, object_id, change.customer_id,
        _json(before), _json(after), ",".join(personal), change.reason, actor.request_id,
    )  # fmt: skip
    return entry, values


def _json(value: dict[str, Any]) -> str:
    return orjson.dumps(value).decode() if value else "{}"


def _time_of(entry_id: UUID) -> datetime:
    return datetime.fromtimestamp((entry_id.int >> 80) / 1000, UTC)


def _first_id(moment: datetime) -> UUID:
    """Below the ids of this millisecond and later, above all earlier ones."""
    return UUID(int=max(0, -(-int(moment.timestamp() * 1_000_000) // 1000)) << 80)
