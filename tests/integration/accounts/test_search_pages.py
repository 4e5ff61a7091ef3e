"""The search form looks at as much as it shows, wherever in the alphabet and among however many customers."""

import pytest

from services.accounts.search.domain import TypedNumber
from services.accounts.search.store import Details, Place, find_details, walk_names
from shared.db import Connection
from tests.support.accounts import Accounts
from tests.support.reads import rows_read

pytestmark = pytest.mark.requirement("A2")


async def blocks_read(connection: Connection, table: str = "customer_names") -> int:
    """How many blocks of the indexes of a table this session has looked at so far."""
    await connection.execute("select pg_stat_force_next_flush()")
    row = await connection.fetchrow(
        "select idx_blks_hit + idx_blks_read from pg_statio_user_tables where relname = $1", table
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


async def test_a_number_with_and_without_its_country_is_looked_up_by_both(accounts: Accounts) -> None:
    async with accounts.unit_of_work.begin() as transaction:
        await transaction.connection.execute(
            """insert into customers (customer_id, version, first_name, last_name, phone, phone_key, status, created_at,
                                      changed_at)
               select 'c' || n, 1, 'Ada', 'Novak', key, key, 'active', now(), now()
               from generate_series(1, 50000) n,
                    lateral (select case n when 777 then '+6114526' else '+' || 61400000000 + n end) k (key)"""
        )
    async with accounts.database.read() as connection:
        await connection.execute("analyze customers")
        before = await blocks_read(connection, "customers")
        found = await find_details(connection, Details(phone=TypedNumber("014526", "+6114526")), limit=25)
        assert [each.customer_id for each in found] == ["c777"]
        assert await blocks_read(connection, "customers") - before < 20


async def test_a_page_of_the_many_with_one_address_reads_that_page_alone(accounts: Accounts) -> None:
    async with accounts.unit_of_work.begin() as transaction:
        await transaction.connection.execute(
            """insert into customers (customer_id, version, first_name, last_name, email, email_key, status, created_at,
                                      changed_at)
               select 'c' || n, 1, 'Ada', 'Novak', key, key, 'active', now(), now()
               from generate_series(10000, 49999) n,
                    lateral (select case when n < 45000 then n || '@x.example'
                                         when n % 1000 = 1 then 'till+' || n || '@x.example'
                                         else 'till@x.example' end) k (key)"""
        )
        await transaction.connection.execute("analyze customers")
    async with accounts.unit_of_work.begin() as transaction:
        connection = transaction.connection
        for after, first in (("", 45000), ("c47000", 47001)):
            before = await rows_read(connection, "customers")
            found = await find_details(connection, Details(email="till@x.example"), after=after, limit=25)
            assert [each.customer_id for each in found] == [f"c{first + n}" for n in range(25)]
            assert await rows_read(connection, "customers") - before < 200
