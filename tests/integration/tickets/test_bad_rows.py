"""A row that a background job cannot do, and nobody foresaw: the others are done, and it is once it can be."""

import asyncio
from datetime import timedelta

import pytest

from services.tickets.bulk.jobs import BulkRunner
from services.tickets.settlement.jobs import OverduePayments
from tests.support.autoplays import create, open_shop, purchases, runner, settle_down, shift
from tests.support.bad_rows import heal, poison
from tests.support.http import ApiClient
from tests.support.partition import Partition
from tests.support.tickets import debited, payment_refused, purchase, states

CONFIRMED = {"reason": "The machine broke", "confirm": True}


@pytest.mark.requirement("T3")
async def test_overdue_payments(partition: Partition) -> None:
    await partition.deliver(*(purchase(f"c{n}", f"o{n}", f"t{n}") for n in range(30)))
    await poison(partition.unit_of_work, "tickets", "ticket_id", ["t0", "t17"])
    job = OverduePayments(partition.unit_of_work, timeout=timedelta(0), batch_size=10)
    while await job.sweep():
        pass
    left = {ticket for ticket, state in (await states(partition)).items() if state == "purchased"}
    assert left == {"t0", "t17"}
    await heal(partition.unit_of_work, "tickets")
    assert await OverduePayments(partition.unit_of_work, timeout=timedelta(0)).sweep() == 2


@pytest.fixture
async def shop(partition: Partition) -> Partition:
    """Known customers, and a lottery with one draw that is due and one that is not."""
    return await open_shop(partition, 5, 12, 36)


async def _bought(shop: Partition, number: int) -> set[str]:
    return {
        order.tickets[0].autoplay_id or "" for order in await purchases(shop) if order.tickets[0].draw_number == number
    }


async def _check_that_the_healed_catch_up(shop: Partition, created: list[str]) -> None:
    await heal(shop.unit_of_work, "autoplay_runs")
    # A runner that knows nothing of what was set aside.
    await settle_down(runner(shop))
    assert await _bought(shop, 2) == set(created)


@pytest.mark.requirement("T7")
async def test_autoplays_that_meet_a_draw(shop: Partition, api: ApiClient) -> None:
    created = [(await create(api, f"c{n % 5 + 1}", key=f"k{n}")).body["autoplay_id"] for n in range(12)]
    await poison(shop.unit_of_work, "autoplay_runs", "autoplay_id", [created[0], created[7]])
    healthy = set(created) - {created[0], created[7]}
    small = runner(shop, batch_size=5)
    # As they begin to run, and on the walk of the next draw.
    await settle_down(small)
    assert await _bought(shop, 1) == healthy
    await shift(shop, "draws", "closes_at", timedelta(hours=-13))
    await settle_down(small)
    assert await _bought(shop, 2) == healthy
    await _check_that_the_healed_catch_up(shop, created)


@pytest.mark.requirement("T7")
async def test_a_walk_without_anything_to_recheck(shop: Partition, api: ApiClient) -> None:
    created = [(await create(api, f"c{n % 5 + 1}", key=f"k{n}")).body["autoplay_id"] for n in range(12)]
    small = runner(shop, batch_size=5)
    await settle_down(small)
    await poison(shop.unit_of_work, "autoplay_runs", "autoplay_id", [created[4]])
    await shift(shop, "draws", "closes_at", timedelta(hours=-13))
    await settle_down(small)
    assert await _bought(shop, 2) == set(created) - {created[4]}
    await _check_that_the_healed_catch_up(shop, created)


@pytest.mark.requirement("T7")
async def test_refused_payments_to_try_again(shop: Partition, api: ApiClient) -> None:
    created = [(await create(api, f"c{n + 1}", key=f"k{n}")).body["autoplay_id"] for n in range(5)]
    await settle_down(runner(shop))
    orders = await purchases(shop)
    await shop.deliver(*orders, *(payment_refused(order.customer.id, order.purchase_id) for order in orders))
    await poison(shop.unit_of_work, "autoplay_runs", "autoplay_id", [created[2]])
    async with shop.unit_of_work.begin() as transaction:
        await transaction.connection.execute("alter table autoplay_runs disable trigger poisoned")
        await transaction.connection.execute("update autoplay_runs set next_attempt_at = now()")
        await transaction.connection.execute("alter table autoplay_runs enable trigger poisoned")
    await settle_down(runner(shop))
    again = [order.tickets[0].autoplay_id for order in (await purchases(shop))[len(orders) :]]
    assert set(again) == set(created) - {created[2]}
    assert len(again) == 4


@pytest.mark.requirement("T5")
async def test_a_ticket_of_a_bulk_cancellation_is_refused_and_a_job_that_fails_waits(
    partition: Partition, api: ApiClient
) -> None:
    await partition.deliver(purchase("c1", "o1", *(f"t{n}" for n in range(9))), purchase("c2", "o2", "x1"))
    await partition.deliver(debited("c1", "o1"), debited("c2", "o2"))
    await poison(partition.unit_of_work, "tickets", "ticket_id", ["t4"])
    first, second = [
        (await api.post("/v1/bulk-cancellations", {"order_id": order} | CONFIRMED, key=order)).body["bulk_id"]
        for order in ("o1", "o2")
    ]
    await poison(partition.unit_of_work, "bulk_chunks", "bulk_id", [second])
    runner_ = BulkRunner(partition.unit_of_work)
    while await runner_.step():
        pass
    shown = (await api.get(f"/v1/bulk-cancellations/{first}")).body
    assert (shown["done"], shown["accepted"], shown["refused"]) == (9, 8, {"cancellation_failed": 1})
    (refusal,) = (await api.get(f"/v1/bulk-cancellations/{first}/refusals")).body["items"]
    assert (refusal["ticket_id"], refusal["code"]) == ("t4", "cancellation_failed")
    found = await states(partition)
    assert {ticket for ticket, state in found.items() if state != "cancelling"} == {"t4", "x1"}
    await heal(partition.unit_of_work, "bulk_chunks")
    async with asyncio.timeout(10):
        while (await states(partition))["x1"] != "cancelling":
            await asyncio.sleep(0.05)
            await runner_.step()


@pytest.mark.requirement("T9")
async def test_a_ticket_of_a_cancelled_draw_that_fails_is_not_tried_again_and_again(
    partition: Partition, api: ApiClient
) -> None:
    await partition.deliver(purchase("c1", "o1", *(f"t{n}" for n in range(5))))
    await poison(partition.unit_of_work, "tickets", "ticket_id", ["t3"])
    lottery_id = (await api.get("/v1/lotteries")).body["items"][0]["lottery_id"]
    path = f"/v1/lotteries/{lottery_id}/draws/4521/cancellation"
    bulk_id = (await api.post(path, CONFIRMED, key="k")).body["bulk"]["bulk_id"]
    job = BulkRunner(partition.unit_of_work)
    async with asyncio.timeout(20):
        while await job.step():
            pass
    shown = (await api.get(f"/v1/bulk-cancellations/{bulk_id}")).body
    assert (shown["state"], shown["total"], shown["accepted"]) == ("settling", 5, 4)
    assert shown["refused"] == {"cancellation_failed": 1}
