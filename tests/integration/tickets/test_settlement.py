"""What accounts says of the money, applied to tickets: in any order, any number of times."""

from datetime import timedelta
from itertools import permutations

import pytest

from shared.contracts import Event, TicketCancelled, TicketsInLimbo, TicketsPaid
from tests.support.http import ApiClient
from tests.support.partition import Partition
from tests.support.tickets import (
    credited,
    dead_letters,
    debited,
    failed_purchase,
    payment_refused,
    purchase,
    reversal_refused,
    states,
    timeline,
    waiting,
)

pytestmark = pytest.mark.requirement("T3")


async def cancel(api: ApiClient, ticket_id: str) -> str:
    """Cancel a ticket and return the cancellation's id."""
    answer = await api.post(
        f"/v1/tickets/{ticket_id}/cancellation", {"reason": "wrong draw", "confirm": True}, key=f"cancel-{ticket_id}"
    )
    assert answer.status == 202, answer
    return str((await api.get(f"/v1/tickets/{ticket_id}/cancellation")).body["cancellation_id"])


async def test_a_booked_purchase_pays_its_tickets(partition: Partition) -> None:
    bought = purchase("c1", "o1", "t1", "t2")
    await partition.deliver(bought, debited("c1", "o1", entry="e1"))
    assert await states(partition) == {"t1": "paid", "t2": "paid"}
    (paid,) = await partition.published(TicketsPaid)
    assert paid == {
        "customer_id": "c1",
        "order_id": "o1",
        "paid_at": "2026-11-22T09:30:01Z",
        "currency": "AUD",
        "checkout_id": bought.checkout_id,
        "receipt_id": bought.receipt_id,
        "store_id": bought.store_id,
        "terminal_id": bought.terminal_id,
        "payment_transaction_id": bought.payment.transaction_id,
        "payment_amount": bought.payment.amount,
        "tickets": bought.model_dump(mode="json", exclude_none=True)["tickets"],
    }
    assert await partition.fetch("select cause, actor from ticket_timeline where ticket_id = 't1' and version = 2") == [
        ("e1", "tests/outside")
    ]


async def test_a_refused_payment_sends_tickets_to_limbo_with_the_reason(partition: Partition) -> None:
    await partition.deliver(purchase("c1", "o1", "t1", "t2"), payment_refused("c1", "o1"), payment_refused("c1", "o1"))
    assert await states(partition) == dict.fromkeys(["t1", "t2"], "limbo_payment_refused")
    (limbo,) = await partition.published(TicketsInLimbo)
    assert limbo["code"] == "insufficient_balance"
    assert limbo["ticket_ids"] == ["t1", "t2"]


