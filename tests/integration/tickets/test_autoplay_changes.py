"""AutoPlays whose terms or circumstances change when draws of their lottery are closed, bought or due already."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.tickets.autoplay.schedule import WEEK
from shared.contracts import AutoplayNotRun
from tests.support.autoplays import (
    OFFER,
    create,
    customer,
    detail,
    purchases,
    runner,
    runs,
    sell,
    settle_down,
    shift,
)
from tests.support.http import ApiClient
from tests.support.partition import Partition
from tests.support.tickets import payment_refused

pytestmark = pytest.mark.requirement("T7")

A_DAY = timedelta(days=1)


async def bought(partition: Partition) -> list[int]:
    await settle_down(runner(partition))
    return [order.tickets[0].draw_number for order in await purchases(partition)]


async def change(api: ApiClient, autoplay_id: str, **changes: Any) -> dict[str, Any]:
    answer = await api.patch(f"/v1/autoplays/{autoplay_id}", changes, etag="*")
    assert answer.status == 200
    return dict(answer.body)


async def test_draws_closed_before_a_change_are_not_missed_by_the_new_terms(
    partition: Partition, api: ApiClient
) -> None:
    await partition.deliver(customer("c1"))
    await sell(partition, -20, -10, 12, 13)
    never = WEEK[(datetime.now(UTC) + 4 * A_DAY).weekday()]
    schedule = {"cadence": "weekdays", "weekdays": [never]}
    autoplay_id = (await create(api, schedule=schedule, time_zone="UTC")).body["autoplay_id"]
    await shift(partition, "autoplays", "running_since", -2 * A_DAY)
    assert await bought(partition) == []
    assert (await change(api, autoplay_id, schedule={"cadence": "every_draw"}))["next_run"]["draw_number"] == 3
    assert await bought(partition) == [3, 4]
    assert await runs(api, autoplay_id) == [(3, "pending", 1, None), (4, "pending", 1, None)]
    assert await partition.published(AutoplayNotRun) == []


async def test_every_nth_draw_counts_from_the_next_one_after_a_change(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(customer("c1"))
    await sell(partition, -20, -10, 12)
    autoplay_id = (await create(api)).body["autoplay_id"]
    await settle_down(runner(partition))
    await shift(partition, "autoplays", "running_since", -2 * A_DAY)
    await sell(partition, 13, 14, 15, 16, first=4)
    shown = await change(api, autoplay_id, schedule={"cadence": "every_nth", "every": 3})
    assert shown["next_run"]["draw_number"] == 4
    assert await bought(partition) == [3, 4, 7]


async def test_a_payment_is_tried_again_however_many_draws_come_before(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(customer("c1"))
    await sell(partition, 21, first=600)
    schedule = {"cadence": "every_nth", "every": 1000, "first_draw_number": 600}
    autoplay_id = (await create(api, schedule=schedule)).body["autoplay_id"]
    assert await bought(partition) == [600]
    order = (await purchases(partition))[0]
    await sell(partition, *(1 + number / 30 for number in range(599)))
    await partition.deliver(order, payment_refused("c1", order.purchase_id, at=datetime.now(UTC)))
    await shift(partition, "autoplay_runs", "next_attempt_at", -A_DAY)
    assert await runner(partition).retry() == 1
    assert await runs(api, autoplay_id) == [(600, "pending", 2, None)]


async def test_an_offer_is_found_among_very_many(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(customer("c1"))
    await sell(partition, 12)
    async with partition.unit_of_work.begin() as transaction:
        await transaction.connection.execute(
            """insert into offers (lottery, offer_id, label, price, currency, origin)
               select lottery, 'a-' || n, label, price, currency, origin from offers, generate_series(1, 1000) n"""
        )
    shown = (await create(api, offer_id=OFFER)).body
    assert shown["next_run"]["cost"] == 2000
    assert await bought(partition) == [1]


async def test_what_is_shown_as_next_is_bought_when_the_customer_moves_to_another_zone(
    partition: Partition, api: ApiClient
) -> None:
    await partition.deliver(customer("c1", time_zone="Pacific/Honolulu"))
    await sell(partition, 12)
    drawn_at = (await partition.fetch("select draw_at from draws"))[0][0]
    # It is that day in Kiritimati, a day ahead of Honolulu.
    day = WEEK[(drawn_at + timedelta(hours=14)).weekday()]
    autoplay_id = (await create(api, schedule={"cadence": "weekdays", "weekdays": [day]})).body["autoplay_id"]
    assert await bought(partition) == []
    await partition.deliver(customer("c1", 2, time_zone="Pacific/Kiritimati"))
    assert (await detail(api, autoplay_id))["next_run"]["draw_number"] == 1
    assert await bought(partition) == [1]
