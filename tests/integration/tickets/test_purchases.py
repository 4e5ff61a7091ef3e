"""Purchases taken in: once, whole, and whatever comes beside them."""

import asyncio
from typing import Any

import pytest

from shared.contracts import PurchaseCompleted, TicketsPaid, TicketsPurchased
from tests.support.partition import Partition
from tests.support.tickets import (
    dead_letters,
    debited,
    failed_purchase,
    purchase,
    renamed,
    states,
    ticket,
    timeline,
    waiting,
)

pytestmark = pytest.mark.requirement("T8")


async def test_an_order_is_recorded_with_its_tickets_and_published_whole(partition: Partition) -> None:
    bought = purchase("c1", "o1", "t1", ticket("t2", autoplay_id="auto-9", price=550))
    await partition.deliver(bought)
    assert await states(partition) == {"t1": "purchased", "t2": "purchased"}
    assert await timeline(partition, "t2") == [(1, "purchased", "purchased")]
    (published,) = await partition.published()
    expected = bought.model_dump(mode="json", exclude_none=True)
    expected["order_id"] = expected.pop("purchase_id")
    assert published == expected


async def test_a_purchase_counts_once_under_any_event_id_and_in_any_batch(partition: Partition) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"), purchase("c1", "o1", "t1"))
    await partition.deliver(purchase("c1", "o1", "t1"))
    await partition.deliver_beside(purchase("c1", "o1", "t1"))
    assert await states(partition) == {"t1": "purchased"}
    assert len(await partition.published()) == 1
    assert await dead_letters(partition) == []


@pytest.mark.parametrize("in_one_batch", [True, False])
async def test_a_purchase_that_contradicts_itself_is_a_dead_letter(partition: Partition, *, in_one_batch: bool) -> None:
    dearer = PurchaseCompleted.example["payment"] | {"amount": 9900}
    contradictions = [
        purchase("c2", "o1", "t9"), failed_purchase("c1", "o1"), purchase("c1", "o1", "t1", payment=dearer)
    ]  # fmt: skip
    if in_one_batch:
        await partition.deliver(purchase("c1", "o1", "t1"), *contradictions)
    else:
        for each in [purchase("c1", "o1", "t1"), *contradictions]:
            await partition.deliver(each)
    assert await dead_letters(partition) == ["purchase_id_taken"] * 3
    assert await states(partition) == {"t1": "purchased"}


async def test_nothing_is_stored_of_an_order_that_wants_a_taken_ticket(partition: Partition) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"))
    await partition.deliver(
        purchase("c2", "o2", "t2", "t1"),
        # These two wait for nobody: the first gets what the rejected order wanted, the second comes too late.
        purchase("c3", "o3", "t2", "t3"),
        purchase("c1", "o4", "t4", "t3"),
        purchase("c4", "o5", "t5"),
    )
    assert await states(partition) == dict.fromkeys(["t1", "t2", "t3", "t5"], "purchased")
    assert await partition.fetch("select order_id from orders order by 1") == [("o1",), ("o3",), ("o5",)]
    assert await partition.fetch("select ticket_id from ticket_timeline order by 1") == [
        ("t1",), ("t2",), ("t3",), ("t5",),
    ]  # fmt: skip
    assert await dead_letters(partition) == ["ticket_id_taken", "ticket_id_taken"]
    assert [event["order_id"] for event in await partition.published(TicketsPurchased)] == ["o1", "o3", "o5"]


async def test_two_processes_that_want_the_same_tickets_agree(partition: Partition) -> None:
    """Opposite orders of tickets: who does not come first must wait or be rolled back, and is rejected."""
    shared_tickets = [f"t{n}" for n in range(20)]

    async def buy(customer: str, order: str, tickets: list[str]) -> None:
        await partition.deliver_beside(purchase(customer, order, *tickets))

    results = await asyncio.gather(
        buy("c1", "o1", shared_tickets), buy("c2", "o2", shared_tickets[::-1]), return_exceptions=True
    )
    # A deadlock is a passing fault: the consumer would try again.
    if any(isinstance(result, Exception) for result in results):
        await asyncio.gather(buy("c1", "o1", shared_tickets), buy("c2", "o2", shared_tickets))
    owners = await partition.fetch("select distinct order_id from tickets")
    assert len(owners) == 1
    assert await partition.fetch("select count(*) from tickets") == [(20,)]
    assert await partition.fetch("select count(*) from orders") == [(1,)]


