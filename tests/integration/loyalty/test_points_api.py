"""Points over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.http import ApiClient, serving_operations
from tests.support.loyalty import cancelled, paid
from tests.support.partition import Partition


@pytest.fixture
async def api(partition: Partition, tmp_path: Path) -> AsyncIterator[ApiClient]:
    async with serving_operations(partition.parts.operations, tmp_path) as client:
        yield client


async def test_balance_and_history_tell_what_happened(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(paid("c1", {"t1": 1000, "t2": 2000}), cancelled("c1", "t1", 1000))
    balance = await api.get("/v1/customers/c1/points", role="viewer")
    assert balance.body == {"customer_id": "c1", "balance": 20, "lifetime_earned": 30, "lifetime_clawed_back": 10}
    history = (await api.get("/v1/customers/c1/points/history")).body
    assert history["next_cursor"] is None
    assert [(row["kind"], row["ticket_id"], row["points"], row["balance"]) for row in history["items"]] == [
        ("clawed_back", "t1", -10, 20),
        ("earned", "t2", 20, 30),
        ("earned", "t1", 10, 10),
    ]
    newest = history["items"][0]
    assert newest.pop("id")
    assert newest == {
        "occurred_at": "2026-11-22T12:00:00Z",
        "kind": "clawed_back",
        "points": -10,
        "balance": 20,
        "order_id": "order-1",
        "ticket_id": "t1",
        "store_id": "store-17",
        "terminal_id": "term-3",
        "payment_transaction_id": "txn-88231",
    }


async def test_an_unknown_customer_has_nothing(api: ApiClient) -> None:
    balance = await api.get("/v1/customers/nobody/points")
    assert (balance.status, balance.body["balance"], balance.body["lifetime_earned"]) == (200, 0, 0)
    history = await api.get("/v1/customers/nobody/points/history")
    assert (history.status, history.body) == (200, {"items": [], "next_cursor": None})


async def test_history_pages_and_filters(partition: Partition, api: ApiClient) -> None:
    tickets = {f"t{n:02}": 1000 for n in range(30)}
    await partition.deliver(paid("c1", tickets), paid("c2", tickets))
    await partition.deliver(*(cancelled("c1", f"t{n:02}", 1000) for n in range(0, 30, 2)))
    everything = await _all_pages(api, "c1", limit=7)
    assert [row["balance"] for row in everything] == [*range(150, 300, 10), *range(300, 0, -10)]
    back = await _all_pages(api, "c1", limit=4, kind="clawed_back")
    assert [row["ticket_id"] for row in back] == [f"t{n:02}" for n in range(28, -1, -2)]
    assert len(await _all_pages(api, "c1", limit=100, kind="earned")) == 30


async def test_what_does_not_fit_is_refused_with_its_field(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(paid("c1", {f"t{n}": 1000 for n in range(3)}))
    cursor = (await api.get("/v1/customers/c1/points/history", limit=1)).body["next_cursor"]
    path = "/v1/customers/c1/points/history"
    refused: list[tuple[dict[str, Any], int, str]] = [
        ({"kind": "spent"}, 422, "query.kind"),
        ({"limit": 10**9}, 422, "query.limit"),
        ({"cursor": "x"}, 400, "query.cursor"),
        ({"cursor": cursor, "kind": "earned"}, 400, "query.cursor"),
    ]
    for query, status, field in refused:
        answer = await api.get(path, **query)
        assert (answer.status, answer.body["errors"][0]["field"]) == (status, field)
    assert (await api.get("/v1/customers/c%201/points")).status == 422


async def _all_pages(api: ApiClient, customer: str, **query: Any) -> list[dict[str, Any]]:
    return await api.items(f"/v1/customers/{customer}/points/history", **query)
