"""How much PostgreSQL reads: what must not grow with history is told by that, not by time."""

from shared.db import Connection


async def rows_read(connection: Connection, *tables: str) -> int:
    """How many rows of these tables this transaction has read so far, by their indexes or one after the other."""
    return int(
        await connection.fetchval(
            """select sum(coalesce(idx_tup_fetch, 0) + seq_tup_read) from pg_stat_xact_user_tables
               where schemaname = current_schema and relname = any($1::text[])""",
            tables,
        )
    )
