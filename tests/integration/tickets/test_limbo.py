"""Tickets in limbo: listed by age over all customers, and decided on by an agent with the right."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.tickets.limbo.jobs import limbo_gauges
from services.tickets.limbo.store import tickets_in_limbo
from services.tickets.settlement.jobs import OverduePayments
from shared.contracts import TicketCancellationRequested, TicketCancelled, TicketsPaid, TicketsPaymentRetried
from shared.telemetry.metrics import REGISTRY
from tests.support.http import Answer, ApiClient
from tests.support.partition import Partition
from tests.support.reads import rows_read
from tests.support.tickets import (
    credited,
    debited,
    payment_refused,
    payment_settled_after_retry,
    purchase,
    reversal_refused,
    states,
    timeline,
)

pytestmark = pytest.mark.requirement("T3")


async def resolve(api: ApiClient, ticket: str, action: str, key: str = "k", **changes: Any) -> Answer:
    body = {"action": action, "reason": "The customer called", "confirm": True}
    return await api.post(f"/v1/tickets/{ticket}/resolution", body, key=key, **changes)


async def overdue(partition: Partition) -> None:
    await OverduePayments(partition.unit_of_work, timeout=timedelta(0)).sweep()


async def to_reversal_refused(
    partition: Partition, api: ApiClient, ticket: str = "t1", code: str = "already_reversed"
) -> str:
    await partition.deliver(purchase("c1", "o1", ticket), debited("c1", "o1"))
    await api.post(f"/v1/tickets/{ticket}/cancellation", {"reason": "wrong draw", "confirm": True}, key="cancel")
    cancellation = str((await api.get(f"/v1/tickets/{ticket}/cancellation")).body["cancellation_id"])
    await partition.deliver(reversal_refused("c1", cancellation, code=code))
    return cancellation


async def test_the_list_is_by_age_over_all_customers(partition: Partition, api: ApiClient) -> None:
    for number in range(5):
        await partition.deliver(purchase(f"c{number}", f"o{number}", f"t{number}"))
        await partition.deliver(payment_refused(f"c{number}", f"o{number}"))
    await partition.deliver(purchase("c9", "o9", "t9"))
    await overdue(partition)
    seen = [item["ticket_id"] for item in await api.items("/v1/limbo-tickets", role="supervisor", limit=2)]
    assert sorted(seen) == ["t0", "t1", "t2", "t3", "t4", "t9"]
    ages = await partition.fetch("select ticket_id from tickets where limbo_since is not null order by limbo_since, 1")
    assert seen == [row[0] for row in ages]
    late = (await api.get("/v1/limbo-tickets", code="payment_overdue")).body["items"]
    assert [(item["ticket_id"], item["limbo"]["suggested_action"]) for item in late] == [("t9", "retry")]
    for role in ("viewer", "agent"):
        assert (await api.get("/v1/limbo-tickets", role=role)).body["permission"] == "limbo:read"


async def test_a_refused_payment_is_not_suggested_again_when_the_draw_has_closed(
    partition: Partition, api: ApiClient
) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"), payment_refused("c1", "o1"))
    before = await api.get("/v1/tickets/t1")
    async with partition.unit_of_work.begin() as transaction:
        await transaction.connection.execute("update tickets set draw_closes_at = now() - interval '1 second'")
    after = await api.get("/v1/tickets/t1")
    seen = [answer.body["limbo"]["suggested_action"] for answer in (before, after)]
    assert seen == ["retry", "cancel_and_refund"]
    assert "has closed" in after.body["limbo"]["advice"]
    assert before.headers["Etag"] != after.headers["Etag"]
    assert (await resolve(api, "t1", "retry")).body["status"] == "purchased"


async def test_an_agent_decides_on_the_ticket_of_its_customer_and_a_viewer_does_not(
    partition: Partition, api: ApiClient
) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"), payment_refused("c1", "o1"))
    refused = await resolve(api, "t1", "retry", role="viewer")
    assert (refused.status, refused.body["permission"]) == (403, "tickets:resolve")
    answer = await resolve(api, "t1", "retry", role="agent", subject="ann")
    assert (answer.status, answer.body["status"]) == (200, "purchased")


async def test_a_payment_is_asked_for_again_for_the_whole_order(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1", "t2"), payment_refused("c1", "o1"))
    answer = await resolve(api, "t1", "retry", subject="ann")
    assert (answer.status, answer.body["status"], answer.body["limbo"]) == (200, "purchased", None)
    again = await resolve(api, "t1", "retry", subject="ann")
    assert (again.body, again.headers["Idempotency-Replayed"]) == (answer.body, "true")
    (retried,) = await partition.published(TicketsPaymentRetried)
    assert (retried["order_id"], retried["tickets"], retried["payment"]["amount"]) == ("o1", 2, 2000)
    assert await states(partition) == {"t1": "purchased", "t2": "purchased"}
    await OverduePayments(partition.unit_of_work, timeout=timedelta(seconds=30)).sweep()
    await partition.deliver(payment_settled_after_retry("c1", "o1", retried["retry_id"]))
    assert await states(partition) == {"t1": "paid", "t2": "paid"}
    assert [row[2] for row in await timeline(partition, "t2")] == [
        "purchased", "payment_refused", "retried", "payment_confirmed",
    ]  # fmt: skip
    newest = (await api.get("/v1/tickets/t1/timeline")).body["items"][1]
    assert (newest["actor"], newest["reason"], newest["cause"]) == ("ann", "The customer called", retried["retry_id"])


async def test_a_payment_asked_for_again_is_audited_with_each_ticket_of_the_order(
    partition: Partition, api: ApiClient
) -> None:
    await partition.deliver(purchase("c1", "o1", "t1", "t2"), payment_refused("c1", "o1"))
    await resolve(api, "t2", "retry", subject="ann")
    rows = await partition.fetch(
        "select object_id, actor, before, after, reason from audit_entries where action = 'tickets.resolve' order by 1"
    )
    before, after = {"status": "limbo", "code": "insufficient_balance"}, {"status": "purchased", "action": "retry"}
    assert rows == [(ticket_id, "ann", before, after, "The customer called") for ticket_id in ("t1", "t2")]


async def test_a_decision_on_what_has_changed_since_is_refused(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"))
    await overdue(partition)
    seen = (await api.get("/v1/tickets/t1")).headers["Etag"]
    await partition.deliver(payment_refused("c1", "o1"))
    late = await resolve(api, "t1", "confirm_paid", etag=seen)
    assert (late.status, late.body["code"]) == (412, "precondition_failed")
    assert (await resolve(api, "t1", "confirm_paid", etag="no tag")).status == 400
    assert await states(partition) == {"t1": "limbo_payment_refused"}
    answer = await resolve(api, "t1", "cancel_and_refund", etag=(await api.get("/v1/tickets/t1")).headers["Etag"])
    assert (answer.status, answer.body["status"]) == (200, "cancelled")


async def test_a_retry_gives_the_payment_its_time_again(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"))
    await partition.fetch("update tickets set payment_asked_at = now() - interval '1 hour' returning 1")
    sweep = OverduePayments(partition.unit_of_work, timeout=timedelta(minutes=1)).sweep
    assert await sweep() == 1
    await resolve(api, "t1", "retry")
    assert await sweep() == 0
    assert await states(partition) == {"t1": "purchased"}


async def test_a_payment_is_not_asked_for_again_when_a_ticket_was_decided_on(
    partition: Partition, api: ApiClient
) -> None:
    await partition.deliver(purchase("c1", "o1", "t1", "t2"), payment_refused("c1", "o1"))
    assert (await resolve(api, "t1", "cancel_and_refund")).body["status"] == "cancelled"
    refused = await resolve(api, "t2", "retry", key="k2")
    assert (refused.status, refused.body["code"]) == (409, "order_partly_resolved")
    advice = (await api.get("/v1/tickets/t2")).body["limbo"]["advice"]
    assert "confirm this as paid, or cancel" in advice
    assert "confirm this as paid, or cancel it" in refused.body["detail"]
    assert await partition.published(TicketCancelled) == []
    assert (await resolve(api, "t2", "confirm_paid", key="k2")).body["status"] == "paid"
    assert [event["tickets"][0]["id"] for event in await partition.published(TicketsPaid)] == ["t2"]


async def test_an_overdue_payment_is_cancelled_through_accounts(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"))
    await overdue(partition)
    assert (await resolve(api, "t1", "cancel_and_refund")).body["status"] == "cancelling"
    (request,) = await partition.published(TicketCancellationRequested)
    await partition.deliver(credited("c1", request["cancellation_id"]))
    assert await states(partition) == {"t1": "cancelled"}


async def test_a_refused_reversal_is_asked_for_again(partition: Partition, api: ApiClient) -> None:
    first = await to_reversal_refused(partition, api)
    assert (await resolve(api, "t1", "retry")).body["status"] == "cancelling"
    second = (await partition.published(TicketCancellationRequested))[-1]["cancellation_id"]
    assert second != first
    await partition.deliver(credited("c1", second))
    assert await states(partition) == {"t1": "cancelled"}
    view = (await api.get("/v1/tickets/t1/cancellation")).body
    assert (view["cancellation_id"], view["state"]) == (second, "completed")


async def test_a_reversal_that_the_balance_had_no_room_for_is_best_asked_for_again(
    partition: Partition, api: ApiClient
) -> None:
    await to_reversal_refused(partition, api, code="balance_limit")
    limbo = (await api.get("/v1/tickets/t1")).body["limbo"]
    assert (limbo["code"], limbo["suggested_action"]) == ("balance_limit", "retry")
    assert (await resolve(api, "t1", limbo["suggested_action"])).body["status"] == "cancelling"


async def test_the_refusal_of_an_earlier_reversal_that_comes_again_refuses_no_later_one(
    partition: Partition, api: ApiClient
) -> None:
    first = await to_reversal_refused(partition, api)
    assert (await resolve(api, "t1", "retry")).body["status"] == "cancelling"
    await partition.deliver(reversal_refused("c1", first), reversal_refused("c1", first))
    assert await states(partition) == {"t1": "cancelling"}
    second = (await partition.published(TicketCancellationRequested))[-1]["cancellation_id"]
    await partition.deliver(reversal_refused("c1", second), reversal_refused("c1", second))
    assert await states(partition) == {"t1": "limbo_reversal_refused"}
    assert [row[2] for row in await timeline(partition, "t1")][-2:] == ["retried", "reversal_refused"]


@pytest.mark.parametrize(
    ("action", "status", "told"), [("cancel_and_refund", "cancelled", 1), ("confirm_paid", "paid", 0)]
)
async def test_a_refused_reversal_is_decided_by_hand(
    partition: Partition, api: ApiClient, action: str, status: str, told: int
) -> None:
    await to_reversal_refused(partition, api)
    limbo = (await api.get("/v1/tickets/t1")).body["limbo"]
    assert (limbo["code"], limbo["suggested_action"]) == ("already_reversed", "cancel_and_refund")
    assert (await resolve(api, "t1", action)).body["status"] == status
    assert len(await partition.published(TicketCancelled)) == told
    assert len(await partition.published(TicketsPaid)) == 1
    rows = await partition.fetch(
        "select actor, before, after, reason from audit_entries where action = 'tickets.resolve'"
    )
    assert rows == [
        ("tester", {"status": "limbo", "code": "already_reversed"}, {"status": status, "action": action},
         "The customer called"),
    ]  # fmt: skip


async def test_what_is_not_in_limbo_is_not_decided_on(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"), debited("c1", "o1"))
    for action in ("confirm_paid", "cancel_and_refund", "retry"):
        answer = await resolve(api, "t1", action)
        assert (answer.status, answer.body["code"]) == (409, "ticket_not_in_limbo")
    assert (await resolve(api, "t0", "retry")).body["code"] == "ticket_not_found"
    unconfirmed = await api.post("/v1/tickets/t1/resolution", {"action": "retry", "reason": "x"}, key="u")
    assert (unconfirmed.status, unconfirmed.body["errors"][0]["field"]) == (422, "body.confirm")


async def test_the_gauges_show_how_many_wait_and_how_long(partition: Partition) -> None:
    await partition.deliver(purchase("c1", "o1", "t1", "t2"), payment_refused("c1", "o1", at=datetime.now(UTC)))
    await partition.fetch(
        "update tickets set limbo_since = now() - interval '2 hours' where ticket_id = 't1' returning 1"
    )
    await limbo_gauges(partition.database).measure()
    assert REGISTRY.get_sample_value("recourse_tickets_in_limbo") == 2
    assert 7190 < (REGISTRY.get_sample_value("recourse_tickets_in_limbo_oldest_seconds") or 0) < 7300


_MANY_IN_LIMBO = """
    with made as (
             select jsonb_build_object('customer_id', 'c' || n, 'order_id', 'o' || n, 'ticket_id', 't' || n,
                                       'limbo_code', case n when 9999 then 'rare' else 'common' end) as changes
             from generate_series(2, 10000) n),
         customers as (
             insert into customers select (jsonb_populate_record(c, m.changes)).* from customers c, made m),
         orders as (
             insert into orders select (jsonb_populate_record(o, m.changes)).* from orders o, made m)
    insert into tickets select (jsonb_populate_record(t, m.changes)).* from tickets t, made m"""


@pytest.mark.parametrize(("code", "shown"), [(None, 25), ("common", 25), ("rare", 1)])
async def test_a_page_of_the_many_that_wait_reads_that_page_alone(
    partition: Partition, code: str | None, shown: int
) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"), payment_refused("c1", "o1"))
    async with partition.unit_of_work.begin() as transaction:
        connection = transaction.connection
        await connection.execute(_MANY_IN_LIMBO)
        await connection.execute("analyze customers, orders, tickets")
    async with partition.unit_of_work.begin() as transaction:
        page = await tickets_in_limbo(transaction.connection, code=code, after=None, limit=25)
        read = [await rows_read(transaction.connection, table) for table in ("tickets", "orders")]
    assert len(page) == shown
    assert all(rows < 100 for rows in read)
