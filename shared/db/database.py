"""The connection pool of a service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Self

import asyncpg
import orjson

if TYPE_CHECKING:
    # asyncpg's classes take a type parameter in the stubs only
    Connection = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
else:
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool

SESSION_SETTINGS = {
    "timezone": "UTC",
    # A paused process that holds row locks must not stop the one that took over from it.
    "idle_in_transaction_session_timeout": "5s",
    "lock_timeout": "10s",
    "statement_timeout": "30s",
    # Statements here are look-ups by key, and a session keeps its plans: one made while a table was empty would
    # read all of it, each time, when it has grown.
    "enable_seqscan": "off",
    "jit": "off",
}


# How long anybody waits for a connection.
_PATIENCE_SECONDS = 10.0
# How long a server has to part from us.
_PARTING_SECONDS = 1.0
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


# asyncpg's own way from a datetime to microseconds takes as long as ten other values. In a batch few moments occur
# often: the time of the booking, the time of an order in each row that it leaves.
@lru_cache(maxsize=4096)
def _from_moment(moment: datetime) -> tuple[int]:
    return ((moment - _EPOCH) // _MICROSECOND,)


def _to_moment(value: tuple[int]) -> datetime:
    return _EPOCH + timedelta(0, 0, value[0])


async def prepare_session(connection: Connection) -> None:
    """Make jsonb columns Python values on this connection, and moments cheap."""
    await connection.set_type_codec(
        "timestamptz", schema="pg_catalog", format="tuple", encoder=_from_moment, decoder=_to_moment
    )
    await connection.set_type_codec(
        "jsonb",
        # Binary, so that rows with such a column can be copied in: a version number, then the text.
        encoder=lambda value: b"\x01" + orjson.dumps(value),
        decoder=lambda data: orjson.loads(data[1:]),
        schema="pg_catalog",
        format="binary",
    )


async def _keep_session(_: Connection) -> None:
    """Skip asyncpg's reset query: no code here changes a session, and the query costs a round trip."""


class Database:
    """A pool of connections to the one database that its service owns.

    Transactions belong to `shared.messaging.UnitOfWork`; `read` is for statements that change nothing.
    """

    def __init__(self, dsn: str, pool: Pool) -> None:
        self.dsn = dsn
        self._pool = pool
        self._slots = asyncio.Semaphore(pool.get_max_size())

    @classmethod
    async def connect(cls, dsn: str, *, application: str, max_size: int = 10) -> Self:
        """A pool that connects when it is first used, so that a service can start before its database."""
        pool = await asyncpg.create_pool(
            dsn,
            min_size=0,
            max_size=max_size,
            init=prepare_session,
            reset=_keep_session,
            server_settings=SESSION_SETTINGS | {"application_name": application},
            command_timeout=60,
        )
        return cls(dsn, pool)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """A connection for reading, each statement its own snapshot."""
        async with self._acquired() as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One transaction, committed when the block ends and rolled back when it raises."""
        try:
            async with self._acquired() as connection, connection.transaction():
                yield connection
        except asyncpg.ReadOnlySQLTransactionError:
            # A session may keep the mode in which it began: the next ones see whether the database takes writes again.
            await self._pool.expire_connections()
            raise

    @asynccontextmanager
    async def _acquired(self) -> AsyncIterator[Connection]:
        """A connection for whoever has waited longest: in asyncpg's own queue those who come in passing are first.

        Raises TimeoutError when none is to be had in time.
        """
        async with asyncio.timeout(_PATIENCE_SECONDS) as patience, self._slots, self._pool.acquire() as connection:
            patience.reschedule(None)
            yield connection

    async def ping(self) -> None:
        """Ask the server for an answer. Raises when there is none."""
        async with self.read() as connection:
            await connection.execute("select 1")

    async def close(self) -> None:
        """Close all connections, after those in use are given back; hang up when that takes longer than a second.

        A server that is cut off without a word would hold up the end of a process for minutes.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_PARTING_SECONDS):
                await self._pool.close()
