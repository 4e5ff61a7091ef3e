"""PostgreSQL for every service: the pool, what counts as a passing fault, migrations and shared commits."""

from shared.db.database import Connection, Database
from shared.db.faults import is_transient
from shared.db.group_commit import GroupCommit
from shared.db.migrations import MigrationError, MigrationSource, migrate

__all__ = ["Connection", "Database", "GroupCommit", "MigrationError", "MigrationSource", "is_transient", "migrate"]
