"""Draws that are moved or cancelled when AutoPlays have met them already: who plays them is decided anew."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.tickets.autoplay.schedule import WEEK
from services.tickets.customers.store import lock
from tests.support.autoplays import LOTTERY, act, create, customer, purchases, runner, sell, settle_down, shift
from tests.support.http import Answer, ApiClient
from tests.support.messaging import eventually
from tests.support.partition import Partition
from tests.support.tickets import payment_refused

pytestmark = pytest.mark.requirement("T7", "T9")


@pytest.fixture
async def draws(partition: Partition, api: ApiClient) -> str:
    """A known customer, and a lottery with two draws that are due; the path of its draws."""
    await partition.deliver(customer("c1"))
    await sell(partition, 12, 14)
    return f"/v1/lotteries/{(await api.get('/v1/lotteries')).body['items'][0]['lottery_id']}/draws"


async def bought(partition: Partition) -> list[int]:
    await settle_down(runner(partition))
    return [order.tickets[0].draw_number for order in await purchases(partition)]


async def test_a_draw_that_is_moved_to_a_day_of_the_schedule_is_bought(
    partition: Partition, api: ApiClient, draws: str
) -> None:
    later = datetime.now(UTC) + timedelta(hours=60)
    schedule = {"cadence": "weekdays", "weekdays": [WEEK[later.weekday()]]}
    await create(api, schedule=schedule, time_zone="UTC")
    assert await bought(partition) == []
    moved = await api.patch(f"{draws}/1", {"draw_at": later.isoformat()}, etag="*")
    assert moved.status == 200
    assert await bought(partition) == [1]
    await api.patch(f"{draws}/1", {"draw_at": (later + timedelta(minutes=1)).isoformat()}, etag="*")
    assert await bought(partition) == [1]


@pytest.mark.parametrize("paused", [False, True])
async def test_a_draw_that_closed_before_it_was_bought_is_bought_when_it_is_reopened(
    partition: Partition, api: ApiClient, draws: str, *, paused: bool
) -> None:
    autoplay_id = (await create(api)).body["autoplay_id"]
    await shift(partition, "autoplays", "running_since", timedelta(days=-2))
    await shift(partition, "draws", "closes_at", timedelta(hours=-13))
    assert await bought(partition) == [2]
    (missed,) = await runs(api, autoplay_id, 1)
    assert (missed["status"], missed["code"]) == ("missed", "draw_closed")
    if paused:
        assert (await act(api, autoplay_id, "pause", {"reason": "Holidays"})).status == 200
    draw_at = (await api.get(f"{draws}/1")).body["draw_at"]
    reopened = await api.patch(f"{draws}/1", {"closes_at": draw_at}, etag="*")
    assert reopened.status == 200
    if paused:
        assert await bought(partition) == [2]
        assert (await act(api, autoplay_id, "resumption", {})).status == 200
    else:
        assert (await api.get(f"/v1/autoplays/{autoplay_id}")).body["next_run"]["draw_number"] == 1
    assert await bought(partition) == [2, 1]
    (run,) = await runs(api, autoplay_id, 1)
    assert (run["status"], run["attempts"], run["code"]) == ("pending", 1, None)
    assert await bought(partition) == [2, 1]


async def runs(api: ApiClient, autoplay_id: str, number: int) -> list[dict[str, Any]]:
    items = (await api.get(f"/v1/autoplays/{autoplay_id}/runs")).body["items"]
    return [run for run in items if run["draw_number"] == number]


async def test_a_monthly_schedule_plays_the_next_when_the_first_is_cancelled(
    partition: Partition, api: ApiClient, draws: str
) -> None:
    day = (datetime.now(UTC) + timedelta(hours=13)).day
    schedule: dict[str, Any] = {"cadence": "monthly", "day_of_month": day}
    await create(api, schedule=schedule, time_zone="UTC")
    assert await bought(partition) == [1]
    await api.post(f"{draws}/1/cancellation", {"reason": "The machine broke", "confirm": True}, key="draw")
    assert await bought(partition) == [1, 2]


@pytest.mark.parametrize("skipped", [False, True])
async def test_a_monthly_schedule_plays_once_a_month_though_its_draw_is_moved_behind_the_next(
    partition: Partition, api: ApiClient, draws: str, *, skipped: bool
) -> None:
    day = (datetime.now(UTC) + timedelta(hours=13)).day
    schedule: dict[str, Any] = {"cadence": "monthly", "day_of_month": day}
    autoplay_id = (await create(api, schedule=schedule, time_zone="UTC")).body["autoplay_id"]
    if skipped:
        assert (await act(api, autoplay_id, "skips", {})).status == 200
    expected = [] if skipped else [1]
    assert await bought(partition) == expected
    later = (datetime.now(UTC) + timedelta(hours=20)).isoformat()
    assert (await api.patch(f"{draws}/1", {"closes_at": later, "draw_at": later}, etag="*")).status == 200
    assert (await api.get(f"/v1/autoplays/{autoplay_id}")).body["next_run"] is None
    assert await bought(partition) == expected
    await api.post(f"{draws}/1/cancellation", {"reason": "The machine broke", "confirm": True}, key="draw")
    assert await bought(partition) == [*expected, 2]


async def test_a_draw_that_is_reopened_while_the_runner_finds_it_closed_is_bought(
    partition: Partition, api: ApiClient, draws: str
) -> None:
    await create(api)
    assert await bought(partition) == [1, 2]
    await sell(partition, -1, first=3)
    await shift(partition, "autoplays", "running_since", timedelta(days=-2))
    async with partition.unit_of_work.begin() as in_the_way:
        await lock(in_the_way.connection, ["c1"])
        walking = asyncio.create_task(runner(partition).walk())
        await eventually(lambda: _are_waiting(partition, 1))
        draw_at = (datetime.now(UTC) + timedelta(hours=5)).isoformat()
        moving = asyncio.create_task(api.patch(f"{draws}/3", {"closes_at": draw_at, "draw_at": draw_at}, etag="*"))
        await eventually(lambda: _is_done_or_waits(partition, moving))
    await walking
    assert (await moving).status == 200
    assert await bought(partition) == [1, 2, 3]


async def test_a_draw_is_cancelled_beside_the_runner_and_a_purchase_of_it_without_a_deadlock(
    partition: Partition, api: ApiClient, draws: str
) -> None:
    await partition.deliver(customer("c2"))
    for customer_id in ("c1", "c2"):
        await create(api, customer_id)
    assert sorted(await bought(partition)) == [1, 1, 2, 2]
    await sell(partition, 5, first=3)
    by_one = runner(partition, batch_size=1)
    assert await by_one.walk() == 1
    async with partition.unit_of_work.begin() as purchase:
        await lock(purchase.connection, ["c2"])
        walking = asyncio.create_task(by_one.walk())
        await eventually(lambda: _are_waiting(partition, 1))
        cancelling = asyncio.create_task(
            api.post(f"{draws}/3/cancellation", {"reason": "No ball", "confirm": True}, key="k")
        )
        await eventually(lambda: _are_waiting(partition, 2))
        # As a purchase that names the draw does when it is recorded.
        await purchase.connection.execute(
            """insert into draws (lottery, draw_number, closes_at, draw_at, origin)
               values ($1, 3, now(), now(), 'event') on conflict do nothing""",
            LOTTERY,
        )
    assert await walking == 1
    assert (await cancelling).status == 202


async def _is_done_or_waits(partition: Partition, moving: asyncio.Task[Answer]) -> bool:
    return moving.done() or await _are_waiting(partition, 2)


async def _are_waiting(partition: Partition, sessions: int) -> bool:
    waiting = await partition.fetch(
        """select distinct pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"""
    )
    return len(waiting) >= sessions


async def test_a_payment_is_tried_again_as_long_as_the_draw_is_open_as_it_was_moved(
    partition: Partition, api: ApiClient, draws: str
) -> None:
    schedule = {"cadence": "every_nth", "every": 1000, "first_draw_number": 1}
    autoplay_id = (await create(api, schedule=schedule)).body["autoplay_id"]
    assert await bought(partition) == [1]
    later = (datetime.now(UTC) + timedelta(hours=60)).isoformat()
    assert (await api.patch(f"{draws}/1", {"closes_at": later, "draw_at": later}, etag="*")).status == 200
    for attempt in range(1, 4):
        order = (await purchases(partition))[-1]
        await partition.deliver(order, payment_refused("c1", order.purchase_id, at=datetime.now(UTC)))
        (run,) = await runs(api, autoplay_id, 1)
        assert (run["status"], run["attempts"], run["draw_at"]) == ("retrying", attempt, later.replace("+00:00", "Z"))
        await shift(partition, "autoplay_runs", "next_attempt_at", timedelta(days=-1))
        assert await bought(partition) == [1] * (attempt + 1)
