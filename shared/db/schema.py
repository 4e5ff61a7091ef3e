"""Whether the database has the tables that this version of the service needs."""

import asyncio
from collections.abc import Sequence

import asyncpg

from shared.db.database import Database
from shared.db.migrations import MigrationSource
from shared.telemetry.logging import get_logger

log = get_logger(__name__)


class SchemaBehindError(Exception):
    """Migrations that this version needs were not applied; `missing` are their names."""

    def __init__(self, missing: Sequence[str]) -> None:
        super().__init__(f"{len(missing)} migrations are not applied, the first of them {missing[0]}: run migrate")
        self.missing = list(missing)


class Schema:
    """The migrations of `sources` in a database. One that has more belongs to a newer version, and serves as well."""

    def __init__(self, database: Database, sources: Sequence[MigrationSource]) -> None:
        self._database = database
        self._needed = [(source.name, path.name) for source in sources for path in source.files()]
        self._looking = asyncio.Lock()
        self._is_complete = False
        self._was_told = False

    async def check(self) -> None:
        """Return if all are applied; once they were, the database is not asked again.

        Raises:
            SchemaBehindError: some are not.
        """
        # All parts of a service ask when it starts: one looks for them.
        async with self._looking:
            if not self._is_complete:
                await self._look()
                self._is_complete = True

    async def _look(self) -> None:
        applied = await self._applied()
        missing = [f"{source}/{name}" for source, name in self._needed if (source, name) not in applied]
        if missing:
            self._tell(missing)
            raise SchemaBehindError(missing)

    def _tell(self, missing: Sequence[str]) -> None:
        if not self._was_told:
            log.error("the database is not migrated", missing=missing)
            self._was_told = True

    async def _applied(self) -> set[tuple[str, str]]:
        try:
            async with self._database.read() as connection:
                rows = await connection.fetch("select source, name from schema_migrations")
        except asyncpg.UndefinedTableError:
            return set()
        return {(row[0], row[1]) for row in rows}
