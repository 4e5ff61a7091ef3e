"""Prizes that other systems paid out: noted once on their tickets, which nobody can cancel any more."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from services.accounts.app import SERVICE as ACCOUNTS
from services.loyalty.app import SERVICE as LOYALTY
from services.notifications.app import SERVICE as NOTIFICATIONS
from services.tickets.bulk.jobs import BulkRunner
from shared.service import Service
from tests.support.http import Answer, ApiClient
from tests.support.partition import Partition, partition_of
from tests.support.stack import Infra
from tests.support.tickets import (
    credited,
    dead_letters,
    debited,
    payment_refused,
    prize_paid,
    purchase,
    reversal_refused,
    states,
    timeline,
    waiting,
)

pytestmark = pytest.mark.requirement("T5")

BODY = {"reason": "Customer bought the wrong draw", "confirm": True}
PAID_AT = "2026-11-30T09:00:00Z"


async def cancel(api: ApiClient, ticket_id: str, key: str = "k1") -> Answer:
    return await api.post(f"/v1/tickets/{ticket_id}/cancellation", BODY, key=key)


async def cancellation_of(api: ApiClient, ticket_id: str) -> str:
    return str((await api.get(f"/v1/tickets/{ticket_id}/cancellation")).body["cancellation_id"])


async def test_a_paid_out_ticket_cannot_be_cancelled(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1", "t2"), debited("c1", "o1"))
    version = (await api.get("/v1/tickets/t1")).headers["Etag"]
    await partition.deliver(prize_paid("c1", "p1", "t1"))
    detail = await api.get("/v1/tickets/t1")
    assert (detail.body["status"], detail.body["paid_out_at"]) == ("paid", PAID_AT)
    assert detail.headers["Etag"] != version
    newest = (await api.get("/v1/tickets/t1/timeline")).body["items"][0]
    assert (newest["event"], newest["status"], newest["cause"]) == ("prize_paid", "paid", "p1")
    assert (newest["actor"], newest["occurred_at"]) == ("tests/outside", PAID_AT)
    preview = (await api.get("/v1/tickets/t1/cancellation/preview")).body
    assert (preview["possible"], preview["code"], preview["confirmation_token"]) == (False, "paid_out", None)
    answer = await cancel(api, "t1")
    assert (answer.status, answer.body["code"]) == (409, "paid_out")
    assert (await cancel(api, "t2")).status == 202
    assert (await api.get("/v1/tickets/t2")).body["paid_out_at"] is None


async def test_a_prize_counts_once_whatever_event_brings_it(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1", "t2"))
    prize = prize_paid("c1", "p1", "t1")
    await partition.deliver(prize, prize, prize_paid("c1", "p1", "t2"))
    await partition.deliver(prize, prize_paid("c1", "p2", "t1", paid_at="2026-12-01T09:00:00Z"))
    assert await timeline(partition, "t1") == [
        (1, "purchased", "purchased"), (2, "purchased", "prize_paid"), (3, "purchased", "prize_paid"),
    ]  # fmt: skip
    assert (await api.get("/v1/tickets/t1")).body["paid_out_at"] == PAID_AT
    assert await partition.fetch("select prize_id, ticket_id, amount from prizes order by 1") == [
        ("p1", "t1", 250000), ("p2", "t1", 250000),
    ]  # fmt: skip
    assert await dead_letters(partition) == ["prize_id_taken"]


async def test_a_prize_waits_for_its_ticket(partition: Partition) -> None:
    early = prize_paid("c1", "p1", "t2")
    await partition.deliver(early, early, prize_paid("c2", "p2", "t2"))
    assert await waiting(partition) == ["ticket:t2"] * 3
    await partition.deliver(purchase("c1", "o1", "t1", "t2"))
    assert await timeline(partition, "t2") == [(1, "purchased", "purchased"), (2, "purchased", "prize_paid")]
    assert await waiting(partition) == []
    assert await dead_letters(partition) == ["ticket_of_another_customer"]


async def test_a_prize_on_a_cancelled_ticket_is_kept(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1", "t2"), debited("c1", "o1"))
    await cancel(api, "t1")
    await cancel(api, "t2", "k2")
    await partition.deliver(prize_paid("c1", "p1", "t1"), prize_paid("c1", "p2", "t2"))
    assert await states(partition) == {"t1": "cancelling", "t2": "cancelling"}
    await partition.deliver(
        credited("c1", await cancellation_of(api, "t1")), reversal_refused("c1", await cancellation_of(api, "t2"))
    )
    detail = (await api.get("/v1/tickets/t1")).body
    assert (detail["status"], detail["paid_out_at"]) == ("cancelled", PAID_AT)
    await partition.deliver(prize_paid("c1", "p3", "t1"))
    assert [entry[1:] for entry in await timeline(partition, "t1")][-3:] == [
        ("cancelling", "prize_paid"), ("cancelled", "reversal_credited"), ("cancelled", "prize_paid"),
    ]  # fmt: skip
    assert (await cancel(api, "t1", "k3")).body["code"] == "ticket_already_cancelled"
    assert (await states(partition))["t2"] == "limbo_reversal_refused"
    assert await dead_letters(partition) == []


@pytest.mark.parametrize("action", ["cancel_and_refund", "retry"])
async def test_limbo_does_not_cancel_what_was_paid_out(partition: Partition, api: ApiClient, action: str) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"), debited("c1", "o1"))
    await cancel(api, "t1")
    await partition.deliver(
        reversal_refused("c1", await cancellation_of(api, "t1")), prize_paid("c1", "p1", "t1"),
    )  # fmt: skip
    detail = (await api.get("/v1/tickets/t1")).body
    assert (detail["status"], detail["limbo"]["suggested_action"]) == ("limbo", "confirm_paid")
    refused = await api.post("/v1/tickets/t1/resolution", BODY | {"action": action}, key="r1")
    assert (refused.status, refused.body["code"]) == (409, "paid_out")
    confirmed = await api.post("/v1/tickets/t1/resolution", BODY | {"action": "confirm_paid"}, key="r2")
    assert (confirmed.status, confirmed.body["status"], confirmed.body["paid_out_at"]) == (200, "paid", PAID_AT)
    assert (await cancel(api, "t1", "k2")).body["code"] == "paid_out"


async def test_a_payment_may_be_retried_for_a_ticket_that_won(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"), payment_refused("c1", "o1"), prize_paid("c1", "p1", "t1"))
    cancelled = await api.post("/v1/tickets/t1/resolution", BODY | {"action": "cancel_and_refund"}, key="r1")
    assert (cancelled.status, cancelled.body["code"]) == (409, "paid_out")
    retried = await api.post("/v1/tickets/t1/resolution", BODY | {"action": "retry"}, key="r2")
    assert (retried.status, retried.body["status"]) == (200, "purchased")


async def test_a_bulk_cancellation_passes_over_what_was_paid_out(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(
        purchase("c1", "o1", "t1", "t2"), debited("c1", "o1"), purchase("c2", "o2", "t3"), prize_paid("c1", "p1", "t1")
    )
    lottery_id = (await api.get("/v1/lotteries")).body["items"][0]["lottery_id"]
    of_draw = await api.post(f"/v1/lotteries/{lottery_id}/draws/4521/cancellation", BODY, key="d")
    of_order = await api.post("/v1/bulk-cancellations", BODY | {"order_id": "o1"}, key="o")
    runner = BulkRunner(partition.unit_of_work)
    async with asyncio.timeout(20):
        while await runner.step():
            pass
    assert await states(partition) == {"t1": "paid", "t2": "cancelling", "t3": "cancelling"}
    refused: Counter[str] = Counter()
    for bulk_id in (of_draw.body["bulk"]["bulk_id"], of_order.body["bulk_id"]):
        refused.update((await api.get(f"/v1/bulk-cancellations/{bulk_id}")).body["refused"])
    assert refused == {"paid_out": 2, "ticket_already_cancelling": 1}


async def test_prize_and_cancellation_at_once_leave_one_of_them_first(partition: Partition, api: ApiClient) -> None:
    names = [f"{n}" for n in range(20)]
    await partition.deliver(*(purchase(f"c{n}", f"o{n}", f"t{n}") for n in names))
    prizes = [partition.deliver_beside(prize_paid(f"c{n}", f"p{n}", f"t{n}")) for n in names]
    cancellations = asyncio.gather(*(cancel(api, f"t{n}", n) for n in names))
    answers, _ = await asyncio.gather(cancellations, asyncio.gather(*prizes))
    for n, answer in zip(names, answers, strict=True):
        events = [entry[1:] for entry in await timeline(partition, f"t{n}")][1:]
        if answer.status == 202:
            assert events == [("cancelling", "cancellation_requested"), ("cancelling", "prize_paid")]
        else:
            assert (answer.status, answer.body["code"]) == (409, "paid_out")
            assert events == [("purchased", "prize_paid")]


@pytest.mark.parametrize("service", [ACCOUNTS, LOYALTY, NOTIFICATIONS], ids=lambda service: service.name)
async def test_other_services_pass_prizes_over(infra: Infra, service: Service[Any]) -> None:
    async with partition_of(infra, service) as other:
        await other.deliver(prize_paid("c1", "p1", "t1"), purchase("c1", "o1", "t1"))
        assert await dead_letters(other) == []
