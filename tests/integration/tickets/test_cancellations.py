"""Cancelling tickets over HTTP, many at once, and against everything else that happens to them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from services.tickets.cancellations import store
from services.tickets.cancellations.api import CancellationsApi
from services.tickets.lifecycle.table import TicketEvent
from shared.contracts import TicketCancellationRequested, TicketsPaid
from shared.db import Connection
from shared.web import operations_of
from tests.support.http import Answer, ApiClient, serving_operations
from tests.support.partition import Partition
from tests.support.tickets import credited, debited, payment_refused, purchase, reversal_refused, states, timeline

pytestmark = pytest.mark.requirement("T5", "T6")

BODY = {"reason": "Customer bought the wrong draw", "confirm": True}


async def cancel(api: ApiClient, ticket_id: str, key: str, **changes: Any) -> Answer:
    return await api.post(f"/v1/tickets/{ticket_id}/cancellation", BODY, key=key, **changes)


async def test_a_cancellation_is_accepted_recorded_and_published(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"), debited("c1", "o1"))
    answer = await cancel(api, "t1", "k1", role="agent", subject="agent-7")
    assert (answer.status, answer.body["ticket_id"], answer.body["status"]) == (202, "t1", "cancelling")
    detail = await api.get("/v1/tickets/t1")
    assert (detail.body, detail.headers["Etag"]) == (answer.body, answer.headers["Etag"])
    view = (await api.get("/v1/tickets/t1/cancellation", role="viewer")).body
    assert (view["state"], view["requested_by"], view["reason"]) == ("requested", "agent-7", BODY["reason"])
    assert await partition.published(TicketCancellationRequested) == [
        {
            "customer_id": "c1",
            "cancellation_id": view["cancellation_id"],
            "order_id": "o1",
            "ticket_id": "t1",
            "price": 1000,
            "currency": "AUD",
            "reason": BODY["reason"],
            "requested_by": "agent-7",
            "requested_at": view["requested_at"],
        }
    ]
    newest = (await api.get("/v1/tickets/t1/timeline")).body["items"][0]
    assert (newest["actor"], newest["reason"], newest["cause"]) == ("agent-7", BODY["reason"], view["cancellation_id"])
    assert newest["occurred_at"] <= newest["recorded_at"]


async def test_the_same_key_gets_the_same_answer_and_no_second_effect(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"))
    first, second = await cancel(api, "t1", "k1"), await cancel(api, "t1", "k1")
    assert (second.status, second.body) == (202, first.body)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(await partition.published(TicketCancellationRequested)) == 1
    other_body = await api.post("/v1/tickets/t1/cancellation", BODY | {"reason": "another"}, key="k1")
    assert (other_body.status, other_body.body["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": "why"}, "body.confirm"),
        ({"reason": "why", "confirm": False}, "body.confirm"),
        ({"reason": "why", "confirm": "true"}, "body.confirm"),
        ({"confirm": True}, "body.reason"),
        ({"reason": "  ", "confirm": True}, "body.reason"),
        ({"reason": "x" * 2001, "confirm": True}, "body.reason"),
        ({"reason": "why", "confirm": True, "force": True}, "body.force"),
    ],
)
async def test_what_is_missing_or_wrong_is_named(
    partition: Partition, api: ApiClient, body: dict[str, Any], field: str
) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"))
    answer = await api.post("/v1/tickets/t1/cancellation", body, key="k1")
    assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (422, [field])
    assert await states(partition) == {"t1": "purchased"}


async def test_a_cancellation_needs_a_key_and_the_right(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"))
    keyless = await api.post("/v1/tickets/t1/cancellation", BODY, key=None)
    assert (keyless.status, keyless.body["code"]) == (400, "idempotency_key_required")
    viewer = await cancel(api, "t1", "k1", role="viewer")
    assert (viewer.status, viewer.body["permission"]) == (403, "tickets:cancel")
    assert await states(partition) == {"t1": "purchased"}


async def test_what_cannot_be_cancelled_is_refused_by_its_status(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1", "t2"), purchase("c1", "o2", "t3"), payment_refused("c1", "o2"))
    unknown = await cancel(api, "t0", "k0")
    assert (unknown.status, unknown.body["code"]) == (404, "ticket_not_found")
    limbo = await cancel(api, "t3", "k3")
    assert (limbo.status, limbo.body["code"]) == (409, "ticket_in_limbo")
    await cancel(api, "t1", "k1")
    again = await cancel(api, "t1", "k1-again")
    assert (again.status, again.body["code"]) == (409, "ticket_already_cancelling")
    cancellation = (await api.get("/v1/tickets/t1/cancellation")).body["cancellation_id"]
    await partition.deliver(credited("c1", cancellation))
    late = await cancel(api, "t1", "k1-late")
    assert (late.status, late.body["code"]) == (409, "ticket_already_cancelled")
    never = await api.get("/v1/tickets/t2/cancellation")
    assert (never.status, never.body["code"]) == (404, "cancellation_not_found")
    # A refusal leaves nothing under its key: the same request may succeed later.
    await partition.deliver(debited("c1", "o2"))
    assert (await cancel(api, "t3", "k3")).status == 202


async def test_of_many_at_once_one_wins_for_each_ticket(partition: Partition, api: ApiClient, tmp_path: Path) -> None:
    """Two processes, different keys; every ticket gets ten requests."""
    tickets = [f"t{n}" for n in range(8)]
    await partition.deliver(*(purchase(f"c{n % 3}", f"o{n}", ticket) for n, ticket in enumerate(tickets)))
    twin = operations_of(CancellationsApi(partition.database, partition.unit_of_work))
    keys = tmp_path / "twin"
    keys.mkdir()
    async with serving_operations(twin, keys) as other:
        answers = await asyncio.gather(
            *(
                cancel(client, ticket, f"{ticket}-{n}-{id(client)}")
                for n in range(5)
                for ticket in tickets
                for client in (api, other)
            )
        )
    accepted = [answer.body["ticket_id"] for answer in answers if answer.status == 202]
    assert sorted(accepted) == tickets
    refused = [answer.body["code"] for answer in answers if answer.status != 202]
    assert refused == ["ticket_already_cancelling"] * (len(answers) - len(tickets))
    assert len(await partition.published(TicketCancellationRequested)) == len(tickets)
    for ticket in tickets:
        assert [row[0] for row in await timeline(partition, ticket)] == [1, 2]


async def test_the_same_key_at_two_processes_takes_effect_once(
    partition: Partition, api: ApiClient, tmp_path: Path
) -> None:
    await partition.deliver(purchase("c1", "o1", *(f"t{n}" for n in range(6))))
    twin = operations_of(CancellationsApi(partition.database, partition.unit_of_work))
    keys = tmp_path / "twin"
    keys.mkdir()
    async with serving_operations(twin, keys) as other:
        answers = await asyncio.gather(
            *(cancel(client, f"t{n}", f"k{n}") for n in range(6) for client in (api, other, api, other))
        )
    assert [answer.status for answer in answers] == [202] * 24
    assert len({str(answer.body) for answer in answers}) == 6
    assert len(await partition.published(TicketCancellationRequested)) == 6


async def test_concurrent_cancellations_share_commits(partition: Partition, api: ApiClient) -> None:
    tickets = [f"t{n}" for n in range(60)]
    await partition.deliver(purchase("c1", "o1", *tickets))
    commits = 0

    def count() -> None:
        nonlocal commits
        commits += 1

    partition.unit_of_work.on_published(count)
    answers = await asyncio.gather(*(cancel(api, ticket, ticket) for ticket in tickets))
    assert {answer.status for answer in answers} == {202}
    assert commits < len(tickets) / 2


async def test_a_cancellation_and_its_payment_at_once_leave_one_story(partition: Partition, api: ApiClient) -> None:
    orders = [f"o{n}" for n in range(20)]
    await partition.deliver(*(purchase("c1", order, f"{order}-t") for order in orders))
    work: list[Awaitable[Any]] = [cancel(api, f"{order}-t", order) for order in orders]
    answers = await asyncio.gather(*work, *(partition.deliver_beside(debited("c1", order)) for order in orders))
    assert {answer.status for answer in answers[: len(orders)]} == {202}
    assert set((await states(partition)).values()) == {"cancelling"}
    paid = {event["order_id"] for event in await partition.published(TicketsPaid)}
    for order in orders:
        events = [row[2] for row in await timeline(partition, f"{order}-t")]
        confirmed = [TicketEvent.PAYMENT_CONFIRMED] if order in paid else []
        assert events == ["purchased", *confirmed, TicketEvent.CANCELLATION_REQUESTED]


@pytest.mark.parametrize(("result", "state"), [(credited, "cancelled"), (reversal_refused, "limbo_reversal_refused")])
async def test_a_result_delivered_twice_at_once_counts_once(
    partition: Partition, api: ApiClient, result: Callable[[str, str], Any], state: str
) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"))
    await cancel(api, "t1", "k1")
    cancellation = (await api.get("/v1/tickets/t1/cancellation")).body["cancellation_id"]
    before = len(await partition.published())
    await asyncio.gather(*(partition.deliver_beside(result("c1", cancellation)) for _ in range(6)))
    assert await states(partition) == {"t1": state}
    assert len(await partition.published()) == before + 1


async def test_a_ticket_recorded_after_the_lock_was_taken_is_not_touched_without_it(
    partition: Partition, api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = store.customers_of_tickets

    async def find_then_record(connection: Connection, ticket_ids: Sequence[str]) -> list[str]:
        found = await find(connection, ticket_ids)
        monkeypatch.setattr(store, "customers_of_tickets", find)
        await partition.deliver(purchase("c1", "o1", "t1"))
        return found

    monkeypatch.setattr(store, "customers_of_tickets", find_then_record)
    early = await cancel(api, "t1", "k1")
    assert (early.status, early.body["code"]) == (404, "ticket_not_found")
    assert (await cancel(api, "t1", "k1")).status == 202
