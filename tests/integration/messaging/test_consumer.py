"""The consumer against the real broker and database: each event once, in order per customer."""

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from shared.contracts import PointsAwarded, PointsClawedBack
from shared.messaging import Batch, Handler, Publication
from shared.messaging.progress import forget_old_events
from shared.messaging.records import Decoded, Record
from tests.support.messaging import Probe, eventually, points, running_probe, write_effects
from tests.support.reads import rows_read
from tests.support.stack import Infra

CUSTOMERS = [f"c{n}" for n in range(20)]


async def test_each_event_takes_effect_once_and_in_order_per_customer(probe: Probe) -> None:
    events = [points(customer, n, clawed_back=n % 3 == 0) for n in range(60) for customer in CUSTOMERS]
    probe.consumer()
    await probe.publish(events)
    await eventually(lambda: _reached(probe, len(events)))
    for customer in CUSTOMERS:
        assert await probe.effects(customer) == [f"{n:06d}" for n in range(60)]


async def test_a_producers_own_duplicates_are_dropped(probe: Probe) -> None:
    events = [points("c1", n) for n in range(30)]
    ids = [f"id-{n}" for n in range(30)]
    probe.consumer()
    await probe.publish(events + events, ids + ids)
    await probe.publish(events, ids)
    await probe.publish([points("c1", 99)], ["last"])
    await eventually(lambda: _reached(probe, 31))
    assert await probe.effects("c1") == [f"{n:06d}" for n in range(30)] + ["000099"]


async def test_after_a_restart_it_goes_on_where_it_stopped(probe: Probe) -> None:
    for n in range(3):
        probe.consumer(batch_size=7)
        await probe.publish([points("c1", n * 10 + i) for i in range(10)], [f"{n}-{i}" for i in range(10)])
        await eventually(lambda n=n: _reached(probe, (n + 1) * 10))  # type: ignore[misc]
        await probe.stop_consumers()
    assert await probe.effects("c1") == [f"{n:06d}" for n in range(30)]


async def test_two_replicas_share_the_partitions_and_lose_nothing_when_one_leaves(probe: Probe) -> None:
    first, second = probe.consumer(), probe.consumer()
    for n in range(10):
        await probe.publish([points(c, n) for c in CUSTOMERS], [f"{c}-{n}" for c in CUSTOMERS])
        if n == 5:
            second.stop()
    await eventually(lambda: _reached(probe, 200))
    assert first.processor.consumer == second.processor.consumer
    for customer in CUSTOMERS:
        assert await probe.effects(customer) == [f"{n:06d}" for n in range(10)]


async def test_a_database_that_goes_away_is_waited_out(probe: Probe) -> None:
    probe.consumer()
    await probe.publish([points("c1", 1)], ["a"])
    await eventually(lambda: _reached(probe, 1))
    for n in range(5):
        await probe.publish([points("c1", 2 + n)], [f"b{n}"])
        await _kill_connections(probe)
    await eventually(lambda: _reached(probe, 6))
    assert await probe.effects("c1") == [f"{n:06d}" for n in range(1, 7)]


async def test_an_event_waits_for_its_cause_and_is_applied_with_it(probe: Probe) -> None:
    async def wait_for_award(batch: Batch[PointsClawedBack]) -> None:
        known = {row[0] for row in await batch.connection.fetch("select customer_id from effects")}
        for event in batch.events:
            if event.key not in known:
                batch.wait(event, f"customer:{event.key}")
        await write_effects(Batch(batch.transaction, [event for event in batch.events if event.key in known]))

    async def award(batch: Batch[PointsAwarded]) -> None:
        await write_effects(batch)
        batch.arrived(*(f"customer:{event.key}" for event in batch.events))

    probe.consumer([Handler(PointsAwarded, award), Handler(PointsClawedBack, wait_for_award)])
    await probe.publish([points("early", 1, clawed_back=True), points("early", 2, clawed_back=True)])
    await eventually(lambda: _count_is(probe, "waiting_events", 2))
    await probe.publish([points("early", 3)], ["cause"])
    await eventually(lambda: _reached(probe, 3))
    assert await probe.effects("early") == ["000003", "000001", "000002"]
    assert await probe.count("waiting_events") == 0


async def test_an_event_whose_cause_never_comes_is_handed_over_as_overdue(probe: Probe) -> None:
    async def wait_once(batch: Batch[PointsAwarded]) -> None:
        overdue = [event for event in batch.events if event.overdue]
        for event in batch.events:
            if not event.overdue:
                batch.wait(event, "never", timeout=timedelta(milliseconds=300))
        await write_effects(Batch(batch.transaction, overdue))

    probe.consumer([Handler(PointsAwarded, wait_once)])
    await probe.publish([points("late", 1)])
    await eventually(lambda: _reached(probe, 1))
    assert await probe.fetch("select entry_id, overdue from effects") == [("000001", True)]


