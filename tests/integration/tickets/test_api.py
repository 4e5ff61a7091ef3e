"""Order history, orders, tickets and timelines over HTTP."""

from typing import Any

import pytest

from shared.messaging import Publication
from tests.support.http import ApiClient
from tests.support.partition import Partition
from tests.support.tickets import debited, failed_purchase, payment_refused, purchase, renamed, ticket

pytestmark = pytest.mark.requirement("T1", "T2", "T4")


async def test_the_order_history_has_a_row_for_each_ticket(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(
        purchase("c1", "o1", "t1", minute=1),
        purchase("c1", "o2", ticket("t2", autoplay_id="auto-9", lottery="Car Draw"), minute=2),
        purchase("c2", "o3", "t3"),
        debited("c1", "o2"),
    )
    answer = await api.get("/v1/customers/c1/orders", role="viewer")
    assert answer.status == 200
    assert answer.body["next_cursor"] is None
    assert [row["ticket_id"] for row in answer.body["items"]] == ["t2", "t1"]
    assert answer.body["items"][0] == {
        "ticket_id": "t2",
        "order_id": "o2",
        "checkout_id": "chk-7f3a",
        "customer_id": "c1",
        "customer_name": "Ada Novák",
        "lottery": "Car Draw",
        "draw_number": 4521,
        "draw_at": "2126-11-28T09:30:00Z",
        "draw_closes_at": "2126-11-28T08:30:00Z",
        "offer_id": "book-6",
        "offer_label": "6 x ticket book $10.00",
        "price": 1000,
        "currency": "AUD",
        "ordered_at": "2026-11-22T12:02:00Z",
        "status": "paid",
        "created_from_autoplay": True,
        "autoplay_id": "auto-9",
        "archived": False,
    }


async def test_the_history_pages_through_equal_times_and_filters(partition: Partition, api: ApiClient) -> None:
    # Several orders a minute, with three tickets each.
    await partition.deliver(
        *(
            purchase(
                "c1", f"o{n:02}", f"t{n:02}a", ticket(f"t{n:02}b", autoplay_id=f"auto-{n % 2}"),
                ticket(f"t{n:02}c", lottery="Car Draw"), minute=n // 4,
            )
            for n in range(12)
        ),
        *(debited("c1", f"o{n:02}") for n in range(6)),
        payment_refused("c1", "o07"),
    )  # fmt: skip
    everything = [f"t{n:02}{letter}" for n in range(11, -1, -1) for letter in "cba"]
    assert await all_pages(api, limit=5) == everything
    assert await all_pages(api, limit=7, status="paid") == everything[-18:]
    assert await all_pages(api, status="limbo") == ["t07c", "t07b", "t07a"]
    assert await all_pages(api, limit=5, lottery="Car Draw") == [each for each in everything if each.endswith("c")]
    assert await all_pages(api, limit=5, created_from_autoplay="true") == everything[1::3]
    assert await all_pages(api, created_from_autoplay="false", limit=10) == [
        each for each in everything if not each.endswith("b")
    ]
    assert await all_pages(api, limit=2, autoplay_id="auto-1") == [f"t{n:02}b" for n in range(11, 0, -2)]


async def test_a_customer_without_orders_has_an_empty_history(api: ApiClient) -> None:
    answer = await api.get("/v1/customers/nobody/orders")
    assert (answer.status, answer.body) == (200, {"items": [], "next_cursor": None})


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({"status": "lost"}, 422, "query.status"),
        ({"limit": 10**9}, 422, "query.limit"),
        ({"created_from_autoplay": "perhaps"}, 422, "query.created_from_autoplay"),
        ({"autoplay_id": "a b"}, 422, "query.autoplay_id"),
        ({"colour": "red"}, 422, "query.colour"),
        ({"cursor": "bm90IG91cnM"}, 400, "query.cursor"),
    ],
)
async def test_a_wrong_query_is_named(api: ApiClient, query: dict[str, Any], status: int, field: str) -> None:
    answer = await api.get("/v1/customers/c1/orders", **query)
    assert answer.status == status
    assert [error["field"] for error in answer.body["errors"]] == [field]


