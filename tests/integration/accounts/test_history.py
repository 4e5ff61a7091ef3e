"""The transaction history and the balance over HTTP."""

import asyncio
import csv
import io
import json
from base64 import b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

import pytest

from services.accounts.ledger import api, statement
from shared.web import Role
from tests.support.accounts import Accounts, cancellation, failed_purchase, purchase, token


async def pages(accounts: Accounts, query: str = "", *, limit: int = 100) -> list[Any]:
    return await accounts.items("/v1/customers/c1/transactions", query, limit=limit)


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
        lines = await pages(accounts, limit=limit)
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


@pytest.mark.parametrize("role", [Role.AGENT, Role.VIEWER])
async def test_a_page_shows_each_line_as_it_is_shown_alone(accounts: Accounts, role: Role) -> None:
    await filled(accounts)
    page = await accounts.call("GET", "/v1/customers/c1/transactions", status=200, role=role)
    assert len(page["items"]) == 9
    for line in page["items"]:
        alone = await accounts.call("GET", f"/v1/customers/c1/transactions/{line['seq']}", status=200, role=role)
        assert line == alone


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
        "kind=deposit&direction=out",
    ]
    lines = await pages(accounts)
    for query in queries:
        wanted = dict(part.split("=") for part in query.split("&"))
        direction = wanted.pop("direction", None)
        chosen = [
            line["seq"]
            for line in lines
            if all(line[name] == value for name, value in wanted.items())
            and (direction is None or line[f"amount_{direction}"] > 0)
        ]
        assert [line["seq"] for line in await pages(accounts, query, limit=1)] == chosen


