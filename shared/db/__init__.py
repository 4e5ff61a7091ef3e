"""PostgreSQL for every service: the pool, what counts as a passing fault, migrations and shared commits."""

from shared.db.arrays import array
from shared.db.database import Connection, Database
from shared.db.faults import is_transient, words_of
from shared.db.group_commit import GroupCommit
from shared.db.migrations import MigrationError, MigrationSource, migrate
from shared.db.rows import columns, insert_rows, insertion
from shared.db.schema import Schema, SchemaBehindError
from shared.db.together import Statement, execute_together

__all__ = [
    "Connection",
    "Database",
    "GroupCommit",
    "MigrationError",
    "MigrationSource",
    "Schema",
    "SchemaBehindError",
    "Statement",
    "array",
    "columns",
    "execute_together",
    "insert_rows",
    "insertion",
    "is_transient",
    "migrate",
    "words_of",
]
