"""Payments that come when the draw, or the ticket, is cancelled already: nobody keeps that money, in any order."""

from datetime import timedelta
from typing import Any

import pytest

from services.tickets.bulk.jobs import BulkRunner
from services.tickets.settlement.jobs import OverduePayments
from shared.contracts import TicketCancellationRequested, TicketCancelled, TicketsPaid, TicketsPaymentRetried
from tests.support.http import Answer, ApiClient
from tests.support.partition import Partition
from tests.support.tickets import (
    credited,
    debited,
    payment_refused,
    payment_settled_after_retry,
    prize_paid,
    purchase,
    reversal_refused,
    states,
    ticket,
    timeline,
)

pytestmark = pytest.mark.requirement("T3", "T9")

CONFIRMED = {"reason": "The machine broke", "confirm": True}


async def cancel_draw(partition: Partition, api: ApiClient, **changes: Any) -> dict[str, Any]:
    lottery = (await api.get("/v1/lotteries")).body["items"][0]["lottery_id"]
    path = f"/v1/lotteries/{lottery}/draws/4521/cancellation"
    answer = await api.post(path, CONFIRMED | changes, key="draw", subject="supervisor-1")
    await work_off(partition)
    return dict(answer.body)


async def work_off(partition: Partition) -> None:
    bulk = BulkRunner(partition.unit_of_work)
    while await bulk.step():
        pass


async def overdue(partition: Partition) -> None:
    await OverduePayments(partition.unit_of_work, timeout=timedelta(0)).sweep()


async def resolve(api: ApiClient, ticket_id: str, action: str, key: str = "k") -> Answer:
    body = {"action": action, "reason": "The customer called", "confirm": True}
    return await api.post(f"/v1/tickets/{ticket_id}/resolution", body, key=key)


async def refund(partition: Partition) -> None:
    for event in await partition.published(TicketCancellationRequested):
        await partition.deliver_beside(credited(event["customer_id"], event["cancellation_id"], event["order_id"]))


@pytest.mark.parametrize("refused_first", [False, True])
async def test_what_was_in_limbo_when_its_draw_was_cancelled_is_refunded_when_paid(
    partition: Partition, api: ApiClient, refused_first: bool,  # noqa: FBT001 - pytest gives it by name
) -> None:  # fmt: skip
    await partition.deliver(purchase("c1", "o1", "t1", ticket("x1", draw_number=9)))
    if refused_first:
        await partition.deliver(payment_refused("c1", "o1"))
    else:
        await overdue(partition)
    started = await cancel_draw(partition, api)
    assert (await states(partition))["t1"].startswith("limbo")
    await partition.deliver(debited("c1", "o1"), debited("c1", "o1"))
    assert await states(partition) == {"t1": "cancelling", "x1": "paid"}
    newest = (await api.get("/v1/tickets/t1/timeline")).body["items"][0]
    assert (newest["event"], newest["actor"]) == ("cancellation_requested", "supervisor-1")
    assert newest["reason"] == CONFIRMED["reason"]
    (request,) = await partition.published(TicketCancellationRequested)
    assert (request["ticket_id"], request["price"]) == ("t1", 1000)
    await work_off(partition)
    await refund(partition)
    assert await states(partition) == {"t1": "cancelled", "x1": "paid"}
    job = (await api.get(f"/v1/bulk-cancellations/{started['bulk']['bulk_id']}")).body
    assert (job["total"], job["refused"]) == (1, {"ticket_in_limbo": 1})


