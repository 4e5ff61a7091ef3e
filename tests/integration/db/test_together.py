"""Statements that are sent as one do what they would do one by one, all of them or none."""

from __future__ import annotations

import asyncpg
import pytest

from shared.db import Connection, Statement, execute_together, insertion
from tests.support.stack import Infra


class _TooFewError(Exception):
    pass


def _at_least(least: int, seen: list[int]) -> Statement:
    def check(rows: int) -> None:
        seen.append(rows)
        if rows < least:
            raise _TooFewError

    return Statement("update things set amount = amount + $2 where name = $1", ["a", 5], check)


async def test_each_has_its_own_parameters_and_its_own_count(infra: Infra) -> None:
    connection = await _connection(infra)
    seen: list[int] = []
    new = insertion("things", {"name": "text", "amount": "bigint"}, [("c", 3), ("d", 4)])
    await execute_together(
        connection, [new, _at_least(1, seen), Statement("delete from things where name = $1", ["b"])]
    )
    rows = await connection.fetch("select name, amount from things order by name")
    assert [tuple(row) for row in rows] == [("a", 6), ("c", 3), ("d", 4)]
    assert seen == [1]
    await connection.close()


async def test_a_check_that_raises_is_the_error_of_all(infra: Infra) -> None:
    connection = await _connection(infra)
    with pytest.raises(_TooFewError):
        async with connection.transaction():
            await execute_together(connection, [Statement("delete from things", []), _at_least(2, [])])
    assert await connection.fetchval("select count(*) from things") == 2
    await connection.close()


async def test_nothing_to_do_is_no_statement(infra: Infra) -> None:
    connection = await _connection(infra)
    await execute_together(connection, [])
    await connection.close()


async def _connection(infra: Infra) -> Connection:
    connection = await asyncpg.connect(await infra.create_database("together"))
    await connection.execute("create table things (name text primary key, amount bigint not null)")
    await connection.execute("insert into things values ('a', 1), ('b', 2)")
    return connection
