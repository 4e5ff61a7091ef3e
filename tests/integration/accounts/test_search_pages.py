"""A page of the search form costs the same wherever in the alphabet it is."""

import pytest

from services.accounts.search.store import Place, walk_names
from shared.db import Connection
from tests.support.accounts import Accounts

pytestmark = pytest.mark.requirement("A2")


async def blocks_read(connection: Connection) -> int:
    """How many blocks of the index of names this session has looked at so far."""
    await connection.execute("select pg_stat_force_next_flush()")
    row = await connection.fetchrow(
        "select idx_blks_hit + idx_blks_read from pg_statio_user_tables where relname = 'customer_names'"
    )
    return int(row[0]) if row else 0


async def test_a_walk_begins_where_the_name_does(accounts: Accounts) -> None:
    async with accounts.unit_of_work.begin() as transaction:
        await transaction.connection.execute(
            """insert into customer_names (word, other, customer_id)
               select case n % 5 when 0 then 'smith' else 'a' || n end, 'x', 'c' || n
               from generate_series(1, 50000) n"""
        )
    async with accounts.database.read() as connection:
        await connection.execute("analyze customer_names")
        for after in (Place("", "", ""), Place("smith", "x", "c30000")):
            before = await blocks_read(connection)
            await walk_names(connection, "smith", "", after=after, limit=25)
            assert await blocks_read(connection) - before < 20
