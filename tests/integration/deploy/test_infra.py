"""The servers that other tests rely on are real, durable and separate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from deploy.local.ports import HOST
from deploy.local.readiness import kafka_brokers
from tests.support.stack import Infra


async def test_databases_are_separate_durable_and_owned_by_an_ordinary_role(infra: Infra) -> None:
    first = await asyncpg.connect(await infra.create_database("Accounts store"))
    second = await asyncpg.connect(await infra.create_database("Accounts store"))
    try:
        await first.execute("create table only_here (id int)")
        assert await second.fetchval("select to_regclass('only_here')") is None
        assert not await first.fetchval("select rolsuper from pg_roles where rolname = current_user")
        assert await first.fetchval("show fsync") == "on"
        assert await first.fetchval("show synchronous_commit") == "on"
        assert await first.fetchval("show server_encoding") == "UTF8"
        await first.execute("create extension pg_trgm")
    finally:
        await first.close()
        await second.close()


async def test_a_prepared_database_is_prepared_once_and_new_for_each(infra: Infra) -> None:
    prepared: list[str] = []
    numbers: list[int] = []

    async def prepare(url: str) -> None:
        prepared.append(url)
        async with _connected(url) as connection:
            await connection.execute(
                """create table made_once (id int generated always as identity primary key, is_seed boolean not null);
                   create table "Of it" (id int references made_once);
                   insert into made_once (is_seed) values (true)"""
            )

    async def use(url: str) -> None:
        async with _connected(url) as connection:
            assert await connection.fetch("select id, is_seed from made_once") == [(1, True)]
            assert await connection.fetchval('select count(*) from "Of it"') == 0
            await connection.execute("update made_once set is_seed = false")
            numbers.append(await connection.fetchval("insert into made_once (is_seed) values (false) returning id"))
            await connection.execute('insert into "Of it" values (2)')

    urls = []
    for _ in range(3):
        async with (
            infra.prepared_database("prepared", prepare) as first,
            infra.prepared_database("prepared", prepare) as second,
        ):
            urls += [first, second]
            await use(first)
            await use(second)

    assert len(prepared) == 1
    assert len(set(urls)) == 2
    assert numbers == [2] * 6


async def test_a_database_whose_tables_were_changed_is_not_used_again(infra: Infra) -> None:
    async def prepare(url: str) -> None:
        async with _connected(url) as connection:
            await connection.execute("create table kept (id int check (id > 0)); create table bare (id int)")

    changes = (
        "drop table bare",
        "alter table kept drop constraint kept_id_check",
        "create function more() returns int return 1",
        "alter database {} set default_transaction_read_only = on",
    )
    urls = []
    for change in changes:
        async with infra.prepared_database("altered", prepare) as url, _connected(url) as connection:
            name = await connection.fetchval("select current_database()")
            await connection.execute(change.format(f'"{name}"'))
            urls.append(url)
    assert len(set(urls)) == len(changes)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


def test_kafka_answers_and_prefixes_differ(infra: Infra) -> None:
    port = int(infra.bootstrap_servers.rpartition(":")[2])

    assert kafka_brokers(HOST, port) == 1
    assert infra.topic_prefix() != infra.topic_prefix()