async def test_of_a_backlog_no_more_is_in_memory_than_keeps_the_database_busy(infra: Infra) -> None:
    batch_size, under_way, most = 10, 0, 0

    async def slowly(batch: Batch[PointsAwarded]) -> None:
        nonlocal under_way, most
        under_way += len(batch.events)
        most = max(most, under_way)
        await batch.connection.execute("select pg_sleep(0.1)")
        await write_effects(batch)
        under_way -= len(batch.events)

    async with running_probe(infra, partitions=12) as probe:
        await probe.publish([points(f"c{n}", n) for n in range(400)])
        probe.consumer([Handler(PointsAwarded, slowly)], batch_size=batch_size)
        await eventually(lambda: _reached(probe, 400))
    # The last one begins while there is room for a record.
    assert batch_size < most < 3 * batch_size


async def test_of_large_records_few_are_in_memory(infra: Infra) -> None:
    held, may_go_on = 0, asyncio.Event()

    async def busy(batch: Batch[PointsAwarded]) -> None:
        await may_go_on.wait()
        await write_effects(batch)

    async with running_probe(infra, partitions=1) as probe:
        await probe.publisher.send([Publication("loyalty", None, (), random.randbytes(3_000_000))] * 6)
        await probe.publish([points("c1", 1)])
        await probe.publisher.send([Publication("loyalty", None, (), random.randbytes(3_000_000))] * 6)
        consumer = probe.consumer([Handler(PointsAwarded, busy)])
        decode = consumer.processor.decode

        def noted(records: Sequence[Record]) -> list[Decoded]:
            nonlocal held
            held = max(held, sum(len(record.value or b"") for record in records))
            return decode(records)

        consumer.processor.decode = noted  # type: ignore[method-assign]
        await asyncio.sleep(2)
        may_go_on.set()
        await eventually(lambda: _count_is(probe, "dead_letters", 12))
        assert held <= 4 * 3_000_000


async def test_progress_is_told_to_kafka_for_lag_tools(probe: Probe) -> None:
    consumer = probe.consumer()
    await probe.publish([points("c1", n) for n in range(5)])
    await eventually(lambda: _reached(probe, 5))
    await consumer.check()
    offsets = await probe.fetch("select sum(next_offset) from consumer_offsets")
    assert offsets == [(5,)]


async def _reached(probe: Probe, count: int) -> bool:
    return await probe.count("effects") >= count


async def _count_is(probe: Probe, table: str, count: int) -> bool:
    return await probe.count(table) == count


async def _kill_connections(probe: Probe) -> None:
    connection = await asyncpg.connect(probe.url)
    await connection.execute(
        """select pg_terminate_backend(pid) from pg_stat_activity
           where datname = current_database() and pid <> pg_backend_pid()"""
    )
    await connection.close()
    await asyncio.sleep(0)


async def test_old_events_are_forgotten_and_recent_ones_kept(probe: Probe) -> None:
    async with probe.unit_of_work.begin() as transaction:
        await transaction.connection.execute(
            """insert into inbox (consumer, source, event_id, received_at)
               select 'probe', 's', n::text, now() - make_interval(days => n) from generate_series(1, 60) n"""
        )
        assert await forget_old_events(transaction.connection, days=30, limit=20) == 20
        assert await forget_old_events(transaction.connection, days=30, limit=20) == 10
        assert await forget_old_events(transaction.connection, days=30, limit=20) == 0
    assert await probe.fetch("select count(*), max(event_id::int) from inbox") == [(30, 30)]


async def test_looking_for_old_events_reads_none_of_the_recent_ones(probe: Probe) -> None:
    async with probe.unit_of_work.begin() as transaction:
        # Among those that have gone, as where new rows fill the place of old ones.
        await transaction.connection.execute(
            """insert into inbox (consumer, source, event_id, received_at)
               select 'probe', 's', n::text, now() - make_interval(days => case n % 20 when 0 then 40 else 0 end)
               from generate_series(1, 20000) n"""
        )
        assert await forget_old_events(transaction.connection, days=30, limit=10000) == 1000
        await transaction.connection.execute("analyze inbox")
    async with probe.unit_of_work.begin() as transaction:
        before = await rows_read(transaction.connection, "inbox")
        assert await forget_old_events(transaction.connection, days=30, limit=20) == 0
        assert await rows_read(transaction.connection, "inbox") - before < 2_000
