"""AutoPlays of customers that are erased or merged."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.contracts import AutoplayCancelled, AutoplayRan, CustomerErased
from tests.support.autoplays import act, create, customer, open_shop, purchases, runner, sell, settle_down, shift
from tests.support.http import ApiClient
from tests.support.messaging import eventually
from tests.support.partition import Partition
from tests.support.tickets import payment_refused


@pytest.fixture
async def shop(partition: Partition) -> Partition:
    """Known customers, and a lottery with one draw that is due and one that is not."""
    return await open_shop(partition, 4, 12, 36)


def erased(customer_id: str, version: int = 9) -> CustomerErased:
    return CustomerErased(customer_id=customer_id, version=version, erased_at=datetime.now(UTC))


async def states(partition: Partition) -> dict[str, tuple[str, str | None]]:
    rows = await partition.fetch("select customer_id, state, code from autoplays")
    return {row[0]: (row[1], row[2]) for row in rows}


async def listed(api: ApiClient, customer_id: str, **query: Any) -> list[tuple[str, str]]:
    page = (await api.get(f"/v1/customers/{customer_id}/autoplays", **query)).body
    return [(item["customer_id"], item["autoplay_id"]) for item in page["items"]]


@pytest.mark.requirement("A4")
async def test_autoplays_of_an_erased_customer_are_cancelled(shop: Partition, api: ApiClient) -> None:
    made = {name: (await create(api, name)).body["autoplay_id"] for name in ("c1", "c2", "c3")}
    ended = (await create(api, "c1", key="another")).body["autoplay_id"]
    await act(api, ended, "cancellation", {"reason": "Customer wants none"})
    await act(api, made["c2"], "pause", {"reason": "Customer is away"})
    event = erased("c1")
    await shop.deliver(event, event, erased("c2"), erased("nobody"))
    await settle_down(runner(shop))
    assert [each.customer.id for each in await purchases(shop)] == ["c3"]
    found = (await api.get(f"/v1/autoplays/{made['c1']}")).body
    assert (found["status"], found["code"], found["reason"]) == (
        "cancelled", "customer_erased", "The customer was erased",
    )  # fmt: skip
    assert (await api.get(f"/v1/autoplays/{made['c2']}")).body["status"] == "cancelled"
    assert (await api.get(f"/v1/autoplays/{ended}")).body["reason"] == "Erased"
    timeline = (await api.get(f"/v1/autoplays/{made['c1']}/timeline")).body["items"]
    assert [(item["event"], item["code"]) for item in timeline] == [
        ("cancelled", "customer_erased"), ("created", None),
    ]  # fmt: skip
    told = [(each["autoplay_id"], each["code"]) for each in await shop.published(AutoplayCancelled)]
    assert sorted(told) == sorted(
        [(ended, "cancelled"), (made["c1"], "customer_erased"), (made["c2"], "customer_erased")]
    )
    refused = await act(api, made["c2"], "resumption", {"reason": "Back again"})
    assert (refused.status, refused.body["code"]) == (409, "autoplay_cancelled")


@pytest.mark.requirement("A4")
async def test_what_was_refused_is_not_tried_again_for_an_erased_customer(shop: Partition, api: ApiClient) -> None:
    autoplay_id = (await create(api)).body["autoplay_id"]
    await settle_down(runner(shop))
    (bought,) = await purchases(shop)
    await shop.deliver(bought)
    await shop.deliver(payment_refused("c1", bought.purchase_id))
    assert (await states(shop))["c1"][0] == "retrying"
    await shop.deliver(erased("c1"))
    await shift(shop, "autoplay_runs", "next_attempt_at", timedelta(days=-1))
    await settle_down(runner(shop))
    assert len(await purchases(shop)) == 1
    runs = (await api.get(f"/v1/autoplays/{autoplay_id}/runs")).body["items"]
    assert [(run["status"], run["code"]) for run in runs] == [("failed", "customer_erased")]


@pytest.mark.requirement("A4")
async def test_a_run_beside_an_erasure_is_bought_before_or_not_at_all(shop: Partition, api: ApiClient) -> None:
    names = ("c1", "c2", "c3", "c4")
    for name in names:
        await create(api, name)
    await asyncio.gather(
        settle_down(runner(shop)), *(shop.deliver_beside(erased(name)) for name in names), settle_down(runner(shop))
    )
    await settle_down(runner(shop))
    assert set((await states(shop)).values()) == {("cancelled", "customer_erased")}
    ran = [each["customer_id"] for each in await shop.published(AutoplayRan)]
    assert sorted(ran) == sorted(each.customer.id for each in await purchases(shop))
    assert len(ran) == len(set(ran))
    before = len(ran)
    await sell(shop, 13, first=10)
    await settle_down(runner(shop))
    assert len(await purchases(shop)) == before


@pytest.mark.requirement("A4")
async def test_an_autoplay_that_is_created_beside_an_erasure_is_refused(shop: Partition, api: ApiClient) -> None:
    async with shop.unit_of_work.begin() as transaction:
        await transaction.connection.execute("select from customers where customer_id = 'c1' for update")
        creating = asyncio.create_task(create(api, "c1"))
        await eventually(lambda: _somebody_waits(shop))
        await transaction.connection.execute(
            "update customers set first_name = null, last_name = null, status = 'closed' where customer_id = 'c1'"
        )
    assert (await creating).status == 404
    assert await states(shop) == {}


async def _somebody_waits(partition: Partition) -> bool:
    return await partition.fetch("select count(*) from pg_locks where not granted") != [(0,)]


@pytest.mark.requirement("T7")
async def test_autoplays_of_merged_customers_are_listed_as_one(shop: Partition, api: ApiClient) -> None:
    made = [(name, (await create(api, name)).body["autoplay_id"]) for name in ("c1", "c2", "c3", "c4")]
    of = dict(made)
    merged = customer("c2", 2, merged_into="c1")
    await shop.deliver(customer("c3", 4, merged_into="c1"), merged, merged, customer("c2", 1))
    united = [("c3", of["c3"]), ("c2", of["c2"]), ("c1", of["c1"])]
    for name in ("c1", "c2", "c3"):
        assert await listed(api, name) == united
    assert await listed(api, "c4") == [("c4", of["c4"])]
    page = (await api.get("/v1/customers/c1/autoplays", limit=2)).body
    rest = (await api.get("/v1/customers/c1/autoplays", limit=2, cursor=page["next_cursor"])).body
    ids = [item["autoplay_id"] for item in [*page["items"], *rest["items"]]]
    assert ids == [autoplay_id for _, autoplay_id in united]
    # Parted again; what comes late does not unite them once more.
    await shop.deliver(customer("c2", 3), merged)
    assert await listed(api, "c1") == [united[0], united[2]]
    assert await listed(api, "c2") == [("c2", of["c2"])]
    assert await listed(api, "nobody") == []


@pytest.mark.requirement("T7")
async def test_the_status_of_the_survivor_counts_for_autoplays_of_merged_customers(
    shop: Partition, api: ApiClient
) -> None:
    for name in ("c1", "c2", "c3"):
        await create(api, name)
    suspended = customer("c1", 2, status="suspended")
    await shop.deliver(suspended, customer("c2", 2, merged_into="c1"), customer("c3", 2, merged_into="c1"))
    refused = await create(api, "c2", key="another")
    assert (refused.status, refused.body["code"]) == (409, "customer_not_active")
    # Parted again, it has its own.
    await shop.deliver(customer("c3", 3))
    await settle_down(runner(shop))
    assert [each.customer.id for each in await purchases(shop)] == ["c3"]
    runs = await shop.fetch(
        "select distinct customer_id, state, code from autoplay_runs where state <> 'pending' order by 1"
    )
    assert [tuple(run) for run in runs] == [(name, "missed", "customer_not_active") for name in ("c1", "c2")]
