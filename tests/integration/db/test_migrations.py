"""Migrations against the real database: once, in order, and never changed afterwards."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from shared.db import MigrationError, MigrationSource, migrate
from tests.support.stack import Infra


async def test_each_file_is_applied_once_by_one_of_many_processes(infra: Infra, tmp_path: Path) -> None:
    (tmp_path / "0001_one.sql").write_text("create table one (n integer); insert into one values (1);")
    (tmp_path / "0002_two.sql").write_text("insert into one values (2);")
    url, sources = await infra.create_database("migrations"), [MigrationSource("test", tmp_path)]
    applied = await asyncio.gather(*(migrate(url, sources) for _ in range(4)))
    assert sorted(name for names in applied for name in names) == ["test/0001_one.sql", "test/0002_two.sql"]
    assert await _rows(url) == [1, 2]
    (tmp_path / "0003_three.sql").write_text("insert into one values (3);")
    assert await migrate(url, sources) == ["test/0003_three.sql"]
    assert await _rows(url) == [1, 2, 3]


async def test_a_failing_file_leaves_nothing_behind(infra: Infra, tmp_path: Path) -> None:
    (tmp_path / "0001_one.sql").write_text("create table one (n integer); insert into one values (1);")
    (tmp_path / "0002_bad.sql").write_text("insert into one values (2); insert into nowhere values (3);")
    url = await infra.create_database("migrations")
    with pytest.raises(MigrationError, match=r"0002_bad\.sql.*nowhere"):
        await migrate(url, [MigrationSource("test", tmp_path)])
    assert await _rows(url) == [1]


async def test_an_applied_file_must_not_change(infra: Infra, tmp_path: Path) -> None:
    file = tmp_path / "0001_one.sql"
    file.write_text("create table one (n integer);")
    url = await infra.create_database("migrations")
    await migrate(url, [MigrationSource("test", tmp_path)])
    file.write_text("create table one (n bigint);")
    with pytest.raises(MigrationError, match="was changed"):
        await migrate(url, [MigrationSource("test", tmp_path)])


async def test_a_file_without_a_number_is_refused(infra: Infra, tmp_path: Path) -> None:
    (tmp_path / "first.sql").write_text("select 1;")
    with pytest.raises(MigrationError, match=r"first\.sql"):
        await migrate(await infra.create_database("migrations"), [MigrationSource("test", tmp_path)])


async def _rows(url: str) -> list[int]:
    connection = await asyncpg.connect(url)
    try:
        return [row[0] for row in await connection.fetch("select n from one order by n")]
    finally:
        await connection.close()


async def test_a_database_that_is_away_or_shut_is_named(infra: Infra) -> None:
    url = await infra.create_database("migrations")
    for wrong in ("postgresql://a:hunter2@127.0.0.1:1/x", url.rpartition("/")[0] + "/nowhere", f"{url}?sslmode=loud"):
        with pytest.raises(MigrationError, match=r"^the database cannot be reached: .+") as caught:
            await migrate(wrong, [])
        assert "hunter2" not in str(caught.value)
