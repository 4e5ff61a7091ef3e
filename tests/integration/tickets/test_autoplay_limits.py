"""The spending limit of an AutoPlay: for a calendar month, whatever is bought in it together."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.autoplays import PRICE, create, customer, purchases, runner, sell, settle_down, shift
from tests.support.http import ApiClient
from tests.support.partition import Partition
from tests.support.tickets import payment_refused

pytestmark = pytest.mark.requirement("T7")


async def test_what_is_spent_this_month_does_not_count_against_a_run_of_another(
    partition: Partition, api: ApiClient
) -> None:
    await partition.deliver(customer("c1"))
    await sell(partition, 12, 24 * 40)
    autoplay_id = (await create(api, spending_limit=2 * PRICE)).body["autoplay_id"]
    await settle_down(runner(partition))
    seen = (await api.get(f"/v1/autoplays/{autoplay_id}")).body
    assert (seen["spent_this_month"], seen["next_run"]["draw_number"]) == (2 * PRICE, 2)
    assert seen["next_run"]["exceeds_spending_limit"] is False


async def test_payments_that_are_tried_again_together_keep_to_the_limit(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(customer("c1"))
    await sell(partition, 20, 36)
    autoplay_id = (await create(api, spending_limit=3 * PRICE)).body["autoplay_id"]
    for number in (1, 2):
        await settle_down(runner(partition))
        order = (await purchases(partition))[-1]
        assert order.tickets[0].draw_number == number
        await partition.deliver(order, payment_refused("c1", order.purchase_id, at=datetime.now(UTC)))
        await shift(partition, "draws", "closes_at", timedelta(hours=-13 if number == 1 else 0))
    await shift(partition, "autoplay_runs", "next_attempt_at", timedelta(days=-1))
    await settle_down(runner(partition))
    runs = (await api.get(f"/v1/autoplays/{autoplay_id}/runs")).body["items"]
    assert sorted((run["status"], run["code"]) for run in runs) == [("failed", "spending_limit"), ("pending", None)]
    assert (await api.get(f"/v1/autoplays/{autoplay_id}")).body["spent_this_month"] == 2 * PRICE
