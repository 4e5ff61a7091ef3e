"""Withdrawals: shared commits, each request its own answer."""

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from services.accounts.ledger import store
from services.accounts.ledger.entries import Account
from services.accounts.withdrawals.api import WithdrawalsApi
from shared.db import Connection
from shared.web import Role, operations_of
from tests.support.accounts import Accounts, cancellation, purchase
from tests.support.http import Answer, serving_operations

BODY = {"amount": 300, "type": "cheque", "customer_visible_description": "Paid out", "internal_note": "called"}


async def credited(accounts: Accounts, *customer_ids: str) -> None:
    """Give each customer a balance of 20.00."""
    for customer_id in customer_ids:
        order = f"o-{customer_id}"
        await accounts.apply(
            purchase(customer_id, order), cancellation(customer_id, order, 1), cancellation(customer_id, order, 2)
        )


async def withdraw(
    accounts: Accounts, customer_id: str, key: str, *, status: int | None = 201, role: Role = Role.AGENT, **changes: Any
) -> Any:
    path = f"/v1/customers/{customer_id}/withdrawals"
    return await accounts.call("POST", path, BODY | changes, status=status, role=role, Idempotency_Key=key)


async def test_a_withdrawal_moves_the_balance_and_shows_in_the_history(accounts: Accounts) -> None:
    await credited(accounts, "c1")
    answer = await withdraw(accounts, "c1", "k1")
    assert (answer["amount"], answer["balance"], answer["currency"], answer["seq"]) == (300, 1700, "AUD", 5)
    line = await accounts.call("GET", "/v1/customers/c1/transactions/5", status=200)
    assert line["entry_id"] == answer["entry_id"]
    assert (line["kind"], line["method"], line["actor"]) == ("withdrawal", "cheque", "agent-7")
    assert (line["description"], line["internal_note"]) == ("Paid out", "called")
    assert (await accounts.call("GET", "/v1/customers/c1", status=200))["account"]["balance"] == 1700
    debited = (await accounts.published("balances"))[-1]
    assert (debited["event"], debited["kind"], debited["amount"], debited["balance"]) == (
        "debited", "withdrawal", 300, 1700,
    )  # fmt: skip
    assert debited["cause"] == {"kind": "withdrawal", "id": answer["entry_id"]}


async def test_a_repeated_request_gets_the_first_answer(accounts: Accounts) -> None:
    await credited(accounts, "c1")
    answers = await asyncio.gather(*(withdraw(accounts, "c1", "k1") for _ in range(5)))
    assert all(answer == answers[0] for answer in answers)
    assert len(await accounts.lines("c1")) == 5
    problem = await withdraw(accounts, "c1", "k1", status=422, amount=301)
    assert problem["code"] == "idempotency_key_reused"


async def test_a_refused_one_says_the_balance_and_leaves_nothing(accounts: Accounts) -> None:
    await credited(accounts, "c1")
    problem = await withdraw(accounts, "c1", "k1", status=422, amount=2001)
    assert (problem["code"], problem["balance"], problem["currency"]) == ("insufficient_balance", 2000, "AUD")
    assert "20.00 does not cover 20.01" in problem["detail"]
    assert len(await accounts.lines("c1")) == 4
    # The key is free again: the same request may succeed later.
    await accounts.apply(purchase("c1", "o2"), cancellation("c1", "o2"))
    await withdraw(accounts, "c1", "k1", amount=2001)


async def test_of_a_group_each_has_its_own_answer(accounts: Accounts) -> None:
    await credited(accounts, "c1", "c2")
    answers = await asyncio.gather(
        *(withdraw(accounts, "c1", f"a{n}", amount=500, status=None) for n in range(6)),
        *(withdraw(accounts, "c2", f"b{n}", amount=300, status=None) for n in range(5)),
        withdraw(accounts, "nobody", "n", status=404),
        withdraw(accounts, "c2", "euro", status=422, currency="EUR"),
    )
    codes = [answer.get("code", "booked") for answer in answers]
    assert sorted(codes[:6]) == ["booked"] * 4 + ["insufficient_balance"] * 2
    assert codes[6:] == ["booked"] * 5 + ["customer_not_found", "currency_mismatch"]
    balances = [answer["balance"] for answer in answers[:6] if "code" not in answer]
    assert sorted(balances) == [0, 500, 1000, 1500]
    assert (await accounts.lines("c2"))[-1][4] == 500


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", 0),
        ("amount", 10**13),
        ("amount", 1.5),
        ("type", "cash"),
        ("customer_visible_description", "  "),
        ("customer_visible_description", "a\x00b"),
        ("currency", "aud"),
        ("surprise", 1),
    ],
)
async def test_what_is_wrong_is_named(accounts: Accounts, field: str, value: Any) -> None:
    problem = await withdraw(accounts, "c1", "k1", status=422, **{field: value})
    assert [error["field"] for error in problem["errors"]] == [f"body.{field}"]


async def test_it_needs_the_right_and_a_key(accounts: Accounts) -> None:
    await withdraw(accounts, "c1", "k1", status=403, role=Role.VIEWER)
    problem = await accounts.call("POST", "/v1/customers/c1/withdrawals", BODY, status=400)
    assert problem["code"] == "idempotency_key_required"


async def test_nobody_is_paid_twice_when_events_and_requests_race(accounts: Accounts) -> None:
    await credited(accounts, "c1")
    await asyncio.gather(
        *(withdraw(accounts, "c1", f"k{n}", amount=400, status=None) for n in range(10)),
        accounts.apply(*(purchase("c1", f"b{n}", 400, "balance") for n in range(10))),
    )
    lines = await accounts.lines("c1")
    assert lines[-1][4] == 0
    assert sum(into - out for _, status, into, out, _ in lines if status == "booked") == 0
    assert min(balance for *_, balance in lines) == 0


async def test_the_same_key_at_two_processes_is_paid_once_and_answered_alike(
    accounts: Accounts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process pays out all there is after this one began and before it has the lock."""
    await credited(accounts, "c1")
    lock_known = store.lock_known
    async with serving_operations(operations_of(WithdrawalsApi(accounts.unit_of_work, 10**6)), tmp_path) as other:
        path, everything = "/v1/customers/c1/withdrawals", BODY | {"amount": 2000}

        async def lock_after_the_other(connection: Connection, customers: Collection[str]) -> dict[str, Account]:
            monkeypatch.setattr(store, "lock_known", lock_known)
            answers.append(await other.post(path, everything, key="k1"))
            return await lock_known(connection, customers)

        answers: list[Answer] = []
        monkeypatch.setattr(store, "lock_known", lock_after_the_other)
        keys = tmp_path / "twin"
        keys.mkdir()
        async with serving_operations(operations_of(WithdrawalsApi(accounts.unit_of_work, 10**6)), keys) as twin:
            answers.append(await twin.post(path, everything, key="k1"))
    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].body == answers[1].body
    assert len(await accounts.lines("c1")) == 5