async def test_only_tickets_that_became_paid_are_announced(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1", "t2"))
    await cancel(api, "t1")
    await partition.deliver(debited("c1", "o1"))
    (paid,) = await partition.published(TicketsPaid)
    assert [ticket["id"] for ticket in paid["tickets"]] == ["t2"]
    assert await states(partition) == {"t1": "cancelling", "t2": "paid"}


async def test_a_reversal_completes_the_cancellation(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1", "t2"), debited("c1", "o1"))
    cancellation = await cancel(api, "t1")
    await partition.deliver(credited("c1", cancellation), credited("c1", cancellation))
    await partition.deliver(reversal_refused("c1", cancellation), debited("c1", "o1", entry="again"))
    assert await states(partition) == {"t1": "cancelled", "t2": "paid"}
    assert await timeline(partition, "t1") == [
        (1, "purchased", "purchased"),
        (2, "paid", "payment_confirmed"),
        (3, "cancelling", "cancellation_requested"),
        (4, "cancelled", "reversal_credited"),
    ]
    (cancelled,) = await partition.published(TicketCancelled)
    assert cancelled["cancellation_id"] == cancellation
    assert cancelled["reason"] == "wrong draw"
    assert cancelled["ticket"] == purchase("c1", "o1", "t1").model_dump(mode="json", exclude_none=True)["tickets"][0]
    view = (await api.get("/v1/tickets/t1/cancellation")).body
    assert (view["state"], view["entry_id"], view["amount"]) == ("completed", f"entry-{cancellation}", 1000)


async def test_a_refused_reversal_ends_in_limbo_until_a_late_credit(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"), debited("c1", "o1"))
    cancellation = await cancel(api, "t1")
    await partition.deliver(reversal_refused("c1", cancellation))
    assert await states(partition) == {"t1": "limbo_reversal_refused"}
    (limbo,) = await partition.published(TicketsInLimbo)
    assert (limbo["code"], limbo["ticket_ids"]) == ("already_reversed", ["t1"])
    view = (await api.get("/v1/tickets/t1/cancellation")).body
    assert (view["state"], view["refusal_code"]) == ("refused", "already_reversed")
    # The repetition of an old confirmation is no way out of it; the credit is.
    await partition.deliver(debited("c1", "o1", entry="again"))
    assert await states(partition) == {"t1": "limbo_reversal_refused"}
    await partition.deliver(credited("c1", cancellation))
    assert await states(partition) == {"t1": "cancelled"}
    view = (await api.get("/v1/tickets/t1/cancellation")).body
    assert (view["state"], view["refusal_code"]) == ("completed", None)


async def test_whatever_the_order_of_order_and_results_each_takes_effect_once(partition: Partition) -> None:
    """Every order of the events, each event brought twice under two ids."""
    for number, order in enumerate(permutations(range(3))):
        customer = f"c{number}"
        events: list[Event] = [
            purchase(customer, f"o{number}a", f"t{number}a"),
            debited(customer, f"o{number}a"),
            payment_refused(customer, f"o{number}b"),
        ]
        for each in order:
            await partition.deliver(events[each])
        await partition.deliver(purchase(customer, f"o{number}b", f"t{number}b"))
        await partition.deliver(*(events[each] for each in reversed(order)))
        found = await states(partition)
        assert (found[f"t{number}a"], found[f"t{number}b"]) == ("paid", "limbo_payment_refused"), order
        assert len(await timeline(partition, f"t{number}a")) == 2
    assert len(await partition.published(TicketsPaid)) == 6
    assert len(await partition.published(TicketsInLimbo)) == 6
    assert await waiting(partition) == []
    assert await dead_letters(partition) == []


async def test_one_batch_settles_many_orders_of_many_customers(partition: Partition) -> None:
    orders = [(f"c{n % 5}", f"o{n}") for n in range(50)]
    await partition.deliver(*(purchase(customer, order, f"{order}-a", f"{order}-b") for customer, order in orders))
    await partition.deliver(
        *(debited(*each) for each in orders[:30]),
        *(payment_refused(*each) for each in orders[30:]),
        *(debited(*each) for each in orders[:30]),
    )
    found = await states(partition)
    assert sum(state == "paid" for state in found.values()) == 60
    assert sum(state == "limbo_payment_refused" for state in found.values()) == 40
    assert [event["order_id"] for event in await partition.published(TicketsPaid)] == [f"o{n}" for n in range(30)]


async def test_other_movements_of_money_are_none_of_our_business(partition: Partition) -> None:
    await partition.deliver(
        debited("c1", "w1", kind="withdrawal"),
        credited("c1", "o9", kind="deposit"),
        debited("c1", "a", kind="adjustment"),
    )
    assert (await waiting(partition), await dead_letters(partition)) == ([], [])


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (debited("c2", "o1"), "order_of_another_customer"),
        (payment_refused("c1", "failed"), "order_failed"),
        (credited("c1", "never-asked"), "cancellation_unknown"),
        (credited("c2", "never-asked"), "order_of_another_customer"),
    ],
)
async def test_results_that_fit_nothing_are_dead_letters(partition: Partition, event: Event, code: str) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"), failed_purchase("c1", "failed"))
    await partition.deliver(event)
    assert await dead_letters(partition) == [code]
    assert await states(partition) == {"t1": "purchased"}


async def test_a_reversal_of_an_order_not_yet_known_waits_and_is_then_explained(partition: Partition) -> None:
    await partition.deliver(credited("c1", "never-asked", "o1"))
    assert await waiting(partition) == ["order:o1"]
    await partition.deliver(purchase("c1", "o1", "t1"))
    assert (await waiting(partition), await dead_letters(partition)) == ([], ["cancellation_unknown"])


async def test_an_order_that_never_comes_makes_its_result_a_dead_letter(partition: Partition) -> None:
    await partition.deliver(debited("c1", "o1"))
    ((expiry,),) = await partition.fetch("select expires_at - waiting_since from waiting_events")
    assert expiry == timedelta(days=1)
    async with partition.unit_of_work.begin() as transaction:
        await transaction.connection.execute("update waiting_events set expires_at = now()")
    assert await partition.processor.apply_overdue() == 1
    assert (await waiting(partition), await dead_letters(partition)) == ([], ["order_unknown"])
