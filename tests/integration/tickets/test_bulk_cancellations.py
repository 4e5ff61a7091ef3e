"""Cancelling all tickets of an order or a draw: each once, with progress and refusals."""

from datetime import timedelta
from typing import Any

import pytest

from services.tickets.bulk.jobs import BulkRunner
from shared.contracts import TicketCancellationRequested
from tests.support.http import ApiClient
from tests.support.partition import Partition
from tests.support.tickets import credited, debited, payment_refused, purchase, reversal_refused, states, ticket

pytestmark = pytest.mark.requirement("T5", "T6")

CONFIRMED = {"reason": "The machine broke", "confirm": True}


def runner(partition: Partition) -> BulkRunner:
    return BulkRunner(partition.unit_of_work, pause=timedelta(seconds=0.01))


async def work_off(partition: Partition) -> None:
    bulk = runner(partition)
    while await bulk.step():
        pass


async def progress(api: ApiClient, bulk_id: str) -> dict[str, Any]:
    answer = await api.get(f"/v1/bulk-cancellations/{bulk_id}")
    assert answer.status == 200
    return dict(answer.body)


async def draw_path(api: ApiClient, number: int = 4521) -> str:
    return f"/v1/lotteries/{(await api.get('/v1/lotteries')).body['items'][0]['lottery_id']}/draws/{number}"


async def settle(partition: Partition, *, refuse: str | None = None) -> None:
    """What accounts answers to every request that was published."""
    for event in await partition.published(TicketCancellationRequested):
        answer = reversal_refused if event["ticket_id"] == refuse else credited
        await partition.deliver_beside(answer(event["customer_id"], event["cancellation_id"], event["order_id"]))


