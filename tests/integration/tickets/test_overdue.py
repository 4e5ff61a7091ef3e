"""Payments that never come: the job that sends their tickets to limbo, beside itself and beside the consumer."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.tickets.app import SERVICE
from services.tickets.customers.store import lock
from services.tickets.settlement.jobs import OverduePayments
from shared.contracts import TicketsInLimbo, TicketsPaid
from tests.support.messaging import eventually
from tests.support.partition import Partition, partition_of
from tests.support.stack import Infra
from tests.support.tickets import debited, payment_refused, purchase, states, timeline

pytestmark = pytest.mark.requirement("T3")

TIMEOUT = timedelta(seconds=60)


def job(partition: Partition, **options: int) -> OverduePayments:
    return OverduePayments(partition.unit_of_work, timeout=TIMEOUT, **options)


async def age(partition: Partition, *orders: str) -> None:
    """Make orders as old as the timeout allows."""
    async with partition.unit_of_work.begin() as transaction:
        await transaction.connection.execute(
            "update tickets set payment_asked_at = payment_asked_at - $1::interval where order_id = any($2)",
            TIMEOUT,
            orders,
        )


async def test_overdue_tickets_go_to_limbo_order_by_order(partition: Partition) -> None:
    await partition.deliver(
        *(purchase("c1", f"o{n}", f"o{n}-t1", f"o{n}-t2") for n in range(3)), purchase("c2", "young", "young-t")
    )
    await partition.deliver(debited("c1", "o1"))
    await age(partition, "o0", "o1", "o2")
    assert await job(partition).sweep() == 4
    assert await job(partition).sweep() == 0
    found = await states(partition)
    assert {found[f"{order}-{ticket}"] for order in ("o0", "o2") for ticket in ("t1", "t2")} == {
        "limbo_payment_overdue"
    }
    assert (found["o1-t1"], found["young-t"]) == ("paid", "purchased")
    limbo = await partition.published(TicketsInLimbo)
    assert [(each["order_id"], each["code"], each["ticket_ids"]) for each in limbo] == [
        ("o0", "payment_overdue", ["o0-t1", "o0-t2"]),
        ("o2", "payment_overdue", ["o2-t1", "o2-t2"]),
    ]
    assert limbo[0]["reason"] == "The payment was neither confirmed nor refused within 60 s"


@pytest.mark.parametrize(("result", "state"), [(debited, "paid"), (payment_refused, "limbo_payment_refused")])
async def test_a_result_that_comes_late_still_counts(partition: Partition, result: type[object], state: str) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"))
    await age(partition, "o1")
    await job(partition).sweep()
    await partition.deliver(result("c1", "o1"))  # type: ignore[call-arg, arg-type]
    assert await states(partition) == {"t1": state}
    assert [row[2] for row in await timeline(partition, "t1")][:2] == ["purchased", "payment_overdue"]


async def test_replicas_share_the_work_and_do_it_once(partition: Partition) -> None:
    orders = [f"o{n}" for n in range(40)]
    await partition.deliver(*(purchase(f"c{n % 10}", order, f"{order}-t") for n, order in enumerate(orders)))
    await age(partition, *orders)
    replicas = [job(partition, batch_size=7) for _ in range(3)]
    swept = 0
    async with asyncio.timeout(60):
        while "purchased" in (await states(partition)).values():
            swept += sum(await asyncio.gather(*(replica.sweep() for replica in replicas)))
    assert swept == len(orders)
    assert sorted(each["order_id"] for each in await partition.published(TicketsInLimbo)) == sorted(orders)


async def test_payments_and_the_job_at_once_agree(partition: Partition) -> None:
    orders = [f"o{n}" for n in range(30)]
    await partition.deliver(*(purchase(f"c{n}", order, f"{order}-t") for n, order in enumerate(orders)))
    await age(partition, *orders)
    sweeper = job(partition, batch_size=5)
    await asyncio.gather(
        *(sweeper.sweep() for _ in range(6)),
        *(partition.deliver_beside(debited(f"c{n}", order)) for n, order in enumerate(orders)),
    )
    assert set((await states(partition)).values()) == {"paid"}
    assert sorted(each["order_id"] for each in await partition.published(TicketsPaid)) == sorted(orders)
    for order in orders:
        events = [row[2] for row in await timeline(partition, f"{order}-t")]
        assert events in (
            ["purchased", "payment_confirmed"],
            ["purchased", "payment_overdue", "payment_confirmed"],
        )


async def test_a_customer_whose_lock_is_held_is_passed_over(partition: Partition) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"), purchase("c2", "o2", "t2"))
    await age(partition, "o1", "o2")
    async with partition.unit_of_work.begin() as transaction:
        await lock(transaction.connection, ["c1"])
        assert await job(partition).sweep() == 1
    assert await states(partition) == {"t1": "purchased", "t2": "limbo_payment_overdue"}
    assert await job(partition).sweep() == 1


@pytest.fixture
async def impatient(infra: Infra) -> AsyncIterator[Partition]:
    """Tickets that wait for a payment a fraction of a second."""
    async with partition_of(infra, SERVICE, payment_timeout_seconds=0.1) as running:
        yield running


async def test_the_service_runs_the_job_until_it_is_stopped(impatient: Partition) -> None:
    stop = asyncio.Event()
    run = impatient.parts.jobs[0]
    running = asyncio.ensure_future(run(stop))
    await impatient.deliver(purchase("c1", "o1", "t1"))
    await eventually(lambda: _is_overdue(impatient), seconds=30)
    assert not running.done()
    stop.set()
    await asyncio.wait_for(running, 10)


async def _is_overdue(partition: Partition) -> bool:
    return await states(partition) == {"t1": "limbo_payment_overdue"}
