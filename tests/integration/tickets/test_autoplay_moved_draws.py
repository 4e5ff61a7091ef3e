"""Draws that are moved or cancelled when AutoPlays have met them already: who plays them is decided anew."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.tickets.autoplay.schedule import WEEK
from tests.support.autoplays import create, customer, purchases, runner, sell, settle_down
from tests.support.http import ApiClient
from tests.support.partition import Partition

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


async def test_a_monthly_schedule_plays_the_next_when_the_first_is_cancelled(
    partition: Partition, api: ApiClient, draws: str
) -> None:
    day = (datetime.now(UTC) + timedelta(hours=13)).day
    schedule: dict[str, Any] = {"cadence": "monthly", "day_of_month": day}
    await create(api, schedule=schedule, time_zone="UTC")
    assert await bought(partition) == [1]
    await api.post(f"{draws}/1/cancellation", {"reason": "The machine broke", "confirm": True}, key="draw")
    assert await bought(partition) == [1, 2]
