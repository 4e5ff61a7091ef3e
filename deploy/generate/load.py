"""Loading: several processes make portions and copy them in; indexes are built when all is there."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from datetime import datetime
from random import Random
from typing import Any
from uuid import UUID

import asyncpg

from deploy.generate import people
from deploy.generate.draws import LOTTERIES, draws_between
from deploy.generate.history import History
from deploy.generate.indexes import drop_indexes, restore_indexes
from deploy.generate.plan import Chunk, Plan
from deploy.generate.rows import COLUMNS, Rows, new_rows
from deploy.generate.tickets import CURRENCY
from deploy.local.errors import StackError
from shared.db.database import prepare_session

Progress = Callable[[int, int], None]
# Where the stores are, by the name of their service; those that are missing are not filled.
Urls = Mapping[str, str]

_SESSION = {"synchronous_commit": "off", "maintenance_work_mem": "256MB"}


def generate(plan: Plan, urls: Urls, progress: Progress) -> None:
    """Fill the stores, which must hold nothing of the kind yet. Raises `StackError` when they do."""
    asyncio.run(_each_store(urls, _require_empty))
    dropped = {service: asyncio.run(drop_indexes(url, _tables(service))) for service, url in urls.items()}
    try:
        chunks = list(plan.chunks())
        with _workers(urls) as pool:
            for done, future in enumerate(as_completed([pool.submit(_load, chunk) for chunk in chunks]), start=1):
                future.result()
                progress(done, len(chunks))
    finally:
        asyncio.run(_restore(urls, dropped))
    asyncio.run(_each_store(urls, _finish(plan)))


def make(chunk: Chunk) -> Rows:
    """The rows of a portion; equal portions have equal rows."""
    rng = Random(f"{chunk.plan.seed}/{chunk.first}")  # noqa: S311 - made-up data, the same every time
    rows, new_id = new_rows(), _ids(chunk.first)
    tickets_made = entries_made = 0
    for number, tickets_upto, entries_upto in chunk.quotas():
        customer = people.make(rng, number, chunk.plan.until)
        people.add(rows, customer)
        history = History(rng, rows, customer, new_id, chunk.plan.until, number)
        history.make(tickets_upto - tickets_made, entries_upto - entries_made)
        tickets_made = tickets_upto
        entries_made += len(history.ledger.entries)
    return rows


def _ids(first: int) -> Callable[[datetime], UUID]:
    """Version 7 UUIDs of moments: the number of the portion and a running one stand where chance would."""
    count = 0

    def new_id(moment: datetime) -> UUID:
        nonlocal count
        count += 1
        milliseconds = int(moment.timestamp() * 1000)
        return UUID(int=milliseconds << 80 | 0x7 << 76 | 0x2 << 62 | first << 32 | count)

    return new_id


@contextmanager
def _workers(urls: Urls) -> Iterator[ProcessPoolExecutor]:
    # One more than processors: while one waits for the store, another one works.
    count = (os.cpu_count() or 1) + 1
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context, initializer=_connect, initargs=(dict(urls),)) as pool:
        yield pool


class _Worker:
    """What a process of the pool keeps: its event loop and a connection to each store."""

    loop: asyncio.AbstractEventLoop
    connections: dict[str, asyncpg.Connection[asyncpg.Record]]


def _connect(urls: dict[str, str]) -> None:
    # Looking for cycles among millions of rows takes long: once for each portion, when its rows are gone, is enough.
    gc.disable()
    _Worker.loop = asyncio.new_event_loop()

    async def connect() -> None:
        _Worker.connections = {}
        for service, url in urls.items():
            _Worker.connections[service] = await asyncpg.connect(url, server_settings=_SESSION)
            await prepare_session(_Worker.connections[service])

    _Worker.loop.run_until_complete(connect())


def _load(chunk: Chunk) -> None:
    rows = make(chunk)

    async def load(service: str) -> None:
        connection = _Worker.connections[service]
        async with connection.transaction():
            for table in _tables(service):
                records, columns = rows[service, table], COLUMNS[service, table]
                await connection.copy_records_to_table(table, records=records, columns=columns, timeout=600)

    async def load_all() -> None:
        await asyncio.gather(*(load(service) for service in _Worker.connections))

    _Worker.loop.run_until_complete(load_all())
    rows.clear()
    gc.collect()


def _tables(service: str) -> list[str]:
    return [table for owner, table in COLUMNS if owner == service]


async def _each_store(urls: Urls, work: Callable[[str, Any], Any]) -> None:
    async def one(service: str, url: str) -> None:
        connection = await asyncpg.connect(url, server_settings=_SESSION)
        try:
            await work(service, connection)
        finally:
            await connection.close()

    await asyncio.gather(*(one(service, url) for service, url in urls.items()))


async def _require_empty(service: str, connection: Any) -> None:
    for table in _tables(service):
        if await connection.fetchval(f"select exists (select from {table})"):  # noqa: S608 - our own tables
            raise StackError(
                f"The table {table} of {service} is not empty: generated data goes into empty stores only; "
                "run `recourse clean` to forget what is there."
            )


async def _restore(urls: Urls, dropped: Mapping[str, Sequence[str]]) -> None:
    await asyncio.gather(*(restore_indexes(urls[service], statements) for service, statements in dropped.items()))


def _finish(plan: Plan) -> Callable[[str, Any], Any]:
    async def finish(service: str, connection: Any) -> None:
        if service == "accounts":
            await connection.execute("insert into name_words (word) select distinct word from customer_names")
            await connection.execute("vacuum (analyze) name_words")
        if service == "tickets":
            await _add_draws(connection, plan)
        for table in _tables(service):
            await connection.execute(f"vacuum (analyze) {table}", timeout=600)

    return finish


async def _add_draws(connection: Any, plan: Plan) -> None:
    # Customers came three years ago at most; their first draws may have been before the next new year.
    start = plan.until.replace(year=plan.until.year - 4)
    draws = [
        (lottery.name, draw.number, draw.closes_at, draw.draw_at, "event")
        for lottery in LOTTERIES
        for draw in draws_between(lottery, start, plan.until)
    ]
    offers = [(each.name, each.offer_id, each.offer_label, each.price, CURRENCY, "event") for each in LOTTERIES]
    await connection.executemany(
        "insert into lotteries (lottery, origin) values ($1, 'event') on conflict do nothing",
        [(each.name,) for each in LOTTERIES],
    )
    await connection.executemany(
        """insert into draws (lottery, draw_number, closes_at, draw_at, origin) values ($1, $2, $3, $4, $5)
           on conflict do nothing""",
        draws,
    )
    await connection.executemany(
        """insert into offers (lottery, offer_id, label, price, currency, origin) values ($1, $2, $3, $4, $5, $6)
           on conflict do nothing""",
        offers,
    )
