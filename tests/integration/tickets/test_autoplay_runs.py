"""The runner of AutoPlays: each draw once, whatever happens to it."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from services.tickets.app import SERVICE
from services.tickets.autoplay import run_store
from shared.contracts import (
    AutoplayNotRun,
    AutoplayRan,
)
from tests.support.autoplays import (
    LOTTERY,
    OFFER,
    PRICE,
    act,
    create,
    customer,
    detail,
    events,
    open_shop,
    purchases,
    runner,
    runs,
    sell,
    settle_down,
    shift,
)
from tests.support.http import ApiClient, serving_operations
from tests.support.messaging import eventually
from tests.support.partition import Partition, partition_of
from tests.support.stack import Infra
from tests.support.tickets import debited

pytestmark = pytest.mark.requirement("T7")


@pytest.fixture
async def shop(partition: Partition) -> Partition:
    """Known customers, and a lottery with one draw that is due and two that are not."""
    return await open_shop(partition, 5, 12, 36, 60)


async def test_a_due_draw_is_bought_like_any_other_purchase(shop: Partition, api: ApiClient) -> None:
    autoplay_id = (await create(api)).body["autoplay_id"]
    await settle_down(runner(shop))
    (order,) = await purchases(shop)
    assert (order.customer.id, order.payment.method, order.payment.amount) == ("c1", "balance", 2 * PRICE)
    assert {(ticket.draw_number, ticket.offer_id, ticket.price) for ticket in order.tickets} == {(1, OFFER, PRICE)}
    assert await runs(api, autoplay_id) == [(1, "pending", 1, None)]
    # What the relay publishes comes back like anybody's purchase, and so does what accounts says of it.
    await shop.deliver(order, order, debited("c1", order.purchase_id), debited("c1", order.purchase_id))
    tickets = (await api.get("/v1/customers/c1/orders", autoplay_id=autoplay_id)).body["items"]
    assert [(each["status"], each["created_from_autoplay"]) for each in tickets] == [("paid", True)] * 2
    assert await runs(api, autoplay_id) == [(1, "paid", 1, None)]
    assert await events(api, autoplay_id) == ["created", "ran", "payment_confirmed"]
    seen = await detail(api, autoplay_id)
    assert (seen["status"], seen["spent_this_month"], seen["next_run"]["draw_number"]) == ("active", 2 * PRICE, 2)
    (ran,) = await shop.published(AutoplayRan)
    assert (ran["order_id"], ran["attempt"], ran["cost"]) == (order.purchase_id, 1, 2 * PRICE)
    await settle_down(runner(shop))
    assert len(await purchases(shop)) == 1


async def test_draws_that_become_due_later_find_every_autoplay(shop: Partition, api: ApiClient) -> None:
    created = [(await create(api, f"c{n % 5 + 1}", key=f"k{n}")).body["autoplay_id"] for n in range(12)]
    small = runner(shop, batch_size=5)
    await settle_down(small)
    assert len(await purchases(shop)) == 12
    await shift(shop, "draws", "closes_at", timedelta(hours=-13))
    await settle_down(small)
    bought = Counter((order.tickets[0].autoplay_id, order.tickets[0].draw_number) for order in await purchases(shop))
    assert bought == {(each, number): 1 for each in created for number in (1, 2)}


async def test_replicas_at_once_buy_each_draw_once(shop: Partition, api: ApiClient) -> None:
    created = [(await create(api, f"c{n % 5 + 1}", key=f"k{n}")).body["autoplay_id"] for n in range(30)]
    replicas = [runner(shop, batch_size=4) for _ in range(3)]
    await asyncio.gather(*(settle_down(each) for each in replicas))
    await shift(shop, "draws", "closes_at", timedelta(hours=-13))
    await asyncio.gather(*(settle_down(each) for each in replicas))
    await settle_down(*replicas)
    bought = Counter((order.tickets[0].autoplay_id, order.tickets[0].draw_number) for order in await purchases(shop))
    assert bought == {(each, number): 1 for each in created for number in (1, 2)}


async def test_a_runner_killed_before_its_commit_has_bought_nothing(
    shop: Partition, api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create(api)
    await settle_down(runner(shop))
    await shift(shop, "draws", "closes_at", timedelta(hours=-13))
    advance = run_store.advance_walk

    class KilledError(BaseException):
        pass

    async def die(*_: object, **__: object) -> None:
        raise KilledError

    monkeypatch.setattr(run_store, "advance_walk", die)
    with pytest.raises(KilledError):
        await runner(shop).walk()
    assert len(await purchases(shop)) == 1
    monkeypatch.setattr(run_store, "advance_walk", advance)
    await settle_down(runner(shop))
    assert [order.tickets[0].draw_number for order in await purchases(shop)] == [1, 2]


async def test_a_late_runner_buys_nothing_and_says_so(shop: Partition, api: ApiClient) -> None:
    autoplay_id = (await create(api)).body["autoplay_id"]
    # It slept until an hour after the first draw closed; of the second it is in time.
    await shift(shop, "autoplays", "running_since", timedelta(days=-2))
    await shift(shop, "draws", "closes_at", timedelta(hours=-13))
    await settle_down(runner(shop))
    assert [order.tickets[0].draw_number for order in await purchases(shop)] == [2]
    assert await runs(api, autoplay_id) == [(1, "missed", 0, "draw_closed"), (2, "pending", 1, None)]
    (missed,) = await shop.published(AutoplayNotRun)
    assert (missed["draw_number"], missed["code"]) == (1, "draw_closed")


async def test_draws_of_before_and_cancelled_ones_are_none_of_its_own(shop: Partition, api: ApiClient) -> None:
    await shift(shop, "draws", "closes_at", timedelta(hours=-13))
    async with shop.unit_of_work.begin() as transaction:
        await transaction.connection.execute(
            "update draws set outcome = 'cancelled', decided_at = now(), decided_by = 'x' where draw_number = 2"
        )
    autoplay_id = (await create(api)).body["autoplay_id"]
    await settle_down(runner(shop))
    assert await runs(api, autoplay_id) == []
    assert (await detail(api, autoplay_id))["next_run"]["draw_number"] == 3


async def test_a_paused_autoplay_buys_nothing_and_misses_nothing(shop: Partition, api: ApiClient) -> None:
    autoplay_id = (await create(api)).body["autoplay_id"]
    await act(api, autoplay_id, "pause", {})
    await settle_down(runner(shop))
    await shift(shop, "draws", "closes_at", timedelta(hours=-13))
    await settle_down(runner(shop))
    assert await runs(api, autoplay_id) == []
    await act(api, autoplay_id, "resumption", {})
    await settle_down(runner(shop))
    # The draw that all others have met already is found again; the one that closed meanwhile is not missed.
    assert await runs(api, autoplay_id) == [(2, "pending", 1, None)]


async def test_the_spending_limit_holds_for_the_calendar_month(shop: Partition, api: ApiClient) -> None:
    autoplay_id = (await create(api, spending_limit=3 * PRICE)).body["autoplay_id"]
    await settle_down(runner(shop))
    seen = await detail(api, autoplay_id)
    assert (seen["spent_this_month"], seen["next_run"]["exceeds_spending_limit"]) == (2 * PRICE, True)
    await shift(shop, "draws", "closes_at", timedelta(hours=-13))
    await settle_down(runner(shop))
    assert await runs(api, autoplay_id) == [(1, "pending", 1, None), (2, "missed", 0, "spending_limit")]
    # What was bought a month ago counts no more.
    await shift(shop, "autoplay_runs", "at", timedelta(days=-32))
    await shift(shop, "draws", "closes_at", timedelta(hours=-23))
    await settle_down(runner(shop))
    assert (await runs(api, autoplay_id))[-1] == (3, "pending", 1, None)


async def test_what_is_not_sold_or_not_allowed_is_not_bought(shop: Partition, api: ApiClient) -> None:
    first = (await create(api, "c1")).body["autoplay_id"]
    second = (await create(api, "c2")).body["autoplay_id"]
    await shop.deliver(customer("c2", 2, status="closed"))
    async with shop.unit_of_work.begin() as transaction:
        await transaction.connection.execute("update offers set active = false")
    await settle_down(runner(shop))
    assert await runs(api, first) == [(1, "missed", 0, "offer_unavailable")]
    assert await runs(api, second) == [(1, "missed", 0, "customer_not_active")]
    assert (await detail(api, first))["next_run"]["cost"] is None


async def test_nth_and_monthly_choose_their_draws(shop: Partition, api: ApiClient) -> None:
    await sell(shop, 84, 108, 132, first=4)
    nth = (await create(api, schedule={"cadence": "every_nth", "every": 2}, key="nth")).body["autoplay_id"]
    # A month begins on the day of the third draw: the first two are of the month before.
    ((third,),) = await shop.fetch("select draw_at from draws where draw_number = 3")
    schedule = {"cadence": "monthly", "day_of_month": third.day}
    monthly = (await create(api, schedule=schedule, time_zone="UTC", key="monthly")).body["autoplay_id"]
    never = (
        await create(api, schedule={"cadence": "every_nth", "every": 9, "first_draw_number": 99}, key="never")
    ).body["autoplay_id"]
    assert (await detail(api, nth))["next_run"]["draw_number"] == 1
    for _ in range(6):
        await settle_down(runner(shop))
        await shift(shop, "draws", "closes_at", timedelta(hours=-24))
    await settle_down(runner(shop))
    assert [run[0] for run in await runs(api, nth)] == [1, 3, 5]
    assert (await detail(api, nth))["schedule"]["first_draw_number"] == 1
    assert [run[0] for run in await runs(api, monthly)] == [1, 3]
    assert await runs(api, never) == []


async def test_the_service_runs_it_until_it_is_stopped(infra: Infra, tmp_path: Any) -> None:
    async with (
        partition_of(infra, SERVICE, autoplay_pause_seconds=0.05) as partition,
        serving_operations(partition.parts.operations, tmp_path) as api,
    ):
        await partition.deliver(customer("c1"))
        await sell(partition, 12)
        stop = asyncio.Event()
        running = [asyncio.ensure_future(job(stop)) for job in partition.parts.jobs]
        await create(api)

        async def bought() -> bool:
            return len(await purchases(partition)) == 1

        await eventually(bought, seconds=30)
        stop.set()
        await asyncio.wait_for(asyncio.gather(*running), 10)


async def test_lotteries_do_not_mix(shop: Partition, api: ApiClient) -> None:
    await sell(shop, 12, lottery="Car Draw", first=70)
    await create(api, key="a")
    await create(api, key="b", lottery="Car Draw")
    await settle_down(runner(shop))
    bought = {(order.tickets[0].lottery, order.tickets[0].draw_number) for order in await purchases(shop)}
    assert bought == {(LOTTERY, 1), ("Car Draw", 70)}
