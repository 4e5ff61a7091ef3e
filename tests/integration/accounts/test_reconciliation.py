"""What tickets cancelled against what accounts credited back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from services.accounts.reconciliation.jobs import Reconciliation
from shared.contracts import TicketCancelled
from shared.telemetry.metrics import render_metrics
from shared.web import Role
from tests.support.accounts import Accounts, cancellation, purchase


def cancelled(order: str, number: int = 1, *, price: int = 1000, credited: int | None = None) -> TicketCancelled:
    """Tickets says that it cancelled a ticket."""
    ticket = TicketCancelled.model_validate_json(orjson.dumps(TicketCancelled.example)).ticket
    return TicketCancelled(
        customer_id="c1", cancellation_id=f"can-{order}-{number}", order_id=order, cancelled_at=datetime.now(UTC),
        ticket=ticket.model_copy(update={"id": f"{order}-{number}", "price": price}), currency="AUD", reason="why",
        credited=credited,
    )  # fmt: skip


async def compare(accounts: Accounts) -> None:
    await Reconciliation(accounts.unit_of_work, grace=timedelta()).compare()


async def report(accounts: Accounts, state: str = "open") -> list[tuple[Any, ...]]:
    answer = await accounts.call("GET", f"/v1/reconciliation?state={state}", status=200, role=Role.SUPERVISOR)
    return sorted(
        (item["cancellation_id"], item["missing"], item["cancelled_amount"], item["reversed_amount"])
        for item in answer["items"]
    )


@pytest.mark.requirement("A19")
async def test_what_both_say_is_no_difference(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), cancellation("c1", "o1"), cancelled("o1"))
    await accounts.apply(purchase("c1", "o2"), cancellation("c1", "o2"))
    await accounts.apply(cancelled("o2"), cancelled("o2"))
    await accounts.apply(cancelled("o2"))
    # Nothing was charged for it.
    await accounts.apply(cancelled("o3", credited=0))
    await compare(accounts)
    assert await report(accounts) == []


@pytest.mark.requirement("A19")
async def test_differences_are_found_both_ways_and_resolve(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), cancellation("c1", "o1"))
    await accounts.apply(purchase("c1", "o2"), cancelled("o2"))
    await accounts.apply(purchase("c1", "o3"), cancellation("c1", "o3"), cancelled("o3", price=900))
    await compare(accounts)
    assert await report(accounts) == [
        ("can-o1-1", "cancellation", None, 1000), ("can-o2-1", "reversal", 1000, None),
        ("can-o3-1", "agreement", 900, 1000),
    ]  # fmt: skip
    summary = await accounts.call("GET", "/v1/reconciliation/summary", status=200, role=Role.SUPERVISOR)
    assert (summary["missing_reversals"], summary["missing_cancellations"], summary["disagreements"]) == (1, 1, 1)
    assert b'recourse_reconciliation_differences{missing="reversal"} 1.0' in render_metrics()[0]
    # The other side's word comes late.
    await accounts.apply(cancelled("o1"), cancellation("c1", "o2"))
    await compare(accounts)
    assert await report(accounts) == [("can-o3-1", "agreement", 900, 1000)]
    assert await report(accounts, "resolved") == [("can-o1-1", None, 1000, 1000), ("can-o2-1", None, 1000, 1000)]


@pytest.mark.requirement("A19")
async def test_a_late_word_that_says_something_else_is_no_missing_one(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), cancellation("c1", "o1"))
    await accounts.apply(purchase("c1", "o2"), cancelled("o2", price=900))
    await compare(accounts)
    assert [each[1] for each in await report(accounts)] == ["cancellation", "reversal"]
    await accounts.apply(cancelled("o1", price=900), cancellation("c1", "o2"))
    await compare(accounts)
    assert await report(accounts) == [("can-o1-1", "agreement", 900, 1000), ("can-o2-1", "agreement", 900, 1000)]


async def test_what_is_young_is_not_compared_yet(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1"), cancellation("c1", "o1"), cancelled("o2"))
    await Reconciliation(accounts.unit_of_work, grace=timedelta(minutes=5)).compare()
    assert await report(accounts) == []
    await compare(accounts)
    assert len(await report(accounts)) == 2


async def test_pages_and_rights(accounts: Accounts) -> None:
    await accounts.apply(*(cancelled(f"o{number}") for number in range(7)))
    await compare(accounts)
    found = await accounts.items("/v1/reconciliation", limit=3, role=Role.SUPERVISOR)
    seen = [item["cancellation_id"] for item in found]
    assert sorted(seen) == [f"can-o{number}-1" for number in range(7)]
    await accounts.call("GET", "/v1/reconciliation", status=403)