async def test_a_failed_purchase_leaves_an_order_with_its_reason_and_no_tickets(partition: Partition) -> None:
    await partition.deliver(failed_purchase("c1", "o1", "card declined"), failed_purchase("c1", "o1"))
    assert await partition.fetch("select order_id, outcome, failure_reason from orders") == [
        ("o1", "failed", "card declined")
    ]
    assert await states(partition) == {}
    assert await partition.published() == []


@pytest.mark.requirement("A13")
@pytest.mark.parametrize("in_one_batch", [True, False])
async def test_a_failed_purchase_is_taken_when_its_customer_tries_again(
    partition: Partition, *, in_one_batch: bool
) -> None:
    other_card = PurchaseCompleted.example["payment"] | {"transaction_id": "txn-second"}
    attempts = [failed_purchase("c1", "o1", "card declined"), purchase("c1", "o1", "t1", payment=other_card)]
    for batch in [attempts] if in_one_batch else [attempts[:1], attempts[1:]]:
        await partition.deliver(*batch)
    await partition.deliver(purchase("c1", "o1", "t1", payment=other_card), purchase("c2", "o1", "t2"))
    assert await partition.fetch("select outcome, failure_reason, transaction_id from orders") == [
        ("completed", None, "txn-second")
    ]
    assert await states(partition) == {"t1": "purchased"}
    assert [each["order_id"] for each in await partition.published(TicketsPurchased)] == ["o1"]
    assert await dead_letters(partition) == ["purchase_id_taken"]


@pytest.mark.requirement("A13")
@pytest.mark.parametrize("in_one_batch", [True, False])
async def test_a_failed_purchase_stays_when_its_second_attempt_is_rejected(
    partition: Partition, *, in_one_batch: bool
) -> None:
    await partition.deliver(purchase("c2", "o2", "t1"))
    attempts = [failed_purchase("c1", "o1", "card declined"), purchase("c1", "o1", "t1")]
    for batch in [attempts] if in_one_batch else [attempts[:1], attempts[1:]]:
        await partition.deliver(*batch)
    assert await dead_letters(partition) == ["ticket_id_taken"]
    assert await partition.fetch("select outcome, failure_reason from orders where order_id = 'o1'") == [
        ("failed", "card declined")
    ]
    assert await partition.fetch("select customer_id from tickets") == [("c2",)]


async def test_nobody_takes_the_failed_purchase_of_another(partition: Partition) -> None:
    await partition.deliver(failed_purchase("c1", "o1", "card declined"))
    await partition.deliver(purchase("c2", "o1", "t1"))
    assert await partition.fetch("select customer_id, outcome from orders") == [("c1", "failed")]
    assert await dead_letters(partition) == ["purchase_id_taken"]


async def test_a_batch_takes_the_same_number_of_statements_however_large(partition: Partition) -> None:
    async def statements(orders: int, name: str) -> int:
        queries: list[Any] = []
        events = [purchase(f"{name}{n % 7}", f"{name}-o{n}", f"{name}-t{n}a", f"{name}-t{n}b") for n in range(orders)]
        async with partition.unit_of_work.begin() as transaction:
            transaction.connection.add_query_logger(queries.append)
        await partition.deliver(*events)
        return len(queries)

    # The pool hands out the connection that was given back last; the first use of a type asks what it is.
    await statements(1, "first")
    few, many = await statements(3, "a"), await statements(300, "b")
    # Many rows of the outbox are copied in, which the logger does not see: never more, at any size.
    assert 0 < many <= few


async def test_the_name_is_the_purchases_until_accounts_says_another(partition: Partition) -> None:
    async def name() -> tuple[Any, ...]:
        return (await partition.fetch("select first_name, details_version from customers"))[0]

    await partition.deliver(purchase("c1", "o1", "t1", first_name="Ada"))
    await partition.deliver(purchase("c1", "o2", "t2", first_name="Adele"))
    assert await name() == ("Adele", 0)
    await partition.deliver(renamed("c1", "Ann", 3), renamed("c1", "Beth", 2), purchase("c1", "o3", "t3"))
    assert await name() == ("Ann", 3)
    await partition.deliver(renamed("c1", "Cleo", 4), renamed("c1", "Ann", 3))
    assert await name() == ("Cleo", 4)


async def test_a_result_that_came_before_its_order_is_applied_with_it(partition: Partition) -> None:
    await partition.deliver(debited("c1", "o1"))
    assert await waiting(partition) == ["order:o1"]
    await partition.deliver(purchase("c1", "o1", "t1", "t2"))
    assert await waiting(partition) == []
    assert await states(partition) == {"t1": "paid", "t2": "paid"}
    types = await partition.fetch("select type from outbox order by sequence")
    assert types == [(TicketsPurchased.type,), (TicketsPaid.type,)]
