"""The relay against the real broker and database: everything committed is published, in order per customer."""

import asyncio
from datetime import UTC, datetime

import pytest

from shared.db import Connection
from shared.ids import uuid7
from shared.messaging.outbox import OutboxRow, read_outbox
from tests.support.messaging import Probe, eventually, lock_customers, points


async def test_what_is_committed_is_published_once_and_in_order(probe: Probe) -> None:
    probe.consumer()
    async with probe.relay():
        await asyncio.gather(*(_write(probe, writer) for writer in range(8)))
        await eventually(lambda: _effects(probe, 400))
    assert await probe.count("outbox") == 0
    for customer in range(4):
        published = await probe.effects(f"c{customer}")
        committed = await probe.fetch(
            "select entry_id from committed where customer_id = $1 order by n", f"c{customer}"
        )
        assert published == [row[0] for row in committed]


async def test_what_is_rolled_back_is_not_published(probe: Probe) -> None:
    probe.consumer()
    async with probe.relay():
        with pytest.raises(ZeroDivisionError):
            await _publish_and_fail(probe)
        async with probe.unit_of_work.begin() as transaction:
            transaction.publish(points("c1", 2))
        await eventually(lambda: _effects(probe, 1))
    assert await probe.effects("c1") == ["000002"]


async def test_one_of_several_relays_publishes_and_another_takes_over(probe: Probe) -> None:
    probe.consumer()
    async with probe.relay():
        async with probe.relay() as second:
            async with probe.unit_of_work.begin() as transaction:
                transaction.publish(points("c1", 1))
            await eventually(lambda: _effects(probe, 1))
            second.stop()
        await eventually(lambda: _holders_are(probe, 1))
    async with probe.relay():
        async with probe.unit_of_work.begin() as transaction:
            transaction.publish(points("c1", 2))
        await eventually(lambda: _effects(probe, 2))


async def test_a_relay_that_dies_before_the_delete_publishes_again_without_effect(probe: Probe) -> None:
    probe.consumer()
    async with probe.unit_of_work.begin() as transaction:
        transaction.publish(points("c1", 1))
    rows = await probe.fetch("select * from outbox")
    async with probe.relay():
        await eventually(lambda: _effects(probe, 1))
        await eventually(lambda: _outbox_is_empty(probe))
    async with probe.unit_of_work.begin() as transaction:
        # The row as if its delete had never been committed.
        await _insert_again(transaction.connection, rows[0])
        transaction.publish(points("c1", 2))
    async with probe.relay():
        await eventually(lambda: _effects(probe, 2))
    assert await probe.effects("c1") == ["000001", "000002"]


async def test_it_survives_the_loss_of_its_session(probe: Probe) -> None:
    probe.consumer()
    async with probe.relay():
        for n in range(5):
            async with probe.unit_of_work.begin() as transaction:
                transaction.publish(points("c1", n))
            await probe.fetch(
                """select pg_terminate_backend(pid) from pg_stat_activity
                   where application_name like '%-relay' and datname = current_database()"""
            )
        await eventually(lambda: _effects(probe, 5))
    assert await probe.effects("c1") == [f"{n:06d}" for n in range(5)]


async def _publish_and_fail(probe: Probe) -> None:
    async with probe.unit_of_work.begin() as transaction:
        transaction.publish(points("c1", 1))
        raise ZeroDivisionError


async def _write(probe: Probe, writer: int) -> None:
    for number in range(50):
        customer = f"c{(writer + number) % 4}"
        async with probe.unit_of_work.begin() as transaction:
            await lock_customers(transaction.connection, [customer])
            event = points(customer, writer * 1000 + number)
            await transaction.connection.execute(
                "insert into committed (customer_id, entry_id) values ($1, $2)", customer, event.entry_id
            )
            transaction.publish(event)


async def _insert_again(connection: Connection, row: tuple[object, ...]) -> None:
    await connection.execute(
        "insert into outbox (id, aggregatetype, aggregateid, type, payload, occurred_at, traceparent, headers) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8)",
        *row[1:],
    )


