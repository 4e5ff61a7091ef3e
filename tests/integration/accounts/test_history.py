"""The transaction history and the balance over HTTP."""

from typing import Any

from shared.web import Role
from tests.support.accounts import Accounts, cancellation, failed_purchase, purchase


async def pages(accounts: Accounts, query: str) -> list[Any]:
    """All items of a list, page by page."""
    items: list[Any] = []
    cursor = ""
    while True:
        page = await accounts.call("GET", f"/v1/customers/c1/transactions?{query}{cursor}", status=200)
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = f"&cursor={page['next_cursor']}"


async def filled(accounts: Accounts) -> None:
    """Nine lines: two orders, a reversal, a failure, a refusal, a withdrawal, a payment from the balance."""
    await accounts.apply(
        purchase("c1", "o1"),
        purchase("c1", "o2"),
        cancellation("c1", "o1"),
        failed_purchase("c1", "o3"),
        purchase("c1", "o4", 5000, "balance"),
        purchase("c1", "o5", 300, "balance"),
    )
    body = {"amount": 200, "type": "card", "customer_visible_description": "Paid out"}
    await accounts.call("POST", "/v1/customers/c1/withdrawals", body, status=201, Idempotency_Key="k")


async def test_newest_first_with_running_balance(accounts: Accounts) -> None:
    await filled(accounts)
    for limit in (1, 2, 4, 100):
        lines = await pages(accounts, f"limit={limit}")
        assert [line["seq"] for line in lines] == list(range(9, 0, -1))
    assert [
        (line["kind"], line["status"], line["amount_in"], line["amount_out"], line["balance"]) for line in lines
    ] == [
        ("withdrawal", "booked", 0, 200, 500),
        ("purchase", "booked", 0, 300, 700),
        ("purchase", "refused", 0, 5000, 1000),
        ("purchase", "failed", 0, 2000, 1000),
        ("reversal", "booked", 1000, 0, 1000),
        ("purchase", "booked", 0, 2000, 0),
        ("deposit", "booked", 2000, 0, 2000),
        ("purchase", "booked", 0, 2000, 0),
        ("deposit", "booked", 2000, 0, 2000),
    ]


async def test_filters(accounts: Accounts) -> None:
    await filled(accounts)
    queries = [
        "kind=deposit",
        "kind=purchase",
        "kind=withdrawal",
        "kind=adjustment",
        "direction=in",
        "direction=out",
        "status=refused",
        "status=failed",
        "direction=in&kind=reversal&status=booked",
    ]
    lines = await pages(accounts, "limit=100")
    for query in queries:
        wanted = dict(part.split("=") for part in query.split("&"))
        direction = wanted.pop("direction", None)
        chosen = [
            line["seq"]
            for line in lines
            if all(line[name] == value for name, value in wanted.items())
            and (direction is None or line[f"amount_{direction}"] > 0)
        ]
        assert [line["seq"] for line in await pages(accounts, f"{query}&limit=1")] == chosen


async def test_balance(accounts: Accounts) -> None:
    await filled(accounts)
    balance = await accounts.call("GET", "/v1/customers/c1/balance", status=200)
    assert balance == {"customer_id": "c1", "currency": "AUD", "balance": 500, "as_of_seq": 9}


async def test_what_is_unknown_or_wrong_is_a_problem(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"))
    for path in ("transactions", "balance"):
        assert (await accounts.call("GET", f"/v1/customers/c2/{path}", status=404))["code"] == "customer_not_found"
    await accounts.call("GET", "/v1/customers/c1/transactions/3", status=404)
    await accounts.call("GET", f"/v1/customers/c1/transactions/{2**63}", status=422)
    await accounts.call("GET", "/v1/customers/c1/transactions?kind=gift", status=422)
    await accounts.call("GET", "/v1/customers/c1/transactions?limit=1000000000", status=422)
    await accounts.call("GET", "/v1/customers/c1/transactions?cursor=abc", status=400)
    first = await accounts.call("GET", "/v1/customers/c1/transactions?limit=1", status=200)
    other = f"/v1/customers/c1/transactions?kind=deposit&cursor={first['next_cursor']}"
    assert (await accounts.call("GET", other, status=400))["code"] == "invalid_cursor"


async def test_a_viewer_may_read(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"))
    await accounts.call("GET", "/v1/customers/c1/transactions", status=200, role=Role.VIEWER)


async def test_the_document_describes_every_operation(accounts: Accounts) -> None:
    async with accounts.client.get("/openapi.json") as response:
        document = await response.json()
    operations = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}
    assert operations >= {"register_customer", "change_customer", "list_transactions", "get_balance", "withdraw"}
