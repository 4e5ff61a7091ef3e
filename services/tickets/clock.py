"""The clock that counts in this service: the database's, which all replicas share."""

from datetime import datetime

from shared.db import Connection


async def database_time(connection: Connection) -> datetime:
    """The time now, also inside a transaction that began earlier."""
    now: datetime = await connection.fetchval("select clock_timestamp()")
    return now
