"""Bad days of the surroundings: a read-only database, a long lock, a clock set back, more partitions than before."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from shared import ids
from shared.db import Connection, Database
from shared.messaging import EventPublisher, unit_of_work
from shared.messaging.follow import follow
from shared.messaging.records import Decoded
from shared.telemetry.metrics import REGISTRY
from tests.support.messaging import SOURCE, Probe, eventually, lock_customers, points


async def _all_applied(probe: Probe, customer: str, numbers: Sequence[int]) -> bool:
    return await probe.effects(customer) == [f"{n:06d}" for n in numbers]


async def _until_applied(probe: Probe, customer: str, numbers: Sequence[int], *, seconds: float = 30) -> None:
    await eventually(lambda: _all_applied(probe, customer, numbers), seconds=seconds)


def _retries() -> float:
    return REGISTRY.get_sample_value("recourse_batch_retries_total", {"topic": "loyalty"}) or 0.0


@asynccontextmanager
async def _read_only(probe: Probe) -> AsyncIterator[None]:
    """All sessions of the database that begin now may only read; those that are open end."""
    name = probe.url.rpartition("/")[2].partition("?")[0]
    connection = await asyncpg.connect(probe.url)
    try:
        await connection.execute(f'alter database "{name}" set default_transaction_read_only = on')
        await connection.execute(
            """select pg_terminate_backend(pid) from pg_stat_activity
               where datname = current_database() and pid <> pg_backend_pid()"""
        )
        yield
    finally:
        await connection.execute("set default_transaction_read_only = off")
        await connection.execute(f'alter database "{name}" reset default_transaction_read_only')
        await connection.close()


async def test_a_read_only_database_is_waited_out_without_help(probe: Probe) -> None:
    probe.consumer()
    async with probe.relay():
        await probe.publish([points("c1", 1)], ["e1"])
        await _until_applied(probe, "c1", [1])
        async with _read_only(probe):
            before = _retries()
            await probe.publish([points("c1", n) for n in range(2, 20)], [f"e{n}" for n in range(2, 20)])
            await eventually(lambda: _retried(before, 3))
            assert await probe.effects("c1") == ["000001"]
            with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
                await _commit(probe, [points("c1", 20)])
        await _until_applied(probe, "c1", range(1, 20))
        await _commit(probe, [points("c1", 20)])
        await _until_applied(probe, "c1", range(1, 21))


async def test_sessions_that_began_read_only_are_not_used_again(probe: Probe) -> None:
    database = await Database.connect(probe.url, application="lone", max_size=1)
    async with _read_only(probe):
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await _write(database, 1)
    await _write(database, 2)
    await database.close()
    assert await probe.fetch("select customer_id from locks") == [("c2",)]


async def _write(database: Database, number: int) -> None:
    async with database.transaction() as connection:
        await lock_customers(connection, [f"c{number}"])


async def test_a_relay_does_not_publish_again_and_again_what_it_cannot_delete(probe: Probe) -> None:
    await _commit(probe, [points("c1", n) for n in range(10)])
    async with _read_only(probe), probe.relay():
        # Ten times as long as a relay takes to publish and fail to delete; on a connection that nothing has cut.
        waiting = await asyncpg.connect(probe.url)
        await waiting.execute("select pg_sleep(2)")
        await waiting.close()
    assert len(await _published(probe)) <= 10
    async with probe.relay():
        probe.consumer()
        await _until_applied(probe, "c1", range(10))


async def test_a_lock_held_for_longer_than_the_timeout_stops_its_partition_alone(probe: Probe) -> None:
    """The others of the partition wait, since its offset moves for all of them; everybody else flows."""
    customers = [f"c{n}" for n in range(12)]
    probe.consumer()
    await probe.publish([points(customer, 1) for customer in customers])
    for customer in customers:
        await _until_applied(probe, customer, [1])
    partitions = await _partitions(probe)
    beside = [name for name in customers if partitions[name] == partitions["c0"]]
    apart = [name for name in customers if partitions[name] != partitions["c0"]]
    assert apart

    holder = await asyncpg.connect(probe.url)
    async with holder.transaction():
        await lock_customers(holder, ["c0"])
        started, before = time.monotonic(), _retries()
        await probe.publish([points(customer, 2) for customer in customers], [f"second-{name}" for name in customers])
        for customer in apart:
            await _until_applied(probe, customer, [1, 2], seconds=5)
        # A shared batch gives up after a second, once for each of its partitions; by itself a partition waits for the
        # lock timeout of the sessions, 10 s, before it is tried again.
        shared = len(set(partitions.values()))
        await eventually(lambda: _retried(before, shared + 1), seconds=45)
        assert time.monotonic() - started > 9
        for customer in beside:
            assert await probe.effects(customer) == ["000001"]
        await probe.publish([points(customer, 3) for customer in apart], [f"third-{name}" for name in apart])
        for customer in apart:
            await _until_applied(probe, customer, [1, 2, 3], seconds=5)
    await holder.close()
    for customer in beside:
        await _until_applied(probe, customer, [1, 2])
    await probe.stop_consumers()


async def test_a_clock_set_back_by_an_hour_changes_no_order(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    probe.consumer()
    async with probe.relay():
        await _commit(probe, [points("c1", n) for n in range(20)])
        _set_clock_back(monkeypatch, timedelta(hours=1))
        await _commit(probe, [points("c1", n) for n in range(20, 40)])
        await probe.publish([points("c1", n) for n in range(100, 110)])
        await eventually(lambda: _count_is(probe, 50))
    applied = await probe.effects("c1")
    assert [entry for entry in applied if entry < "000100"] == [f"{n:06d}" for n in range(40)]
    assert [entry for entry in applied if entry >= "000100"] == [f"{n:06d}" for n in range(100, 110)]


def _set_clock_back(patch: pytest.MonkeyPatch, by: timedelta) -> None:
    now_ns = time.time_ns

    class Datetime(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) - by

    class Time:
        @staticmethod
        def time_ns() -> int:
            return now_ns() - round(by.total_seconds() * 1e9)

    patch.setattr(ids, "time", Time)
    patch.setattr(unit_of_work, "datetime", Datetime)
    assert unit_of_work.Transaction(cast("Connection", None)).began_at < datetime.now(UTC) - by / 2


async def test_a_topic_that_gains_partitions_is_read_to_the_end(probe: Probe) -> None:
    probe.consumer()
    customers = [f"c{n}" for n in range(40)]
    await probe.publish([points(customer, 1) for customer in customers])
    # Order per customer holds across the change when what was there is applied first.
    await eventually(lambda: _count_is(probe, len(customers)))
    await _grow(probe, 9)
    async with EventPublisher(probe.kafka, source=SOURCE) as fresh:
        probe.publisher = fresh
        for number in (2, 3):
            await probe.publish(
                [points(customer, number) for customer in customers], [f"{number}-of-{name}" for name in customers]
            )
        await eventually(lambda: _count_is(probe, 3 * len(customers)), seconds=60)
        assert len({item.record.partition for item in await _published(probe)}) > 3
        for customer in customers:
            assert await probe.effects(customer) == ["000001", "000002", "000003"]


async def _grow(probe: Probe, total: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=probe.kafka.bootstrap_servers)
    await admin.start()
    try:
        topic = probe.kafka.full_name("loyalty")
        response = await admin.create_partitions({topic: NewPartitions(total_count=total)})
        assert all(code == 0 for _topic, code, *_ in response.topic_errors), response

        async def grown() -> bool:
            (found,) = await admin.describe_topics([topic])
            return len(found["partitions"]) == total

        await eventually(grown)
    finally:
        await admin.close()


async def _partitions(probe: Probe) -> dict[str, int]:
    """The partition of each customer, where the topic has as many as it always had."""
    return {str(item.record.key, "utf-8"): item.record.partition for item in await _published(probe) if item.record.key}


async def _published(probe: Probe) -> list[Decoded]:
    return [item async for item in follow(probe.kafka, "loyalty", from_beginning=True, to_present=True)]


async def _commit(probe: Probe, events: Sequence[Any]) -> None:
    async with probe.unit_of_work.begin() as transaction:
        for event in events:
            transaction.publish(event)


async def _retried(before: float, times: int) -> bool:
    await asyncio.sleep(0)
    return _retries() - before >= times


async def _count_is(probe: Probe, count: int) -> bool:
    return await probe.count("effects") == count