async def _effects(probe: Probe, count: int) -> bool:
    return await probe.count("effects") >= count


async def _outbox_is_empty(probe: Probe) -> bool:
    return await probe.count("outbox") == 0


async def _holders_are(probe: Probe, count: int) -> bool:
    rows = await probe.fetch(
        "select count(*) from pg_locks where locktype = 'advisory' and granted and database = "
        "(select oid from pg_database where datname = current_database())"
    )
    return rows == [(count,)]


async def test_it_pauses_after_each_batch_however_much_is_committed(probe: Probe) -> None:
    """A few rows cost as much as many, so that what is committed meanwhile is published together."""
    probe.consumer()
    await _note_batches(probe)
    pace, number = 0.4, 0
    async with probe.relay(pace_seconds=pace, poll_seconds=600):
        while await probe.count("batches") < 4:
            number += 1
            await _publish(probe, number)
    gaps = await probe.fetch("select extract(epoch from at - lag(at) over (order by n))::float from batches order by n")
    # The last ones are those of its stop.
    assert min(row[0] for row in gaps[1:4]) > pace * 0.9
    sizes = [row[0] for row in await probe.fetch("select size from batches order by n")]
    assert sum(sizes) == number > len(sizes)
    await eventually(lambda: _effects(probe, number))
    assert await probe.effects("c1") == [f"{each:06d}" for each in range(1, number + 1)]


async def test_the_first_row_after_a_rest_is_published_at_once(probe: Probe) -> None:
    """It is woken by the commit: neither the pause between two looks nor the next poll is waited for."""
    probe.consumer()
    async with probe.relay(pace_seconds=0.01, poll_seconds=600):
        await _publish(probe, 1)
        await eventually(lambda: _effects(probe, 1))
        await eventually(lambda: _outbox_is_empty(probe))
        await _publish(probe, 2)
        await eventually(lambda: _effects(probe, 2), seconds=20)


async def test_a_relay_that_pauses_stops_at_once_and_leaves_nothing_behind(probe: Probe) -> None:
    probe.consumer()
    async with probe.relay(pace_seconds=600, poll_seconds=600) as relay:
        await _publish(probe, 1)
        await eventually(lambda: _effects(probe, 1))
        # Committed in the pause, which lasts: what is there when it is stopped is still published.
        await _publish(probe, 2)
        relay.stop()
    assert await probe.count("outbox") == 0
    await eventually(lambda: _effects(probe, 2))


async def _publish(probe: Probe, number: int) -> None:
    async with probe.unit_of_work.begin() as transaction:
        transaction.publish(points("c1", number))


async def _note_batches(probe: Probe) -> None:
    """Keep how many rows each delete takes out of the outbox: those that were published together."""
    async with probe.unit_of_work.begin() as transaction:
        await transaction.connection.execute(
            """create table batches (n bigint generated always as identity, size bigint,
                   at timestamptz default clock_timestamp());
               create function note_batch() returns trigger language plpgsql as
                   'begin insert into batches (size) select count(*) from gone having count(*) > 0; return null; end';
               create trigger note_batch after delete on outbox referencing old table as gone
                   for each statement execute function note_batch()"""
        )


async def test_of_large_rows_few_are_read_at_a_time(probe: Probe) -> None:
    values = [b"x" * 6_000_000] * 4 + [None]
    async with probe.unit_of_work.begin() as transaction:
        at = datetime.now(UTC)
        transaction.outbox += [OutboxRow(uuid7(), "loyalty", "c1", "t", value, at, None) for value in values]
    async with probe.database.read() as connection:
        first = await read_outbox(connection, under_way=[], limit=1000)
        rest = await read_outbox(connection, under_way=[row.sequence for row in first], limit=1000)
    assert [row.row.payload for row in first] == values[:3]
    assert [row.row.payload for row in rest] == values[3:]
