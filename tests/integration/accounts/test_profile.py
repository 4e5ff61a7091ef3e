"""The profile in one call, its financial summary, and what a customer's status forbids."""

from typing import Any

import pytest

from tests.support.accounts import Accounts, cancellation, failed_purchase, purchase

PAYOUT = {"amount": 700, "type": "admin", "customer_visible_description": "Refund"}


async def profile_of(accounts: Accounts, customer_id: str = "c1") -> Any:
    return await accounts.call("GET", f"/v1/customers/{customer_id}/profile", status=200)


async def withdraw(accounts: Accounts, key: str, *, status: int, customer_id: str = "c1", **changes: Any) -> Any:
    path = f"/v1/customers/{customer_id}/withdrawals"
    return await accounts.call("POST", path, PAYOUT | changes, status=status, Idempotency_Key=key)


@pytest.mark.requirement("A5")
async def test_the_summary_has_every_kind_of_movement(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), purchase("c1", "o2"), failed_purchase("c1", "o3"))
    await accounts.apply(purchase("c1", "o4", method="balance", amount=10_000_000))
    await accounts.apply(
        cancellation("c1", "o1", 1), cancellation("c1", "o1", 2), cancellation("c1", "o1", 2, under="x")
    )
    await withdraw(accounts, "w1", status=201)
    profile = await profile_of(accounts)
    (last,) = await accounts.fetch("select max(recorded_at) as at from ledger_entries where status = 'booked'")
    assert profile["financial_summary"] == {
        "currency": "AUD", "balance": 1300, "available": 1300,
        "deposits": {"total": 4000, "count": 2}, "purchases": {"total": 4000, "count": 2},
        "reversals": {"total": 2000, "count": 2}, "withdrawals": {"total": 700, "count": 1},
        "adjustments": {"total": 0, "count": 0},
        "last_movement_at": last["at"].isoformat().replace("+00:00", "Z"),
        "accounts": [{"customer_id": "c1", "currency": "AUD", "balance": 1300}],
    }  # fmt: skip
    assert (profile["first_name"], profile["account"]["balance"]) == ("Ada", 1300)
    recent = profile["recent_activities"]
    assert len(recent) == 7
    assert [each["occurred_at"] for each in recent] == sorted((each["occurred_at"] for each in recent), reverse=True)


@pytest.mark.requirement("A5")
async def test_a_withdrawal_is_shown_at_once(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), cancellation("c1", "o1"))
    for n, balance in ((1, 300), (2, 0)):
        amount = 700 if n == 1 else 300
        await withdraw(accounts, f"w{n}", status=201, amount=amount)
        assert (await profile_of(accounts))["financial_summary"]["balance"] == balance


@pytest.mark.requirement("A5")
async def test_the_sums_are_those_of_the_ledger(accounts: Accounts) -> None:
    """The kept sums against sums over all entries, of several customers in one batch."""
    orders = [purchase(f"c{n % 3}", f"o{n}", amount=200 * n + 200) for n in range(12)]
    await accounts.apply(*orders)
    await accounts.apply(*(cancellation(f"c{n % 3}", f"o{n}", price=100) for n in range(0, 12, 2)))
    kept = await accounts.fetch(
        """select customer_id, deposits - purchases + reversals - withdrawals + adjustments as net, balance,
                  deposit_count + purchase_count + reversal_count as entries from accounts order by customer_id"""
    )
    summed = await accounts.fetch(
        """select customer_id, net, net as balance, entries
           from (select customer_id, sum(amount_in - amount_out)::bigint as net, count(*) as entries
                 from ledger_entries where status = 'booked' group by 1) as summed order by 1"""
    )
    assert kept == summed


async def test_an_unknown_customer_has_no_profile(accounts: Accounts) -> None:
    problem = await accounts.call("GET", "/v1/customers/nobody/profile", status=404)
    assert problem["code"] == "customer_not_found"


@pytest.mark.requirement("A4")
async def test_a_closed_customer_is_paid_what_is_left(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), cancellation("c1", "o1"))
    change = {"status": "closed", "status_reason": "Wants no account"}
    await accounts.call("PATCH", "/v1/customers/c1", change, status=200, If_Match="*")
    await withdraw(accounts, "w1", status=201)


@pytest.mark.requirement("A4")
async def test_a_suspended_customer_is_paid_nothing(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), cancellation("c1", "o1"))
    change = {"status": "suspended", "status_reason": "A court order"}
    changed = await accounts.call("PATCH", "/v1/customers/c1", change, status=200, If_Match="*")
    assert (changed["status"], changed["status_reason"]) == ("suspended", "A court order")
    problem = await withdraw(accounts, "w1", status=422)
    assert problem["code"] == "customer_suspended"
    # What shops sold is a fact: it is booked all the same.
    await accounts.apply(purchase("c1", "o2"))
    assert (await profile_of(accounts))["financial_summary"]["deposits"]["count"] == 2
    await accounts.call(
        "PATCH", "/v1/customers/c1", {"status": "active", "status_reason": "Lifted"}, status=200, If_Match="*"
    )
    await withdraw(accounts, "w2", status=201)


@pytest.mark.requirement("A4")
async def test_a_status_needs_a_reason_and_a_zone_must_exist(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"))
    for change, field in (
        ({"status": "closed"}, "body.status_reason"),
        ({"status_reason": "why"}, "body.status"),
        ({"time_zone": "Mars/Olympus"}, "body.time_zone"),
        ({"language": "english!"}, "body.language"),
    ):
        problem = await accounts.call("PATCH", "/v1/customers/c1", change, status=422, If_Match="*")
        assert [error["field"] for error in problem["errors"]] == [field]
    good = {"time_zone": "Australia/Lord_Howe", "language": "zh-Hant-TW"}
    changed = await accounts.call("PATCH", "/v1/customers/c1", good, status=200, If_Match="*")
    assert good.items() <= changed.items()
