"""Databases for tests: copies of prepared ones, emptied and used again.

A copy writes ten megabytes twice, to the log and to its files; emptying a used one takes a tenth of that time. Its rows
come in the order in which they were written, as those of a new one do, as long as nothing vacuums it by itself.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, NamedTuple

import asyncpg

from deploy.local import postgres

_LONG = 1_000_000
Prepare = Callable[[str], Awaitable[None]]

_OURS = r"n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"
_TABLES = f"""
    select nspname, relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where relkind = 'r' and {_OURS}"""  # noqa: S608 - constants
# Each change of the schema makes a new version of a row here; what vacuum notes of a table does not.
_SCHEMA = f"""
    with ours as (select c.oid, c.xmin from pg_class c join pg_namespace n on n.oid = c.relnamespace where {_OURS}),
    versions as (
        select 'class', oid, 0, xmin from ours
        union all select 'attribute', attrelid, attnum, a.xmin from pg_attribute a join ours on ours.oid = attrelid
        union all select 'constraint', c.oid, 0, c.xmin from pg_constraint c join ours on ours.oid = conrelid
        union all select 'function', p.oid, 0, p.xmin from pg_proc p join pg_namespace n on n.oid = pronamespace
                  where {_OURS}
        union all select 'setting', setrole, 0, s.xmin from pg_db_role_setting s
                  join pg_database d on d.oid = setdatabase where datname = current_database())
    select concat(md5(string_agg(v::text, ',' order by v::text)), (
        select string_agg(concat_ws(' ', tgrelid::int8, tgname, tgenabled, tgfoid, tgtype), ',' order by t.oid)
        from pg_trigger t join ours on ours.oid = tgrelid where not tgisinternal))
    from versions v"""  # noqa: S608 - constants


class Table(NamedTuple):
    """The name of a table."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f'"{self.schema}"."{self.name}"'


@dataclass(frozen=True, slots=True)
class Pristine:
    """What a prepared database holds before its first use."""

    name: str
    schema: str
    rows: dict[Table, bytes]
    sequences: dict[str, int | None]


class Databases:
    """Makes databases that `role` owns, on the server of `admin_url`."""

    def __init__(self, admin_url: str, *, role: str, password: str) -> None:
        self._admin_url = admin_url
        self._role = role
        self._password = password
        self._pristine: dict[tuple[str, Prepare], Pristine] = {}
        self._used: dict[str, list[str]] = defaultdict(list)
        self._preparing = asyncio.Lock()

    async def create(self, name_hint: str) -> str:
        """A new, empty database; its URL."""
        return self._url(await self._create(name_hint, "template1"))

    @asynccontextmanager
    async def lent(self, name_hint: str, prepare: Prepare) -> AsyncIterator[str]:
        """The URL of a database as `prepare` left it, for the duration of the block."""
        pristine = await self._prepared(name_hint, prepare)
        used = self._used[pristine.name]
        name = None
        while used and name is None:
            candidate = used.pop()
            name = candidate if await self._restore(candidate, pristine) else None
        name = name or await self._create(name_hint, pristine.name)
        yield self._url(name)
        used.append(name)

    async def _prepared(self, name_hint: str, prepare: Prepare) -> Pristine:
        async with self._preparing:
            if (name_hint, prepare) not in self._pristine:
                name = await self._create(f"{name_hint}_template", "template1")
                await prepare(self._url(name))
                self._pristine[name_hint, prepare] = await self._look(name)
        return self._pristine[name_hint, prepare]

    async def _create(self, name_hint: str, template: str) -> str:
        name = f"{re.sub('[^a-z0-9_]', '_', name_hint.lower())[:40]}_{secrets.token_hex(4)}"
        connection = await asyncpg.connect(self._admin_url)
        try:
            await connection.execute(f'create database "{name}" owner "{self._role}" template "{template}"')
        finally:
            await connection.close()
        return name

    async def _look(self, name: str) -> Pristine:
        connection = await self._admin(name)
        try:
            rows = {table: await _saved(connection, table) for table in await _filled(connection)}
            return Pristine(name, await connection.fetchval(_SCHEMA), rows, await _sequences(connection))
        finally:
            await connection.close()

    async def _restore(self, name: str, pristine: Pristine) -> bool:
        """Make a used database what it was; False when its schema was changed."""
        connection = await self._admin(name)
        try:
            await _end_others(connection)
            if await connection.fetchval(_SCHEMA) != pristine.schema:
                return False
            await _empty(connection, pristine)
            await _shorten(connection)
        finally:
            await connection.close()
        return True

    async def _admin(self, name: str) -> Any:
        return await asyncpg.connect(self._admin_url.rpartition("/")[0] + f"/{name}")

    def _url(self, name: str) -> str:
        return postgres.url_for(self._admin_url, role=self._role, database=name, password=self._password)


async def _filled(connection: Any) -> list[Table]:
    """The tables that have rows."""
    tables = [Table(*row) for row in await connection.fetch(_TABLES)]
    if not tables:
        return []
    looks = [f"select {place} where exists (select from {table})" for place, table in enumerate(tables)]  # noqa: S608
    return [tables[row[0]] for row in await connection.fetch(" union all ".join(looks))]


async def _saved(connection: Any, table: Table) -> bytes:
    rows = BytesIO()
    await connection.copy_from_table(table.name, schema_name=table.schema, output=rows, format="binary")
    return rows.getvalue()


async def _guards(connection: Any) -> list[tuple[str, str]]:
    """Tables and their triggers that nothing but their own owner switches off."""
    rows = await connection.fetch("select tgrelid::regclass::text, tgname from pg_trigger where tgenabled = 'A'")
    return [(row[0], row[1]) for row in rows]


async def _sequences(connection: Any) -> dict[str, int | None]:
    """The last value of each sequence, None before its first."""
    rows = await connection.fetch("select format('%I.%I', schemaname, sequencename), last_value from pg_sequences")
    return {row[0]: row[1] for row in rows}


async def _end_others(connection: Any) -> None:
    # A closed session's backend may still be ending.
    await connection.execute(
        """select pg_terminate_backend(pid, 5000) from pg_stat_activity
           where datname = current_database() and pid <> pg_backend_pid()"""
    )


async def _shorten(connection: Any) -> None:
    """Give back the place of many rows that were deleted: a table without rows becomes a new one."""
    for row in await connection.fetch(f"{_TABLES} and pg_relation_size(c.oid) > $1", _LONG):
        await connection.execute(f"vacuum {Table(*row)}")


async def _empty(connection: Any, pristine: Pristine) -> None:
    async with connection.transaction():
        # Foreign keys and triggers rest, but for those that guard rows even from a superuser.
        await connection.execute("set local session_replication_role = replica; set local synchronous_commit = off")
        guards = await _guards(connection)
        for guarded, trigger in guards:
            await connection.execute(f'alter table {guarded} disable trigger "{trigger}"')
        for table in {*await _filled(connection), *pristine.rows}:
            await connection.execute(f"delete from {table}")  # noqa: S608 - a name from the catalogue
        for guarded, trigger in guards:
            await connection.execute(f'alter table {guarded} enable always trigger "{trigger}"')
        for table, rows in pristine.rows.items():
            source = BytesIO(rows)
            await connection.copy_to_table(table.name, schema_name=table.schema, source=source, format="binary")
        for sequence, last in (await _sequences(connection)).items():
            before = pristine.sequences[sequence]
            if last != before:
                is_called = before is not None
                await connection.execute("select setval($1::text::regclass, $2, $3)", sequence, before or 1, is_called)
