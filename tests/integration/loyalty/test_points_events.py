"""Points from events: awarded once, clawed back once, whatever the order and the number of copies."""

import asyncio
import itertools
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.loyalty.app import SERVICE
from shared.contracts import Event, PointsAwarded, PointsClawedBack
from tests.support.loyalty import NOON, account, cancelled, entries, paid
from tests.support.partition import Partition, partition_of
from tests.support.stack import Infra

PRICES = {"t1": 1000, "t2": 2550, "free": 99}


async def test_each_paid_ticket_earns_and_too_cheap_ones_make_no_entry(partition: Partition) -> None:
    await partition.deliver(paid("c1", PRICES))
    assert await entries(partition, "c1") == [("earned", "t1", 10, 10), ("earned", "t2", 25, 35)]
    assert await account(partition, "c1") == (35, 35, 0)
    published = await partition.published(PointsAwarded)
    assert [(event["ticket_id"], event["points"], event["balance"]) for event in published] == [
        ("t1", 10, 10),
        ("t2", 25, 35),
    ]
    rows = await partition.fetch(
        "select id::text, occurred_at, order_id, store_id, terminal_id, payment_transaction_id from point_entries"
    )
    assert {row[1:] for row in rows} == {(NOON, "order-1", "store-17", "term-3", "txn-88231")}
    assert {row[0] for row in rows} == {event["entry_id"] for event in published}


async def test_a_cancelled_ticket_gives_back_exactly_what_it_earned(infra: Infra, partition: Partition) -> None:
    await partition.deliver(paid("c1", PRICES))
    # The price of the event is not what counts, nor the rate of today.
    await partition.deliver(cancelled("c1", "t2", 9999))
    assert (await entries(partition, "c1"))[-1] == ("clawed_back", "t2", -25, 10)
    assert await account(partition, "c1") == (10, 35, 25)
    (published,) = await partition.published(PointsClawedBack)
    assert (published["ticket_id"], published["points"], published["balance"]) == ("t2", 25, 10)
    rows = await partition.fetch(
        "select store_id, terminal_id, payment_transaction_id from point_entries where points < 0"
    )
    assert rows == [("store-17", "term-3", "txn-88231")]


async def test_a_ticket_that_earned_nothing_gives_nothing_back_and_waits_for_nothing(partition: Partition) -> None:
    await partition.deliver(paid("c1", PRICES), cancelled("c1", "free", 99), cancelled("c1", "unheard-of", 50))
    assert await account(partition, "c1") == (35, 35, 0)
    assert await partition.published(PointsClawedBack) == []
    assert await partition.fetch("select 1 from waiting_events") == []


async def test_the_same_facts_under_other_event_ids_count_once(partition: Partition) -> None:
    facts: list[Event] = [paid("c1", PRICES), cancelled("c1", "t1", 1000)]
    for _ in range(3):
        await partition.deliver(*facts, *facts)
    assert await entries(partition, "c1") == [
        ("earned", "t1", 10, 10),
        ("earned", "t2", 25, 35),
        ("clawed_back", "t1", -10, 25),
    ]
    assert len(await partition.published()) == 3


async def test_a_cancellation_before_its_award_waits_and_ends_right(partition: Partition) -> None:
    await partition.deliver(cancelled("c1", "t1", 1000), cancelled("c1", "t1", 1000), cancelled("c2", "t1", 1000))
    assert await entries(partition, "c1") == []
    await partition.deliver(paid("c1", PRICES))
    assert await entries(partition, "c1") == [
        ("earned", "t1", 10, 10),
        ("earned", "t2", 25, 35),
        ("clawed_back", "t1", -10, 25),
    ]
    assert await partition.fetch("select cause from waiting_events") == [("ticket/c2/t1",)]


async def test_a_cancellation_of_a_ticket_that_was_never_paid_waits_for_no_award(partition: Partition) -> None:
    await partition.deliver(cancelled("c1", "t1", 1000, was_paid=False), cancelled("c1", "t2", 1000, was_paid=True))
    assert await partition.fetch("select cause from waiting_events") == [("ticket/c1/t2",)]


