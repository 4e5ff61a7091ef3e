"""Bulk cancellations beside purchases, agents and other runners, and after a death: each ticket once."""

import asyncio
from typing import Any

import pytest

from services.tickets.bulk import store
from services.tickets.bulk.jobs import BulkRunner, cancel_chunk
from shared.contracts import TicketCancellationRequested
from shared.db import Connection
from tests.integration.tickets.test_bulk_cancellations import CONFIRMED, draw_path, progress, runner, settle, work_off
from tests.support.http import ApiClient
from tests.support.messaging import eventually
from tests.support.partition import Partition
from tests.support.tickets import debited, purchase, states

pytestmark = pytest.mark.requirement("T5", "T6")


@pytest.mark.requirement("T9")
@pytest.mark.parametrize("already_over", [False, True])
async def test_purchases_under_way_while_the_draw_is_cancelled_are_not_missed(
    partition: Partition, api: ApiClient, already_over: bool,  # noqa: FBT001 - pytest gives it by name
) -> None:  # fmt: skip
    await partition.deliver(purchase("c0", "o0", "t0"))
    path = await draw_path(api)
    if already_over:
        await api.post(f"{path}/cancellation", CONFIRMED, key="k")
        await work_off(partition)
    stop = asyncio.Event()
    working = asyncio.create_task(runner(partition).run(stop))
    purchases = [partition.deliver_beside(purchase(f"c{n}", f"o{n}", f"t{n}")) for n in range(1, 60)]
    cancelling = [] if already_over else [api.post(f"{path}/cancellation", CONFIRMED, key="k")]
    await asyncio.gather(*purchases[:30], *cancelling, *purchases[30:])
    await eventually(lambda: _all_are(partition, "cancelling"), seconds=20)
    stop.set()
    await working
    requested = [event["ticket_id"] for event in await partition.published(TicketCancellationRequested)]
    assert sorted(requested) == sorted(f"t{n}" for n in range(60))


@pytest.mark.requirement("T9")
async def test_a_draw_is_not_cancelled_past_a_purchase_that_is_about_to_commit(
    partition: Partition, api: ApiClient
) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"))
    path = await draw_path(api)
    async with partition.unit_of_work.begin() as in_the_way:
        await in_the_way.connection.execute("lock table outbox in share mode")
        bought = asyncio.create_task(partition.deliver_beside(purchase("c2", "o2", "t2")))
        await eventually(lambda: _is_waited_for(partition, "relation"))
        cancelled = asyncio.create_task(api.post(f"{path}/cancellation", CONFIRMED, key="k"))
        await eventually(lambda: _is_waited_for(partition, "advisory"))
    await bought
    assert (await cancelled).status == 202
    await work_off(partition)
    assert await states(partition) == {"t1": "cancelling", "t2": "cancelling"}


@pytest.mark.requirement("T9")
async def test_a_draw_is_cancelled_beside_who_records_its_tickets_without_a_deadlock(
    partition: Partition, api: ApiClient
) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"))
    path = await draw_path(api)
    async with partition.unit_of_work.begin() as recording:
        await store.go_on(recording.connection, set())
        cancelling = asyncio.create_task(api.post(f"{path}/cancellation", CONFIRMED, key="k"))
        await eventually(lambda: _is_waited_for(partition, "advisory"))
        # As for the next purchase of the batch, which names the draw.
        await recording.connection.execute(
            """insert into draws (lottery, draw_number, closes_at, draw_at, origin)
               select lottery, draw_number, now(), now(), 'event' from draws on conflict do nothing"""
        )
    assert (await cancelling).status == 202


async def _is_waited_for(partition: Partition, kind: str) -> bool:
    return bool(
        await partition.fetch(
            """select 1 from pg_locks where not granted and locktype = $1
               and database = (select oid from pg_database where datname = current_database())""",
            kind,
        )
    )


async def _all_are(partition: Partition, state: str) -> bool:
    return set((await states(partition)).values()) == {state}


