"""What accounts makes of the orders of AutoPlays: refused payments are tried again, and an end is made of it."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.tickets.app import SERVICE
from shared.contracts import AutoplayCancelled, AutoplayPaused, AutoplayPaymentFailed
from tests.support.autoplays import (
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
from tests.support.partition import Partition, partition_of
from tests.support.stack import Infra
from tests.support.tickets import debited, payment_refused, states

pytestmark = pytest.mark.requirement("T7")


@pytest.fixture
async def shop(partition: Partition) -> Partition:
    """A known customer, and a lottery with one draw that is due and two that are not."""
    return await open_shop(partition, 1, 12, 36, 60)


async def retry_now(partition: Partition) -> None:
    await shift(partition, "autoplay_runs", "next_attempt_at", timedelta(days=-1))
    await settle_down(runner(partition))


async def refuse_all(shop: Partition) -> None:
    """Refuse each attempt until nothing is tried again."""
    refused: set[str] = set()
    await settle_down(runner(shop))
    while fresh := [order for order in await purchases(shop) if order.purchase_id not in refused]:
        for order in fresh:
            await shop.deliver(order, payment_refused("c1", order.purchase_id, at=datetime.now(UTC)))
            refused.add(order.purchase_id)
        await retry_now(shop)


async def test_a_refused_payment_is_tried_again_after_it_is_settled(shop: Partition, api: ApiClient) -> None:
    autoplay_id = (await create(api)).body["autoplay_id"]
    await settle_down(runner(shop))
    (first,) = await purchases(shop)
    await shop.deliver(first)
    # Not settled yet: nothing may be bought again, however much time passes.
    await settle_down(runner(shop))
    assert await runs(api, autoplay_id) == [(1, "pending", 1, None)]
    await shop.deliver(payment_refused("c1", first.purchase_id), payment_refused("c1", first.purchase_id))
    assert await runs(api, autoplay_id) == [(1, "retrying", 1, "insufficient_balance")]
    assert (await detail(api, autoplay_id))["status"] == "retrying"
    await retry_now(shop)
    await retry_now(shop)
    _, second = await purchases(shop)
    # Nobody can have the refused ones paid as well.
    assert set((await states(shop)).values()) == {"cancelled"}
    assert second.purchase_id != first.purchase_id
    assert {ticket.id for ticket in first.tickets}.isdisjoint({ticket.id for ticket in second.tickets})
    # The refusal of the first attempt once more, under another event id: it is known.
    await shop.deliver(second, payment_refused("c1", first.purchase_id), debited("c1", second.purchase_id))
    assert await runs(api, autoplay_id) == [(1, "paid", 2, None)]
    seen = await detail(api, autoplay_id)
    assert (seen["status"], seen["spent_this_month"]) == ("active", 2 * PRICE)
    assert await events(api, autoplay_id) == [
        "created", "ran", "payment_refused", "ran", "payment_confirmed", "payments_settled",
    ]  # fmt: skip
    assert Counter((await states(shop)).values())["paid"] == 2
    (failed,) = await shop.published(AutoplayPaymentFailed)
    assert (failed["code"], failed["attempt"], "next_attempt_at" in failed) == ("insufficient_balance", 1, True)


async def test_after_the_last_refusal_it_waits_for_somebody(shop: Partition, api: ApiClient) -> None:
    autoplay_id = (await create(api)).body["autoplay_id"]
    # Retries after one and after four hours; the third would come when the draw has closed.
    await refuse_all(shop)
    assert await runs(api, autoplay_id) == [(1, "failed", 3, "insufficient_balance")]
    seen = await detail(api, autoplay_id)
    assert (seen["status"], seen["code"], seen["next_run"]) == ("payment_failed", "payment_failed", None)
    assert "does not cover" in seen["reason"]
    assert [each["code"] for each in await shop.published(AutoplayPaused)] == ["payment_failed"]
    assert "next_attempt_at" not in (await shop.published(AutoplayPaymentFailed))[-1]
    resumed = await act(api, autoplay_id, "resumption", {})
    assert (resumed.body["status"], resumed.body["next_run"]["draw_number"]) == ("active", 2)


async def test_it_may_be_set_to_end_for_good(infra: Infra, tmp_path: Any) -> None:
    settings: dict[str, Any] = {"autoplay_after_failure": "cancel", "autoplay_retry_minutes": "never"}
    async with (
        partition_of(infra, SERVICE, **settings) as partition,
        serving_operations(partition.parts.operations, tmp_path) as api,
    ):
        await partition.deliver(customer("c1"))
        await sell(partition, 12)
        autoplay_id = (await create(api)).body["autoplay_id"]
        await refuse_all(partition)
        seen = await detail(api, autoplay_id)
        assert (seen["status"], seen["code"]) == ("cancelled", "payment_failed")
        assert await runs(api, autoplay_id) == [(1, "failed", 1, "insufficient_balance")]
        assert [each["code"] for each in await partition.published(AutoplayCancelled)] == ["payment_failed"]
        assert await partition.published(AutoplayPaused) == []


async def test_a_retry_that_comes_too_late_is_missed(shop: Partition, api: ApiClient) -> None:
    autoplay_id = (await create(api)).body["autoplay_id"]
    await settle_down(runner(shop))
    (order,) = await purchases(shop)
    await shop.deliver(order, payment_refused("c1", order.purchase_id))
    await shift(shop, "draws", "closes_at", timedelta(hours=-13))
    await shift(shop, "autoplay_runs", "closes_at", timedelta(hours=-13))
    await retry_now(shop)
    assert (await runs(api, autoplay_id))[0] == (1, "missed", 1, "draw_closed")
    assert (await detail(api, autoplay_id))["status"] == "active"


async def test_a_cancelled_autoplay_tries_nothing_again(shop: Partition, api: ApiClient) -> None:
    autoplay_id = (await create(api)).body["autoplay_id"]
    await settle_down(runner(shop))
    (order,) = await purchases(shop)
    await shop.deliver(order, payment_refused("c1", order.purchase_id))
    await act(api, autoplay_id, "cancellation", {"reason": "Too expensive"})
    await retry_now(shop)
    assert await runs(api, autoplay_id) == [(1, "failed", 1, "autoplay_cancelled")]
    assert len(await purchases(shop)) == 1


async def test_what_was_paid_after_all_is_not_bought_again(shop: Partition, api: ApiClient) -> None:
    autoplay_id = (await create(api)).body["autoplay_id"]
    await settle_down(runner(shop))
    (order,) = await purchases(shop)
    await shop.deliver(order, payment_refused("c1", order.purchase_id), debited("c1", order.purchase_id))
    await retry_now(shop)
    assert (len(await purchases(shop)), await runs(api, autoplay_id)) == (1, [(1, "paid", 1, None)])


@pytest.mark.parametrize("elapsed", [False, True])
async def test_what_runs_again_with_a_payment_to_try_again_says_so(
    shop: Partition, api: ApiClient, *, elapsed: bool
) -> None:
    autoplay_id = (await create(api)).body["autoplay_id"]
    await settle_down(runner(shop))
    (order,) = await purchases(shop)
    await shop.deliver(order, payment_refused("c1", order.purchase_id, at=datetime.now(UTC)))
    until = {"until": (datetime.now(UTC) + timedelta(days=3)).date().isoformat()} if elapsed else {}
    assert (await act(api, autoplay_id, "pause", until)).body["status"] == "paused"
    if elapsed:
        await shift(shop, "autoplays", "resume_at", timedelta(days=-4))
        assert await runner(shop).end_pauses() == 1
    else:
        assert (await act(api, autoplay_id, "resumption", {})).body["status"] == "retrying"
    assert (await detail(api, autoplay_id))["status"] == "retrying"
    await retry_now(shop)
    (second,) = (await purchases(shop))[1:]
    await shop.deliver(second, debited("c1", second.purchase_id))
    assert (await detail(api, autoplay_id))["status"] == "active"


@pytest.mark.parametrize(
    ("action", "expected"),
    [("confirm_paid", (1, "paid", 1, None)), ("cancel_and_refund", (1, "failed", 1, "tickets_cancelled"))],
)
async def test_what_an_agent_decides_settles_the_run_at_once(
    shop: Partition, api: ApiClient, action: str, expected: tuple[object, ...]
) -> None:
    autoplay_id = (await create(api, games=1)).body["autoplay_id"]
    await settle_down(runner(shop))
    (order,) = await purchases(shop)
    await shop.deliver(order, payment_refused("c1", order.purchase_id, at=datetime.now(UTC)))
    body = {"action": "retry", "reason": "Topped up", "confirm": True}
    path = f"/v1/tickets/{order.tickets[0].id}/resolution"
    assert (await api.post(path, body, key="retry")).status == 200
    await shop.deliver(payment_refused("c1", order.purchase_id))
    await settle_down(runner(shop))
    assert await runs(api, autoplay_id) == [(1, "retrying", 1, "insufficient_balance")]
    assert (await api.post(path, body | {"action": action}, key="decide")).status == 200
    await settle_down(runner(shop))
    assert await runs(api, autoplay_id) == [expected]
    assert (await detail(api, autoplay_id))["status"] == "active"


@pytest.mark.parametrize(
    ("state", "expected"),
    [("paid", (1, "paid", 1, None)), ("cancelled", (1, "failed", 1, "tickets_cancelled"))],
)
async def test_an_agent_who_decides_on_the_refused_tickets_stops_the_retry(
    shop: Partition, api: ApiClient, state: str, expected: tuple[object, ...]
) -> None:
    autoplay_id = (await create(api)).body["autoplay_id"]
    await settle_down(runner(shop))
    (order,) = await purchases(shop)
    await shop.deliver(order, payment_refused("c1", order.purchase_id))
    async with shop.unit_of_work.begin() as transaction:
        await transaction.connection.execute(
            "update tickets set state = $1, limbo_code = null, limbo_reason = null, limbo_since = null", state
        )
    await retry_now(shop)
    assert (len(await purchases(shop)), await runs(api, autoplay_id)) == (1, [expected])
    assert (await detail(api, autoplay_id))["status"] == "active"