@pytest.mark.requirement("A8", "A10")
@pytest.mark.parametrize("reach", [1, 2, 5000])
async def test_more_filters(accounts: Accounts, reach: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that looks at a few lines only leads to the next one until all were looked at."""
    monkeypatch.setattr(api, "REACH", reach)
    await filled(accounts)
    for query, found in {
        "min_amount=2000": [7, 6, 4, 3, 2, 1],
        "max_amount=300": [9, 8],
        "min_amount=1000&max_amount=1000": [5],
        "text=PAID": [9],
        "text=card": [6, 3, 1],
        "text=100%25": [],
        "order_id=o1": [5, 2, 1],
        "order_id=o2": [4, 3],
        "order_id=o3": [6],
        "order_id=nothing": [],
        "ticket_id=o1-1": [5],
        "order_id=o1&kind=reversal&min_amount=1": [5],
        "until=2000-01-01T00:00:00Z": [],
        "since=2000-01-01T00:00:00Z&kind=withdrawal": [9],
    }.items():
        for limit in (1, 3, 100):
            assert [line["seq"] for line in await pages(accounts, query, limit=limit)] == found, query


@pytest.mark.requirement("A8")
async def test_periods_and_the_balance_at_a_moment(accounts: Accounts) -> None:
    moments = [datetime.now(UTC)]
    for number in range(1, 6):
        await accounts.apply(purchase("c1", f"o{number}"), cancellation("c1", f"o{number}"))
        await asyncio.sleep(0.002)
        moments.append(datetime.now(UTC))
    times = [moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for moment in moments]
    for first in range(6):
        for last in range(first, 6):
            lines = await pages(accounts, f"since={times[first]}&until={times[last]}", limit=4)
            assert [line["seq"] for line in lines] == list(range(3 * last, 3 * first, -1))
    for number, time in enumerate(times):
        answer = await accounts.call("GET", f"/v1/customers/c1/balance?at={time}", status=200)
        assert (answer["balance"], answer["as_of_seq"]) == (1000 * number, 3 * number)
    booked = {line["recorded_at"]: line for line in reversed(await pages(accounts, "", limit=100))}
    for time, line in booked.items():
        answer = await accounts.call("GET", f"/v1/customers/c1/balance?at={time}", status=200)
        assert (answer["balance"], answer["as_of_seq"]) == (line["balance"], line["seq"])


async def download(accounts: Accounts, what: str) -> str:
    headers = {"Authorization": f"Bearer {token()}"}
    async with accounts.client.get(f"/v1/customers/c1/{what}", headers=headers) as response:
        assert response.status == 200, await response.text()
        assert "attachment" in response.headers["Content-Disposition"]
        assert response.headers["Cache-Control"] == "no-store"
        return (await response.read()).decode("utf-8-sig")


@pytest.mark.requirement("A8", "A9")
@pytest.mark.parametrize("piece", [2, 1000])
async def test_a_statement_has_every_line(accounts: Accounts, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement, "PIECE", piece)
    await filled(accounts)
    rows = list(csv.DictReader(io.StringIO(await download(accounts, "statement.csv"))))
    assert [row["number"] for row in rows] == [str(number) for number in range(1, 10)]
    assert (rows[0]["money_in"], rows[0]["money_out"], rows[0]["balance"]) == ("20.00", "", "20.00")
    assert (rows[8]["type"], rows[8]["money_out"], rows[8]["currency"]) == ("withdrawal", "2.00", "AUD")
    lines = [json.loads(line) for line in (await download(accounts, "statement.jsonl")).splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, 10))
    shown = await accounts.call("GET", "/v1/customers/c1/transactions/9", status=200)
    assert lines[8].keys() == shown.keys() | {"customer_id"}
    lines = [json.loads(line) for line in (await download(accounts, "statement.jsonl?direction=in")).splitlines()]
    assert [line["kind"] for line in lines] == ["deposit", "deposit", "reversal"]
    assert (await accounts.call("GET", "/v1/customers/c2/statement.csv", status=404))["code"] == "customer_not_found"


async def test_no_cell_is_a_formula(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), cancellation("c1", "o1"))
    for number, text in enumerate(["=1+1", "+1", "-1", "@x", '=HYPERLINK("http://x", "y")', "a,=b\n=c"]):
        body = {"amount": 1, "type": "card", "customer_visible_description": text}
        await accounts.call("POST", "/v1/customers/c1/withdrawals", body, status=201, Idempotency_Key=f"k{number}")
    rows = list(csv.DictReader(io.StringIO(await download(accounts, "statement.csv?kind=withdrawal"), newline="")))
    assert [row["description"] for row in rows] == [
        "'=1+1", "'+1", "'-1", "'@x", "'=HYPERLINK(\"http://x\", \"y\")", "a,=b\n=c",
    ]  # fmt: skip


async def test_balance(accounts: Accounts) -> None:
    await filled(accounts)
    balance = await accounts.call("GET", "/v1/customers/c1/balance", status=200)
    assert balance == {
        "customer_id": "c1", "currency": "AUD", "balance": 500, "held": 0, "available": 500, "as_of_seq": 9,
    }  # fmt: skip


async def test_what_is_unknown_or_wrong_is_a_problem(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"))
    for path in ("transactions", "balance"):
        assert (await accounts.call("GET", f"/v1/customers/c2/{path}", status=404))["code"] == "customer_not_found"
    await accounts.call("GET", "/v1/customers/c1/transactions/3", status=404)
    await accounts.call("GET", f"/v1/customers/c1/transactions/{2**63}", status=422)
    await accounts.call("GET", "/v1/customers/c1/transactions?kind=gift", status=422)
    await accounts.call("GET", "/v1/customers/c1/transactions?limit=1000000000", status=422)
    for query, field in (
        ("since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z", "until"),
        ("min_amount=2&max_amount=1", "max_amount"),
    ):
        for path in ("transactions", "statement.csv"):
            problem = await accounts.call("GET", f"/v1/customers/c1/{path}?{query}", status=422)
            assert [error["field"] for error in problem["errors"]] == [f"query.{field}"]
    await accounts.call("GET", "/v1/customers/c1/transactions?cursor=abc", status=400)
    first = await accounts.call("GET", "/v1/customers/c1/transactions?limit=1", status=200)
    other = f"/v1/customers/c1/transactions?kind=deposit&cursor={first['next_cursor']}"
    assert (await accounts.call("GET", other, status=400))["code"] == "invalid_cursor"


async def test_a_cursor_that_somebody_made_up_is_below_all_lines(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"))
    first = await accounts.call("GET", "/v1/customers/c1/transactions?limit=1", status=200)
    version, fingerprint, _ = json.loads(b64decode(first["next_cursor"] + "=="))
    made_up = urlsafe_b64encode(json.dumps([version, fingerprint, [-(2**63)]]).encode()).rstrip(b"=").decode()
    page = await accounts.call("GET", f"/v1/customers/c1/transactions?limit=1&cursor={made_up}", status=200)
    assert page == {"items": [], "next_cursor": None}


async def test_a_viewer_may_read(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"))
    await accounts.call("GET", "/v1/customers/c1/transactions", status=200, role=Role.VIEWER)


async def test_a_viewer_gets_what_people_wrote_masked_in_lists_and_statements(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), cancellation("c1", "o1"))
    body = {
        "amount": 200, "type": "card", "customer_visible_description": "Paid to ada@example.com",
        "internal_note": "Called on 0491 570 156",
    }  # fmt: skip
    await accounts.call("POST", "/v1/customers/c1/withdrawals", body, status=201, Idempotency_Key="k")
    for path in ("transactions", "transactions/4", "united-transactions", "statement.csv", "statement.jsonl"):
        texts = []
        for role in (Role.VIEWER, Role.AGENT):
            headers = {"Authorization": f"Bearer {token(role)}"}
            async with accounts.client.get(f"/v1/customers/c1/{path}", headers=headers) as response:
                assert response.status == 200
                texts.append(await response.text())
        assert ("ada@example.com" in texts[0], "0491 570" in texts[0]) == (False, False)
        assert "a•••@example.com" in texts[0]
        assert "ada@example.com" in texts[1]


async def test_the_document_describes_every_operation(accounts: Accounts) -> None:
    async with accounts.client.get("/openapi.json") as response:
        document = await response.json()
    operations = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}
    assert operations >= {"register_customer", "change_customer", "list_transactions", "get_balance", "withdraw"}