@pytest.mark.requirement("T9")
async def test_two_runners_do_not_both_lay_down_what_came_late(
    partition: Partition, api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"))
    started = await api.post(f"{await draw_path(api)}/cancellation", CONFIRMED, key="k")
    await work_off(partition)
    await partition.deliver(purchase("c2", "o2", "t2"))
    has_chunks, other = store.has_chunks, runner(partition)

    async def and_the_other_looks(connection: Connection, bulk_id: str) -> bool:
        monkeypatch.setattr(store, "has_chunks", has_chunks)
        found = await has_chunks(connection, bulk_id)
        await other.step()
        return found

    monkeypatch.setattr(store, "has_chunks", and_the_other_looks)
    await work_off(partition)
    shown = await progress(api, started.body["bulk"]["bulk_id"])
    assert (shown["total"], shown["accepted"], shown["refused"]) == (2, 2, {})


async def test_a_piece_that_is_done_during_the_look_does_not_count_as_refunded(
    partition: Partition, api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "CHUNK_TICKETS", 1)
    await partition.deliver(purchase("c1", "o1", "t1", "t2"))
    started = await api.post("/v1/bulk-cancellations", {"order_id": "o1"} | CONFIRMED, key="k")
    bulk_id = started.body["bulk_id"]
    first = runner(partition)
    while not await partition.fetch("select 1 from cancellations"):
        await first.step()

    async def look() -> None:
        async with partition.unit_of_work.begin() as transaction:
            await store.look(transaction.connection, bulk_id)

    async with partition.unit_of_work.begin() as other:
        await other.connection.execute("lock table bulk_chunks in access exclusive mode")
        looking = asyncio.create_task(look())
        await eventually(lambda: _is_waited_for(partition, "relation"))
        (job,) = await store.running(other.connection)
        chunk = await store.take_chunk(other.connection, bulk_id)
        assert chunk is not None
        await cancel_chunk(other, job, chunk)
    await looking
    shown = await progress(api, bulk_id)
    assert (shown["accepted"], shown["refunded"], shown["refused_by_accounts"]) == (2, 0, 0)


async def test_several_runners_cancel_each_ticket_once_beside_agents(
    partition: Partition, api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "CHUNK_TICKETS", 7)
    tickets = [f"t{n:03}" for n in range(120)]
    await partition.deliver(*(purchase(f"c{n % 5}", f"o{n}", each) for n, each in enumerate(tickets)))
    started = await api.post(f"{await draw_path(api)}/cancellation", CONFIRMED, key="k")
    agents = [api.post(f"/v1/tickets/{each}/cancellation", CONFIRMED, key=each) for each in tickets[::10]]
    beside = asyncio.gather(settle_later(partition), *(work_off(partition) for _ in range(3)))
    answers = await asyncio.gather(*agents)
    await beside
    requested = [event["ticket_id"] for event in await partition.published(TicketCancellationRequested)]
    assert sorted(requested) == tickets
    shown = await progress(api, started.body["bulk"]["bulk_id"])
    by_agents = sum(answer.status == 202 for answer in answers)
    assert shown["accepted"] == len(tickets) - by_agents
    assert sum(shown["refused"].values()) == by_agents


async def test_a_runner_that_dies_half_way_is_gone_on_with(
    partition: Partition, api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await partition.deliver(*(purchase(f"c{n}", f"o{n}", f"t{n}") for n in range(9)))
    monkeypatch.setattr(store, "CHUNK_TICKETS", 3)
    await api.post(f"{await draw_path(api)}/cancellation", CONFIRMED, key="k")
    finish = store.finish_chunk
    calls = 0

    async def die_in_the_second(*args: Any, **kwargs: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise ConnectionResetError
        await finish(*args, **kwargs)

    monkeypatch.setattr(store, "finish_chunk", die_in_the_second)
    with pytest.raises(ConnectionResetError):
        await work_off(partition)
    assert sorted((await states(partition)).values()) == ["cancelling"] * 3 + ["purchased"] * 6
    await work_off(partition)
    assert set((await states(partition)).values()) == {"cancelling"}
    assert len(await partition.published(TicketCancellationRequested)) == 9


async def settle_later(partition: Partition) -> None:
    await partition.deliver(*(debited(f"c{n % 5}", f"o{n}") for n in range(0, 120, 3)))


@pytest.mark.requirement("T9")
async def test_accounts_is_asked_for_some_at_a_time_unless_it_does_not_answer(
    partition: Partition, api: ApiClient
) -> None:
    await partition.deliver(*(purchase(f"c{n}", f"o{n}", *(f"t{n}-{m}" for m in range(100))) for n in range(7)))
    bulk_id = (await api.post(f"{await draw_path(api)}/cancellation", CONFIRMED, key="k")).body["bulk"]["bulk_id"]
    bulk = BulkRunner(partition.unit_of_work, most_unanswered=150)

    async def accepted() -> int:
        while await bulk.step():
            pass
        return int((await progress(api, bulk_id))["accepted"])

    assert await accepted() == 200
    assert await accepted() == 200
    await settle(partition)
    assert await accepted() == 400
    await partition.fetch("update cancellations set requested_at = now() - interval '11 seconds' returning 1")
    assert await accepted() == 600
    stop = asyncio.Event()
    working = asyncio.create_task(bulk.run(stop))
    await settle(partition)
    await eventually(lambda: _none_is(partition, "purchased"))
    stop.set()
    await working


async def _none_is(partition: Partition, state: str) -> bool:
    return state not in (await states(partition)).values()