async def test_an_order_is_cancelled_with_progress_and_refusals(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1", "t2", "t3"), purchase("c1", "o2", "t4"), debited("c1", "o1"))
    await api.post("/v1/tickets/t2/cancellation", CONFIRMED, key="single")
    started = await api.post("/v1/bulk-cancellations", {"order_id": "o1"} | CONFIRMED, key="k", subject="agent-7")
    bulk_id = started.body["bulk_id"]
    assert (started.status, started.headers["Location"]) == (202, f"/v1/bulk-cancellations/{bulk_id}")
    again = await api.post("/v1/bulk-cancellations", {"order_id": "o1"} | CONFIRMED, key="k", subject="agent-7")
    assert again.body == started.body
    await work_off(partition)
    shown = await progress(api, bulk_id)
    assert (shown["state"], shown["total"], shown["done"], shown["accepted"]) == ("settling", 3, 3, 2)
    assert shown["refused"] == {"ticket_already_cancelling": 1}
    refusals = (await api.get(f"/v1/bulk-cancellations/{bulk_id}/refusals")).body["items"]
    assert [(each["ticket_id"], each["code"]) for each in refusals] == [("t2", "ticket_already_cancelling")]
    await settle(partition, refuse="t3")
    await work_off(partition)
    shown = await progress(api, bulk_id)
    assert (shown["state"], shown["refunded"], shown["refused_by_accounts"]) == ("completed", 1, 1)
    assert shown["finished_at"] is not None
    assert await states(partition) == {
        "t1": "cancelled", "t2": "cancelled", "t3": "limbo_reversal_refused", "t4": "purchased",
    }  # fmt: skip
    newest = (await api.get("/v1/tickets/t1/timeline")).body["items"][1]
    assert (newest["status"], newest["actor"], newest["reason"]) == ("cancelling", "agent-7", CONFIRMED["reason"])


@pytest.mark.requirement("T9")
async def test_cancelling_a_draw_cancels_its_tickets(partition: Partition, api: ApiClient) -> None:
    past = {"draw_closes_at": "2026-01-01T00:00:00Z", "draw_at": "2026-01-01T01:00:00Z"}
    await partition.deliver(
        *(purchase(f"c{n}", f"o{n}", ticket(f"t{n}", **past), ticket(f"x{n}", draw_number=9)) for n in range(12)),
        *(debited(f"c{n}", f"o{n}") for n in range(10)),
        payment_refused("c11", "o11"),
    )
    path = await draw_path(api)
    started = await api.post(f"{path}/cancellation", CONFIRMED, key="k")
    assert (started.status, started.body["draw"]["state"]) == (202, "cancelled")
    await work_off(partition)
    shown = await progress(api, started.body["bulk"]["bulk_id"])
    assert (shown["total"], shown["accepted"], shown["refused"]) == (12, 11, {"ticket_in_limbo": 1})
    now = await states(partition)
    assert {now[f"t{n}"] for n in range(11)} == {"cancelling"}
    assert {now[f"x{n}"] for n in range(11)} == {"paid", "purchased"}
    again = await api.post(f"{path}/cancellation", CONFIRMED, key="k2")
    assert (again.status, again.body["code"]) == (409, "draw_already_cancelled")
    audited = await partition.fetch("select action, reason from audit_entries order by id")
    assert audited == [(action, CONFIRMED["reason"]) for action in ("draws.cancel", "tickets.cancel_in_bulk")]


async def test_what_is_bought_while_the_job_runs_is_cancelled_too(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"))
    started = await api.post(f"{await draw_path(api)}/cancellation", CONFIRMED, key="k")
    bulk = runner(partition)
    await bulk.step()
    await partition.deliver(purchase("c2", "o2", "t2"))
    await work_off(partition)
    assert await states(partition) == {"t1": "cancelling", "t2": "cancelling"}
    bulk_id = started.body["bulk"]["bulk_id"]
    assert (await progress(api, bulk_id))["total"] == 2


@pytest.mark.requirement("T9")
async def test_what_comes_after_the_job_ended_is_cancelled_too(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"))
    started = await api.post(f"{await draw_path(api)}/cancellation", CONFIRMED, key="k")
    bulk_id = started.body["bulk"]["bulk_id"]
    await work_off(partition)
    await settle(partition)
    await work_off(partition)
    assert (await progress(api, bulk_id))["state"] == "completed"
    await partition.deliver(purchase("c2", "o2", "t2", ticket("x2", draw_number=9)), purchase("c1", "o3", "t3"))
    assert (await progress(api, bulk_id))["finished_at"] is None
    await work_off(partition)
    await partition.deliver(purchase("c3", "o4", "t4"), purchase("c2", "o2", "t2"))
    await work_off(partition)
    await settle(partition)
    await work_off(partition)
    assert await states(partition) == {
        "t1": "cancelled", "t2": "cancelled", "t3": "cancelled", "t4": "cancelled", "x2": "purchased",
    }  # fmt: skip
    requested = [event["ticket_id"] for event in await partition.published(TicketCancellationRequested)]
    assert sorted(requested) == ["t1", "t2", "t3", "t4"]
    shown = await progress(api, bulk_id)
    assert (shown["state"], shown["total"], shown["accepted"], shown["refunded"]) == ("completed", 4, 4, 4)


@pytest.mark.requirement("T9")
async def test_a_draw_that_keeps_its_tickets_keeps_late_ones(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"))
    await api.post(f"{await draw_path(api)}/cancellation", CONFIRMED | {"cancel_tickets": False}, key="k")
    await partition.deliver(purchase("c2", "o2", "t2"))
    await work_off(partition)
    assert set((await states(partition)).values()) == {"purchased"}


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ({"order_id": "none"}, 404, "order_not_found"),
        ({"lottery_id": "lot-0", "draw_number": 1}, 404, "lottery_not_found"),
        ({"lottery_id": "lot-0"}, 422, "validation_failed"),
        ({}, 422, "validation_failed"),
        ({"order_id": "o1", "confirm": False}, 422, "validation_failed"),
        ({"order_id": "o1", "reason": " "}, 422, "validation_failed"),
    ],
)
async def test_what_cannot_be_started(api: ApiClient, target: dict[str, Any], status: int, code: str) -> None:
    answer = await api.post("/v1/bulk-cancellations", CONFIRMED | target, key="k")
    assert (answer.status, answer.body["code"]) == (status, code)


async def test_the_tickets_of_a_draw_need_the_right_and_a_cancelled_draw(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"))
    lottery_id = (await draw_path(api)).split("/")[3]
    body = {"lottery_id": lottery_id, "draw_number": 4521} | CONFIRMED
    agent = await api.post("/v1/bulk-cancellations", body, key="k", role="agent")
    assert (agent.status, agent.body["permission"]) == (403, "draws:write")
    early = await api.post("/v1/bulk-cancellations", body, key="k")
    assert (early.status, early.body["code"]) == (409, "draw_not_cancelled")
    for path in ("", "/refusals"):
        unknown = await api.get(f"/v1/bulk-cancellations/{'0' * 36}{path}")
        assert (unknown.status, unknown.body["code"]) == (404, "bulk_cancellation_not_found")
    assert (await api.get("/v1/bulk-cancellations")).body["items"] == []
