"""Connections are given to whoever has waited longest."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

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


async def test_a_server_that_is_cut_off_does_not_hold_up_the_end(infra: Infra) -> None:
    cut = asyncio.Event()
    async with _cable(await infra.create_database(), cut) as dsn:
        database = await Database.connect(dsn, application="tests", max_size=2)
        await database.ping()
        cut.set()
        asking = asyncio.create_task(database.ping())
        await asyncio.wait([asking], timeout=0.2)
        asking.cancel()
        async with asyncio.timeout(5):
            await database.close()
            await asyncio.wait([asking])


@asynccontextmanager
async def _cable(dsn: str, cut: asyncio.Event) -> AsyncIterator[str]:
    """The same database at the end of a line that carries nothing any more, and does not break, once it is cut."""
    url = urlsplit(dsn)

    async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            if not cut.is_set():
                target.write(data)
        target.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(url.hostname, url.port)
        await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer), return_exceptions=True)

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    async with server:
        address = f"{url.netloc.rpartition('@')[0]}@127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield urlunsplit(url._replace(netloc=address))