async def test_a_cancellation_whose_award_never_comes_is_let_go(partition: Partition) -> None:
    await partition.deliver(cancelled("c1", "t1", 1000))
    assert await partition.processor.apply_overdue() == 0
    async with partition.unit_of_work.begin() as transaction:
        await transaction.connection.execute("update waiting_events set expires_at = now()")
    assert await partition.processor.apply_overdue() == 1
    assert await partition.fetch("select 1 from waiting_events union all select 1 from dead_letters") == []
    assert await account(partition, "c1") == (0, 0, 0)


async def test_the_rate_is_configured(infra: Infra) -> None:
    async with partition_of(infra, SERVICE, points_per_major_unit=5) as partition:
        await partition.deliver(paid("c1", {"t1": 1999}), paid("c1", {"t2": 700}, order="order-2", currency="JPY"))
        assert await entries(partition, "c1") == [("earned", "t1", 95, 95), ("earned", "t2", 3500, 3595)]


async def test_an_award_beyond_all_bounds_is_a_dead_letter(infra: Infra) -> None:
    async with partition_of(infra, SERVICE, points_per_major_unit=1000) as partition:
        await partition.deliver(
            paid("c1", {"t1": 100, "t2": 10**12}, currency="JPY"), paid("c2", {"t1": 100}, currency="JPY")
        )
        assert await partition.fetch("select code, ordering_key from dead_letters") == [("points_out_of_range", "c1")]
        assert await account(partition, "c1") == (0, 0, 0)
        assert await account(partition, "c2") == (100_000, 100_000, 0)


async def test_two_writers_of_one_customer_take_turns(partition: Partition) -> None:
    """Partitions may change hands while a batch commits: the accounts' locks, not luck, keep the balance."""

    await asyncio.gather(
        *(partition.deliver_beside(paid("c1", {f"t{n}": 1000}), paid("c2", {f"t{n}": 1000})) for n in range(8))
    )
    for customer in ("c1", "c2"):
        assert [balance for *_, balance in await entries(partition, customer)] == [10 * n for n in range(1, 9)]


CUSTOMERS = ["c1", "c2"]


@dataclass(frozen=True)
class Fact:
    """A paid order or the cancellation of one of its tickets."""

    customer: str
    order: int
    cancelled: int | None = None

    def event(self, example: str) -> Event:
        customer = self.customer + example
        tickets = {f"o{self.order}-t{n}": price for n, price in enumerate(PRICES.values())}
        if self.cancelled is None:
            return paid(customer, tickets, order=f"order-{self.order}")
        ticket_id, price = list(tickets.items())[self.cancelled]
        return cancelled(customer, ticket_id, price, order=f"order-{self.order}")


FACTS = st.builds(
    Fact, customer=st.sampled_from(CUSTOMERS), order=st.integers(0, 2), cancelled=st.none() | st.integers(0, 2)
)


EXAMPLES = itertools.count()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(FACTS, min_size=1, max_size=20), st.integers(1, 20))
async def test_any_order_any_copies_and_any_batches_end_the_same(
    partition: Partition, facts: list[Fact], batch: int
) -> None:
    example = f"-{next(EXAMPLES)}"
    events = [fact.event(example) for fact in facts]
    for start in range(0, len(events), batch):
        await partition.deliver(*events[start : start + batch])
    for customer in CUSTOMERS:
        rows = await entries(partition, customer + example)
        assert {(kind, ticket_id): points for kind, ticket_id, points, _ in rows} == _expected(facts, customer)
        assert len(rows) == len({row[:2] for row in rows})
        assert [row[3] for row in rows] == list(itertools.accumulate(row[2] for row in rows))
        assert (await account(partition, customer + example))[0] == sum(row[2] for row in rows)


def _expected(facts: list[Fact], customer: str) -> dict[tuple[str, str], int]:
    mine = [fact for fact in facts if fact.customer == customer]
    paid_orders = {fact.order for fact in mine if fact.cancelled is None}
    earned = {(order, n): points for order in paid_orders for n, points in enumerate((10, 25, 0)) if points}
    back = {(fact.order, fact.cancelled) for fact in mine if fact.cancelled is not None}
    return {("earned", f"o{order}-t{n}"): points for (order, n), points in earned.items()} | {
        ("clawed_back", f"o{order}-t{n}"): -points for (order, n), points in earned.items() if (order, n) in back
    }