async def test_a_payment_that_comes_before_its_late_purchase_is_refunded(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"))
    await cancel_draw(partition, api)
    await partition.deliver(debited("c2", "o2"))
    await partition.deliver(purchase("c2", "o2", "t2"))
    await work_off(partition)
    assert await states(partition) == {"t1": "cancelling", "t2": "cancelling"}
    await refund(partition)
    assert await states(partition) == {"t1": "cancelled", "t2": "cancelled"}


async def test_limbo_of_a_cancelled_draw_is_to_be_cancelled_and_nothing_else(
    partition: Partition, api: ApiClient
) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"), purchase("c2", "o2", "t2"), payment_refused("c2", "o2"))
    await overdue(partition)
    suggested = {item["ticket_id"]: item["limbo"]["suggested_action"] for item in await in_limbo(api)}
    assert suggested == {"t1": "retry", "t2": "retry"}
    await cancel_draw(partition, api)
    for item in await in_limbo(api):
        assert item["limbo"]["suggested_action"] == "cancel_and_refund"
        assert "draw is cancelled" in item["limbo"]["advice"]
        for action in ("confirm_paid", "retry"):
            refused = await resolve(api, item["ticket_id"], action, key=item["ticket_id"])
            assert (refused.status, refused.body["code"]) == (409, "draw_cancelled")
    assert await partition.published(TicketsPaid) == []
    assert await partition.published(TicketsPaymentRetried) == []
    assert (await resolve(api, "t1", "cancel_and_refund", "k1")).body["status"] == "cancelling"
    assert (await resolve(api, "t2", "cancel_and_refund", "k2")).body["status"] == "cancelled"
    assert await in_limbo(api) == []


async def in_limbo(api: ApiClient) -> list[dict[str, Any]]:
    return list((await api.get("/v1/limbo-tickets")).body["items"])


async def test_a_ticket_that_has_won_counts_as_paid_though_its_draw_is_cancelled(
    partition: Partition, api: ApiClient
) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"))
    await overdue(partition)
    await partition.deliver(prize_paid("c1", "p1", "t1"))
    await cancel_draw(partition, api)
    assert [item["limbo"]["suggested_action"] for item in await in_limbo(api)] == ["confirm_paid"]
    await partition.deliver(debited("c1", "o1"))
    assert await states(partition) == {"t1": "paid"}


async def test_an_order_is_asked_for_again_for_its_other_draws(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1", ticket("x1", draw_number=9)), payment_refused("c1", "o1"))
    await cancel_draw(partition, api)
    assert (await resolve(api, "x1", "retry")).body["status"] == "purchased"
    (retried,) = await partition.published(TicketsPaymentRetried)
    await partition.deliver(payment_settled_after_retry("c1", "o1", retried["retry_id"]))
    assert await states(partition) == {"t1": "cancelling", "x1": "paid"}


async def test_a_draw_that_keeps_its_tickets_keeps_those_paid_late(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"))
    await overdue(partition)
    await cancel_draw(partition, api, cancel_tickets=False)
    await partition.deliver(debited("c1", "o1"))
    assert await states(partition) == {"t1": "paid"}


async def test_a_payment_of_a_ticket_that_was_cancelled_as_refused_is_asked_back_once(
    partition: Partition, api: ApiClient
) -> None:
    await partition.deliver(purchase("c1", "o1", "t1", "t2"), payment_refused("c1", "o1"))
    await resolve(api, "t1", "cancel_and_refund")
    await partition.deliver(debited("c1", "o1"))
    assert await states(partition) == {"t1": "cancelling", "t2": "paid"}
    assert (await timeline(partition, "t1"))[-1] == (4, "cancelling", "charged_late")
    (request,) = await partition.published(TicketCancellationRequested)
    assert (request["ticket_id"], request["requested_by"]) == ("t1", "recourse/tickets")
    await refund(partition)
    await partition.deliver_beside(debited("c1", "o1"))
    assert await states(partition) == {"t1": "cancelled", "t2": "paid"}
    assert len(await partition.published(TicketCancellationRequested)) == 1


@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_payment_that_comes_after_its_reversal_was_refused_as_uncharged_is_asked_back(
    partition: Partition, api: ApiClient, *, cancelled: bool
) -> None:
    await partition.deliver(purchase("c1", "o1", "t1", "t2"))
    await overdue(partition)
    for ticket_id in ("t1", "t2"):
        assert (await resolve(api, ticket_id, "cancel_and_refund", f"first-{ticket_id}")).body["status"] == "cancelling"
    first, other = [event["cancellation_id"] for event in await partition.published(TicketCancellationRequested)]
    await partition.deliver(
        reversal_refused("c1", first, code="unknown_purchase"), reversal_refused("c1", other, code="already_reversed")
    )
    if cancelled:
        for ticket_id in ("t1", "t2"):
            assert (await resolve(api, ticket_id, "cancel_and_refund", ticket_id)).body["status"] == "cancelled"
    await partition.deliver(debited("c1", "o1"), debited("c1", "o1"))
    assert await states(partition) == {"t1": "cancelling", "t2": "cancelled" if cancelled else "limbo_reversal_refused"}
    newest = (await api.get("/v1/tickets/t1/timeline")).body["items"][0]
    assert (newest["event"], newest["actor"]) == ("charged_late" if cancelled else "retried", "recourse/tickets")
    again = (await partition.published(TicketCancellationRequested))[2:]
    assert [event["ticket_id"] for event in again] == ["t1"]
    await partition.deliver(credited("c1", again[0]["cancellation_id"]))
    assert (await states(partition))["t1"] == "cancelled"


async def test_a_cancellation_says_when_nobody_was_told_of_a_payment(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(
        purchase("c1", "o1", "t1"), purchase("c2", "o2", "t2"), purchase("c3", "o3", "t3"), debited("c2", "o2")
    )
    for number in (1, 2):
        await api.post(f"/v1/tickets/t{number}/cancellation", CONFIRMED, key=f"k{number}")
    await overdue(partition)
    await resolve(api, "t3", "cancel_and_refund")
    await partition.deliver(debited("c1", "o1"))
    await refund(partition)
    told = {event["ticket"]["id"]: event.get("was_paid") for event in await partition.published(TicketCancelled)}
    assert told == {"t1": False, "t2": None, "t3": False}
    paid = [event["tickets"][0]["id"] for event in await partition.published(TicketsPaid)]
    assert paid == ["t2"]


async def test_what_was_confirmed_as_paid_and_cancelled_uncharged_is_taken_back(
    partition: Partition, api: ApiClient
) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"), payment_refused("c1", "o1"))
    assert (await resolve(api, "t1", "confirm_paid")).body["status"] == "paid"
    await api.post("/v1/tickets/t1/cancellation", CONFIRMED, key="cancel")
    (request,) = await partition.published(TicketCancellationRequested)
    await partition.deliver(reversal_refused("c1", request["cancellation_id"], code="not_charged"))
    assert (await resolve(api, "t1", "cancel_and_refund", "k2")).body["status"] == "cancelled"
    announced = [(event["ticket"]["id"], event["credited"]) for event in await partition.published(TicketCancelled)]
    assert announced == [("t1", 0)]
    assert len(await partition.published(TicketsPaid)) == 1
