"""A refused payment that an agent has decided anew: once for each retry, and charged once whatever comes."""

import json
from typing import Any

import pytest

from shared.contracts import TicketsPaymentRetried
from tests.support.accounts import Accounts, cancellation, purchase

pytestmark = pytest.mark.requirement("A19")


def retried(customer: str, order: str, retry: str, amount: int = 2000) -> TicketsPaymentRetried:
    payment = TicketsPaymentRetried.example["payment"] | {"method": "balance", "amount": amount}
    data = TicketsPaymentRetried.example | {
        "customer_id": customer, "order_id": order, "retry_id": retry, "payment": payment,
    }  # fmt: skip
    return TicketsPaymentRetried.model_validate_json(json.dumps(data))


async def purchases(accounts: Accounts, customer: str = "c1") -> list[tuple[Any, ...]]:
    """(order, cause, status) of each purchase line."""
    return [
        (each["order_id"], each["cause_id"], each["status"])
        for each in await accounts.entries(customer)
        if each["kind"] == "purchase"
    ]


async def top_up(accounts: Accounts) -> None:
    """A cancelled card order leaves 1000 on the balance."""
    await accounts.apply(purchase("c1", "card", amount=1000), cancellation("c1", "card"))


async def test_a_refused_order_is_charged_when_the_balance_covers_it_at_last(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1", amount=1000, method="balance"))
    await accounts.apply(retried("c1", "o1", "r1", 1000))
    await top_up(accounts)
    again = retried("c1", "o1", "r2", 1000)
    await accounts.apply(again, again)
    await accounts.apply(again, retried("c1", "o1", "r1", 1000), retried("c1", "o1", "r3", 1000))
    assert await purchases(accounts) == [
        ("o1", "o1", "refused"), ("o1", "r1", "refused"), ("card", "card", "booked"), ("o1", "r2", "booked"),
    ]  # fmt: skip
    told = [each for each in await accounts.published("balances") if each["cause"]["order_id"] == "o1"]
    assert [(each["event"], each["cause"]["id"]) for each in told] == [
        ("refused", "o1"), ("refused", "r1"), ("debited", "r2"),
    ]  # fmt: skip


async def test_what_was_charged_by_a_retry_can_be_credited_back(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1", amount=1000, method="balance"))
    await top_up(accounts)
    await accounts.apply(retried("c1", "o1", "r1", 1000), cancellation("c1", "o1"))
    assert (await accounts.lines("c1"))[-1] == ("reversal", "booked", 1000, 0, 1000)


async def test_no_more_goes_back_than_the_retry_charged(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1", amount=2000, method="balance"))
    await top_up(accounts)
    await accounts.apply(retried("c1", "o1", "r1", 1000))
    await accounts.apply(cancellation("c1", "o1", 1))
    await accounts.apply(cancellation("c1", "o1", 2))
    assert (await accounts.lines("c1"))[-2:] == [
        ("reversal", "booked", 1000, 0, 1000), ("reversal", "refused", 1000, 0, 1000),
    ]  # fmt: skip
    assert (await accounts.entries("c1"))[-1]["code"] == "exceeds_payment"


async def test_an_order_that_was_charged_is_not_charged_by_a_retry(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), retried("c1", "o1", "r1"))
    assert await purchases(accounts) == [("o1", "o1", "booked")]
