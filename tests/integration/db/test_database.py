"""Connections are given to whoever has waited longest."""

import asyncio

import pytest

from shared.db import Database
from tests.support.stack import Infra


async def test_nobody_is_passed_by_those_who_come_later(infra: Infra) -> None:
    database = await Database.connect(await infra.create_database("fair"), application="test", max_size=1)
    order: list[tuple[int, int]] = []

    async def ask(reader: int) -> None:
        for turn in range(3):
            async with database.read() as connection:
                await connection.fetchval("select 1")
                order.append((turn, reader))

    try:
        async with asyncio.TaskGroup() as readers:
            for reader in range(6):
                readers.create_task(ask(reader))
    finally:
        await database.close()
    assert order == sorted(order)


async def test_waiting_for_a_connection_ends(infra: Infra, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.db.database._PATIENCE_SECONDS", 0.2)
    database = await Database.connect(await infra.create_database("busy"), application="test", max_size=1)
    try:
        async with database.read():
            with pytest.raises(TimeoutError):
                await database.ping()
            # Who has a connection may keep it for longer than others wait for it.
            await asyncio.sleep(0.3)
        await database.ping()
    finally:
        await database.close()
