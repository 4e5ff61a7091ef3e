"""Few rows and many rows end up in the table alike."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg
import pytest

from shared.db import Connection, insert_rows
from tests.support.stack import Infra

COLUMNS = {"name": "text", "amount": "bigint", "at": "timestamptz"}


@pytest.mark.parametrize("count", [0, 1, 49, 50, 400])
async def test_rows_are_inserted_in_their_order(infra: Infra, count: int) -> None:
    connection = await _connection(infra)
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    rows = [(None if n % 7 == 0 else f"größe {n}, {{\"'\\", n, moment) for n in range(count)]
    await insert_rows(connection, "things", COLUMNS, rows)
    stored = await connection.fetch("select name, amount, at, extra from things order by id")
    assert [tuple(row) for row in stored] == [(*row, "default") for row in rows]
    await connection.close()


@pytest.mark.parametrize("count", [2, 100])
async def test_a_violation_fails_the_insert(infra: Infra, count: int) -> None:
    connection = await _connection(infra)
    rows = [("same", n % (count - 1), datetime.now(UTC)) for n in range(count)]
    with pytest.raises(asyncpg.UniqueViolationError):
        await insert_rows(connection, "things", COLUMNS, rows)
    assert await connection.fetchval("select count(*) from things") == 0
    await connection.close()


async def _connection(infra: Infra) -> Connection:
    connection = await asyncpg.connect(await infra.create_database("rows"))
    await connection.execute(
        """create table things (id bigint generated always as identity, name text, amount bigint unique,
                                at timestamptz, extra text default 'default')"""
    )
    return connection
