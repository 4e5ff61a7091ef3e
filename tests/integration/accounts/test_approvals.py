"""Withdrawals that wait for a second person, and corrections by hand."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.accounts.evidence.verification import verify_database
from shared.web import Role
from tests.integration.accounts.test_withdrawals import credited, withdraw
from tests.support.accounts import Accounts, cancellation, failed_purchase, purchase, running_accounts, token
from tests.support.stack import Infra


@pytest.fixture
async def accounts(infra: Infra, tmp_path: Path) -> AsyncIterator[Accounts]:
    """Withdrawals above 10.00 need a second person."""
    async with running_accounts(infra, tmp_path, withdrawal_approval_threshold=1000) as running:
        yield running


async def decide(
    accounts: Accounts, held: dict[str, Any], what: str, key: str, *, status: int | None = 200, who: str = "boss"
) -> Any:
    path = f"/v1/customers/c1/withdrawals/{held['withdrawal_id']}/{what}"
    headers = {"Authorization": f"Bearer {token(Role.SUPERVISOR, who)}", "Idempotency-Key": key}
    async with accounts.client.post(path, json={"reason": "looked at it"}, headers=headers) as response:
        answer = await response.json()
        assert status in {None, response.status}, answer
        return answer


async def balance(accounts: Accounts, **query: str) -> tuple[int, int, int]:
    answer = await accounts.call(
        "GET", "/v1/customers/c1/balance?" + "&".join(f"{name}={value}" for name, value in query.items()), status=200
    )
    return answer["balance"], answer["held"], answer["available"]


async def adjust(
    accounts: Accounts, direction: str, amount: int, key: str, *, status: int = 201, customer: str = "c1", **more: Any
) -> Any:
    body = {
        "direction": direction, "amount": amount, "reason": "till error", "customer_visible_description": "Correction",
    } | more  # fmt: skip
    path = f"/v1/customers/{customer}/adjustments"
    return await accounts.call("POST", path, body, status=status, role=Role.SUPERVISOR, Idempotency_Key=key)


async def test_an_account_gets_no_currency_that_there_is_not(accounts: Accounts) -> None:
    await accounts.apply(failed_purchase("c1", "o1"))
    problem = await adjust(accounts, "in", 100, "k1", status=422, currency="AUS")
    assert [error["field"] for error in problem["errors"]] == ["body.currency"]
    assert (await adjust(accounts, "in", 100, "k1", currency="AUD"))["currency"] == "AUD"


@pytest.mark.requirement("A11")
async def test_a_withdrawal_that_nobody_has_to_approve_is_read_by_its_id_as_well(accounts: Accounts) -> None:
    await credited(accounts, "c1")
    booked = await withdraw(accounts, "c1", "k1", amount=300)
    path = f"/v1/customers/c1/withdrawals/{booked['withdrawal_id']}"
    found = await accounts.call("GET", path, status=200)
    assert (found["state"], found["amount"], found["type"], found["requested_by"]) == (
        "booked",
        300,
        "cheque",
        "agent-7",
    )
    assert (found["settled_seq"], found["pending_seq"], found["decided_by"]) == (booked["seq"], None, None)
    assert (await decide(accounts, booked, "approval", "k2", status=404))["code"] == "withdrawal_not_found"
    assert (await accounts.call("GET", path.replace("c1", "c2"), status=404))["code"] == "withdrawal_not_found"


@pytest.mark.requirement("A8", "A11", "A12")
async def test_a_large_withdrawal_holds_the_money_until_it_is_approved(accounts: Accounts) -> None:
    await credited(accounts, "c1")
    held = await withdraw(accounts, "c1", "k1", amount=1500)
    assert (held["status"], held["balance"], held["available"]) == ("pending", 2000, 500)
    assert await balance(accounts) == (2000, 1500, 500)
    assert (await accounts.lines("c1"))[-1] == ("withdrawal", "pending", 0, 1500, 2000)
    assert [each["amount"] for each in await accounts.published("balances") if each["event"] == "debited"] == [2000]
    # What is held can be spent neither by another withdrawal nor by a purchase, nor be adjusted away.
    problem = await withdraw(accounts, "c1", "k2", amount=501, status=422)
    assert (problem["code"], problem["available"], problem["balance"]) == ("insufficient_balance", 500, 2000)
    await accounts.apply(purchase("c1", "o9", 600, "balance"))
    assert (await accounts.lines("c1"))[-1] == ("purchase", "refused", 0, 600, 2000)
    assert (await adjust(accounts, "out", 501, "k3", status=422))["code"] == "insufficient_balance"

    settled = await decide(accounts, held, "approval", "k4")
    assert (settled["state"], settled["requested_by"], settled["decided_by"]) == ("approved", "agent-7", "boss")
    assert await balance(accounts) == (500, 0, 500)
    line = (await accounts.entries("c1"))[-1]
    assert (line["status"], line["amount_out"], line["balance"], line["description"]) == (
        "booked",
        1500,
        500,
        "Paid out",
    )
    assert line["cause_id"] == held["withdrawal_id"]
    assert await accounts.call("GET", f"/v1/customers/c1/withdrawals/{held['withdrawal_id']}", status=200) == settled
    debited = (await accounts.published("balances"))[-1]
    assert (debited["event"], debited["kind"], debited["amount"]) == ("debited", "withdrawal", 1500)
    pending = await accounts.call("GET", f"/v1/customers/c1/transactions/{held['seq']}", status=200)
    assert (pending["status"], pending["settled_seq"]) == ("pending", line["seq"])


@pytest.mark.requirement("A8")
async def test_a_rejected_one_frees_the_money_and_is_shown_as_refused(accounts: Accounts) -> None:
    await credited(accounts, "c1")
    held = await withdraw(accounts, "c1", "k1", amount=1500)
    waiting = await accounts.call("GET", "/v1/customers/c1/transactions?status=pending", status=200)
    assert [line["seq"] for line in waiting["items"]] == [held["seq"]]
    await decide(accounts, held, "rejection", "k2")
    assert await balance(accounts) == (2000, 0, 2000)
    line = (await accounts.entries("c1"))[-1]
    assert (line["kind"], line["status"], line["code"], line["reason"]) == (
        "withdrawal", "refused", "rejected", "looked at it",
    )  # fmt: skip
    waiting = await accounts.call("GET", "/v1/customers/c1/transactions?status=pending", status=200)
    assert waiting["items"] == []


async def test_it_takes_another_person_with_the_right(accounts: Accounts) -> None:
    await credited(accounts, "c1")
    path, body = "/v1/customers/c1/withdrawals", {"amount": 1500, "type": "card", "customer_visible_description": "x"}
    held = await accounts.call("POST", path, body, status=201, role=Role.SUPERVISOR, Idempotency_Key="k")
    assert (await decide(accounts, held, "approval", "k1", status=403, who="agent-7"))["code"] == (
        "second_person_required"
    )
    approval = f"{path}/{held['withdrawal_id']}/approval"
    assert (await accounts.call("POST", approval, {}, status=403, Idempotency_Key="k2"))["code"] == "permission_denied"
    await decide(accounts, held, "approval", "k3")
    assert (await decide(accounts, held, "rejection", "k4", status=409))["code"] == "withdrawal_decided"
    assert (
        await decide(accounts, {"withdrawal_id": "0199a1f0-0000-7000-8000-000000000001"}, "approval", "k5", status=404)
    )["code"] == "withdrawal_not_found"


async def test_a_suspended_customer_is_paid_nothing(accounts: Accounts) -> None:
    await credited(accounts, "c1")
    held = await withdraw(accounts, "c1", "k1", amount=1500)
    async with accounts.unit_of_work.begin() as transaction:
        await transaction.connection.execute("update customers set status = 'suspended'")
    assert (await decide(accounts, held, "approval", "k2", status=None))["code"] == "customer_suspended"
    await decide(accounts, held, "rejection", "k3")
    assert await balance(accounts) == (2000, 0, 2000)


async def test_supervisors_see_what_waits(accounts: Accounts) -> None:
    await credited(accounts, "c1", "c2")
    first = await withdraw(accounts, "c1", "k1", amount=1001)
    second = await withdraw(accounts, "c2", "k2", amount=1002)
    await withdraw(accounts, "c1", "k3", amount=900)
    listed = await accounts.call("GET", "/v1/withdrawals", status=200, role=Role.SUPERVISOR)
    assert [item["withdrawal_id"] for item in listed["items"]] == [first["withdrawal_id"], second["withdrawal_id"]]
    page = await accounts.call("GET", "/v1/withdrawals?limit=1", status=200, role=Role.SUPERVISOR)
    rest = await accounts.call(
        "GET", f"/v1/withdrawals?limit=1&cursor={page['next_cursor']}", status=200, role=Role.SUPERVISOR
    )
    assert [item["amount"] for item in rest["items"]] == [1002]
    await accounts.call("GET", "/v1/withdrawals", status=403)
    await decide(accounts, first, "rejection", "k4")
    listed = await accounts.call("GET", "/v1/withdrawals?state=rejected", status=200, role=Role.SUPERVISOR)
    assert [item["type"] for item in listed["items"]] == ["cheque"]
    trail = await accounts.call("GET", "/v1/audit?action=ledger.reject_withdrawal", status=200, role=Role.SUPERVISOR)
    assert [(entry["actor"], entry["reason"]) for entry in trail["items"]] == [("boss", "looked at it")]


async def test_of_many_decisions_at_once_one_counts(accounts: Accounts) -> None:
    await credited(accounts, "c1")
    held = await withdraw(accounts, "c1", "k1", amount=1500)
    answers = await asyncio.gather(
        *(decide(accounts, held, "approval", f"a{n}", status=None, who=f"boss-{n}") for n in range(5)),
        *(decide(accounts, held, "rejection", f"r{n}", status=None, who=f"boss-{n}") for n in range(5)),
        *(withdraw(accounts, "c1", f"w{n}", amount=300, status=None) for n in range(4)),
    )
    decided = [answer["state"] for answer in answers[:10] if "withdrawal_id" in answer]
    assert len(decided) == 1
    money, kept, _ = await balance(accounts)
    paid = sum(answer["amount"] for answer in answers[10:] if "code" not in answer)
    assert (money, kept) == (2000 - paid - (1500 if decided == ["approved"] else 0), 0)
    outcomes = [line for line in await accounts.lines("c1") if line[3] == 1500]
    assert len(outcomes) == 2


async def test_an_approval_repeated_under_its_key_is_answered_again(accounts: Accounts) -> None:
    await credited(accounts, "c1")
    held = await withdraw(accounts, "c1", "k1", amount=1500)
    first, *rest = await asyncio.gather(*(decide(accounts, held, "approval", "same") for _ in range(4)))
    assert all(answer == first for answer in rest)
    assert await balance(accounts) == (500, 0, 500)


@pytest.mark.requirement("A8")
async def test_an_adjustment_moves_the_balance_with_its_reason(accounts: Accounts) -> None:
    await credited(accounts, "c1")
    first = await adjust(accounts, "in", 250, "k1")
    again = await adjust(accounts, "in", 250, "k1")
    assert first == again
    assert (first["amount_in"], first["balance"]) == (250, 2250)
    assert (await adjust(accounts, "out", 50, "k2"))["balance"] == 2200
    line = (await accounts.entries("c1"))[-2]
    assert (line["kind"], line["reason"], line["description"], line["actor"]) == (
        "adjustment", "till error", "Correction", "agent-7",
    )  # fmt: skip
    published = (await accounts.published("balances"))[-2:]
    kinds = [(each["event"], each["kind"], each["amount"]) for each in published]
    assert kinds == [("credited", "adjustment", 250), ("debited", "adjustment", 50)]
    assert (await adjust(accounts, "out", 2201, "k3", status=422))["code"] == "insufficient_balance"
    assert (await adjust(accounts, "in", 1, "k4", status=422, currency="EUR"))["code"] == "currency_mismatch"
    assert (await adjust(accounts, "in", 1, "k5", status=404, customer="nobody"))["code"] == "customer_not_found"
    trail = await accounts.call("GET", "/v1/audit?action=ledger.adjust", status=200, role=Role.SUPERVISOR)
    assert [entry["reason"] for entry in trail["items"]] == ["till error", "till error"]
    body = {"direction": "in", "amount": 1, "reason": "x", "customer_visible_description": "x"}
    await accounts.call("POST", "/v1/customers/c1/adjustments", body, status=403, Idempotency_Key="k6")


@pytest.mark.requirement("A10")
async def test_no_adjustment_makes_a_balance_that_events_cannot_tell(accounts: Accounts) -> None:
    await accounts.apply(failed_purchase("c1", "o1"))
    await adjust(accounts, "in", 10, "k1", currency="AUD")
    async with accounts.unit_of_work.begin() as transaction:
        await transaction.connection.execute("update accounts set balance = 1000000000000000 - 5")
    problem = await adjust(accounts, "in", 6, "k2", status=422)
    assert (problem["code"], problem["balance"]) == ("balance_limit", 10**15 - 5)
    assert (await adjust(accounts, "in", 5, "k2"))["balance"] == 10**15


@pytest.mark.requirement("A11")
async def test_an_order_with_the_id_of_a_pending_withdrawal_is_no_decision_on_it(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1", amount=4000), cancellation("c1", "o1", price=2000))
    pending = await withdraw(accounts, "c1", "w", amount=1001)
    assert pending["status"] == "pending"
    await accounts.apply(purchase("c1", pending["withdrawal_id"]))
    assert [finding async for finding in verify_database(accounts.url)] == []


async def test_a_new_account_needs_to_be_told_its_currency(accounts: Accounts) -> None:
    person = {"first_name": "Eva", "last_name": "Malá", "email": "e@example.com", "phone": "+420 777 123 456"}
    made = await accounts.call("POST", "/v1/customers", person, status=201, Idempotency_Key="p")
    customer = made["customer_id"]
    problem = await adjust(accounts, "in", 100, "k1", status=422, customer=customer)
    assert problem["code"] == "currency_required"
    assert (await adjust(accounts, "in", 100, "k2", customer=customer, currency="CZK"))["currency"] == "CZK"


@pytest.mark.requirement("A4", "A10")
async def test_a_held_withdrawal_of_an_erased_customer_can_only_be_rejected(accounts: Accounts) -> None:
    await credited(accounts, "c1")
    body = {"amount": 1500, "type": "cheque", "customer_visible_description": "Payout"}
    path = "/v1/customers/c1"
    held = await accounts.call("POST", f"{path}/withdrawals", body, status=201, Idempotency_Key="k1")
    why = {"reason": "Asked for it in writing"}
    await accounts.call("POST", f"{path}/erasures", why, status=201, role=Role.ADMINISTRATOR, Idempotency_Key="k2")
    assert (await decide(accounts, held, "approval", "k3", status=409))["code"] == "customer_erased"
    assert (await decide(accounts, held, "rejection", "k4"))["state"] == "rejected"
