"""The servers that other tests rely on are real, durable and separate."""

from __future__ import annotations

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


async def test_a_prepared_database_is_copied_and_prepared_once(infra: Infra) -> None:
    prepared: list[str] = []

    async def prepare(url: str) -> None:
        prepared.append(url)
        connection = await asyncpg.connect(url)
        await connection.execute("create table made_once (id int)")
        await connection.close()

    urls = [await infra.create_database("prepared", prepare=prepare) for _ in range(3)]

    assert len(prepared) == 1
    assert len(set(urls)) == 3
    for url in urls:
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("select count(*) from made_once") == 0
        await connection.close()


def test_kafka_answers_and_prefixes_differ(infra: Infra) -> None:
    port = int(infra.bootstrap_servers.rpartition(":")[2])

    assert kafka_brokers(HOST, port) == 1
    assert infra.topic_prefix() != infra.topic_prefix()
