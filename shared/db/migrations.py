"""Numbered SQL files, applied in order, each in a transaction of its own, by one process at a time."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from shared.db.database import Connection
from shared.db.faults import words_of

_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
_LOCK = int.from_bytes(hashlib.sha256(b"recourse migrations").digest()[:8], "big", signed=True)


class MigrationError(Exception):
    """The database cannot be reached, or a migration is wrongly named, was changed after it was applied, or failed."""


@dataclass(frozen=True, slots=True)
class MigrationSource:
    """A folder of migrations; each source is numbered for itself.

    `grants` says, of tables that are not the service's to change, what it may do with them: `select, insert`.
    """

    name: str
    folder: Path
    grants: Mapping[str, str] = field(default_factory=dict, hash=False)

    def files(self) -> list[Path]:
        """The migration files in order. Raises MigrationError for a name without a number."""
        found = sorted(self.folder.glob("*.sql"))
        for path in found:
            if not _NAME.match(path.name):
                raise MigrationError(f"{path}: a migration is named like 0001_what_it_does.sql")
        return found


async def migrate(dsn: str, sources: list[MigrationSource], *, role: str | None = None) -> list[str]:
    """Apply what is not applied yet and return the names of it. Safe to run by several processes at once.

    `role`, unless it is the owner as whom `dsn` connects, may afterwards do with the tables what a service does.
    """
    connection = await _connect(dsn)
    try:
        await connection.execute("set lock_timeout = '120s'")
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
        await connection.execute("set lock_timeout = '10s'")
        await connection.execute(
            """create table if not exists schema_migrations (
                   source text not null,
                   name text not null,
                   checksum text not null,
                   applied_at timestamptz not null default now(),
                   primary key (source, name))"""
        )
        applied = [name for source in sources for name in await _apply_source(connection, source)]
        if role is not None and role != await connection.fetchval("select current_user"):
            await _let_serve(connection, role, sources)
        return applied
    except asyncpg.PostgresError as error:
        raise MigrationError(f"the database refused: {error}") from error
    finally:
        await connection.close()


async def _connect(dsn: str) -> Connection:
    settings = {"lock_timeout": "10s", "application_name": "recourse-migrate"}
    try:
        return await asyncpg.connect(dsn, server_settings=settings)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise MigrationError(f"the database cannot be reached: {words_of(error)}") from error


async def _apply_source(connection: Connection, source: MigrationSource) -> list[str]:
    rows = await connection.fetch("select name, checksum from schema_migrations where source = $1", source.name)
    applied = {row["name"]: row["checksum"] for row in rows}
    names = []
    for path in source.files():
        sql = path.read_text(encoding="utf-8")
        checksum = hashlib.sha256(sql.encode()).hexdigest()
        if path.name not in applied:
            await _apply_file(connection, source, path.name, sql, checksum)
            names.append(f"{source.name}/{path.name}")
        elif applied[path.name] != checksum:
            raise MigrationError(f"{path} was changed after it was applied; add a new migration instead")
    return names


async def _apply_file(connection: Connection, source: MigrationSource, name: str, sql: str, checksum: str) -> None:
    try:
        async with connection.transaction():
            await connection.execute(sql)
            await connection.execute(
                "insert into schema_migrations (source, name, checksum) values ($1, $2, $3)",
                source.name,
                name,
                checksum,
            )
    except asyncpg.PostgresError as error:
        raise MigrationError(f"{source.name}/{name}: {error}") from error


async def _let_serve(connection: Connection, role: str, sources: list[MigrationSource]) -> None:
    """Let `role` read and write rows, of some tables in fewer ways; it owns nothing and changes no table."""
    quoted = await connection.fetchval("select quote_ident($1)", role)
    fewer = {"schema_migrations": "select"}.items() | {pair for each in sources for pair in each.grants.items()}
    async with connection.transaction():
        await connection.execute(f"grant usage on schema public to {quoted}")
        await connection.execute(f"grant select, insert, update, delete on all tables in schema public to {quoted}")
        for table, privileges in sorted(fewer):
            await connection.execute(f"revoke all on {table} from {quoted}")
            await connection.execute(f"grant {privileges} on {table} to {quoted}")