async def test_an_order_shows_its_tickets_in_their_place(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t9", "t1", "t5"), failed_purchase("c1", "o2", "card declined"))
    order = (await api.get("/v1/orders/o1")).body
    assert [each["ticket_id"] for each in order.pop("tickets")] == ["t9", "t1", "t5"]
    assert order == {
        "order_id": "o1",
        "customer_id": "c1",
        "customer_name": "Ada Novák",
        "ordered_at": "2026-11-22T12:00:00Z",
        "outcome": "completed",
        "failure_reason": None,
        "checkout_id": "chk-7f3a",
        "receipt_id": "rcp-552190",
        "store_id": "store-17",
        "terminal_id": "term-3",
        "payment": {"transaction_id": "txn-88231", "method": "card", "amount": 2000, "currency": "AUD"},
    }
    failed = (await api.get("/v1/orders/o2")).body
    assert (failed["outcome"], failed["failure_reason"], failed["tickets"]) == ("failed", "card declined", [])
    unknown = await api.get("/v1/orders/o3")
    assert (unknown.status, unknown.body["code"]) == (404, "order_not_found")


async def test_a_ticket_says_why_it_is_in_limbo_under_a_new_etag(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"))
    before = await api.get("/v1/tickets/t1")
    assert (before.body["status"], before.body["limbo"]) == ("purchased", None)
    assert before.body["payment_transaction_id"] == "txn-88231"
    await partition.deliver(payment_refused("c1", "o1"))
    limbo = await api.get("/v1/tickets/t1")
    assert limbo.body["status"] == "limbo"
    assert limbo.body["limbo"] == {
        "code": "insufficient_balance",
        "reason": "The balance of 5.00 does not cover 20.00",
        "since": "2026-11-22T09:30:01Z",
        "suggested_action": "retry",
        "advice": "Retry when the customer's balance covers the order; cancel when it will not before the draw closes. "
        "An order of which another ticket was decided on is not retried: confirm this as paid, or cancel.",
    }
    await partition.deliver(renamed("c1", "Ann", 1))
    named = await api.get("/v1/tickets/t1")
    assert named.body["customer_name"] == "Ann Novák"
    assert len({before.headers["Etag"], limbo.headers["Etag"], named.headers["Etag"]}) == 3
    await partition.deliver(debited("c1", "o1"))
    assert (await api.get("/v1/tickets/t1")).body["limbo"] is None


async def test_the_timeline_tells_what_when_by_whom_and_why(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(
        Publication.of(purchase("c1", "o1", "t1"), source="web-shop", event_id="event-1"),
        Publication.of(payment_refused("c1", "o1"), source="recourse/accounts", event_id="event-2"),
        Publication.of(debited("c1", "o1", entry="entry-3"), source="recourse/accounts"),
    )
    items = (await api.get("/v1/tickets/t1/timeline")).body["items"]
    assert all(item.pop("recorded_at") for item in items)
    assert items == [
        {
            "sequence": 3, "status": "paid", "event": "payment_confirmed", "occurred_at": "2026-11-22T09:30:01Z",
            "cause": "entry-3", "actor": "recourse/accounts", "code": None, "reason": None,
        },
        {
            "sequence": 2, "status": "limbo", "event": "payment_refused", "occurred_at": "2026-11-22T09:30:01Z",
            "cause": "event-2", "actor": "recourse/accounts", "code": "insufficient_balance",
            "reason": "The balance of 5.00 does not cover 20.00",
        },
        {
            "sequence": 1, "status": "purchased", "event": "purchased", "occurred_at": "2026-11-22T12:00:00Z",
            "cause": "event-1", "actor": "web-shop", "code": None, "reason": None,
        },
    ]  # fmt: skip
    first = await api.get("/v1/tickets/t1/timeline", limit=2)
    rest = await api.get("/v1/tickets/t1/timeline", limit=2, cursor=first.body["next_cursor"])
    assert [item["sequence"] for item in first.body["items"] + rest.body["items"]] == [3, 2, 1]
    assert rest.body["next_cursor"] is None


@pytest.mark.parametrize("path", ["/v1/tickets/none", "/v1/tickets/none/timeline"])
async def test_an_unknown_ticket_is_not_found(api: ApiClient, path: str) -> None:
    answer = await api.get(path)
    assert (answer.status, answer.body["code"]) == (404, "ticket_not_found")


async def all_pages(api: ApiClient, **query: Any) -> list[str]:
    """The ticket ids of a customer's history, page by page."""
    return [row["ticket_id"] for row in await api.items("/v1/customers/c1/orders", **query)]
