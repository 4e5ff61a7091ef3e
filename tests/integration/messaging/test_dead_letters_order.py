"""Behind a dead letter its customer waits, in order; everybody else goes on."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from random import Random

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contracts import PointsAwarded
from shared.messaging import Publication, Received
from shared.messaging.dead_letters import letter_for_event, store_letters
from shared.messaging.erasure import erase_settled_letters
from shared.messaging.operator import discard_letters, replay_letters
from shared.messaging.records import Record
from tests.support.dead_letters import Faults, Ward, run, ward_of
from tests.support.messaging import SOURCE, eventually, points
from tests.support.poison import event_headers, payload, record, violation
from tests.support.stack import Infra


@pytest.fixture
async def ward(infra: Infra) -> AsyncIterator[Ward]:
    async with ward_of(infra, Faults()) as running:
        yield running


async def test_one_customers_failure_parks_only_that_customer(ward: Ward) -> None:
    ward.faults.throws = lambda customer, entry: (customer, int(entry)) == ("c1", 2)
    await ward.deliver(*(points(customer, n) for n in range(1, 6) for customer in ("c0", "c1", "c2")))
    await ward.deliver(points("c1", 6), points("c2", 6))
    assert await ward.effects("c0") == [1, 2, 3, 4, 5]
    assert await ward.effects("c1") == [1]
    assert await ward.effects("c2") == [1, 2, 3, 4, 5, 6]
    rows = await ward.partition.fetch("select code, detail, ordering_key, event_type, attempts from dead_letters")
    assert rows == [("handler_failed", "ValueError: cannot take entry 000002", "c1", PointsAwarded.type, 1)]
    assert await ward.count("parked_events") == 4


@pytest.mark.parametrize("fault", ["throws", "rejects"])
async def test_a_replay_applies_the_letter_and_then_what_is_parked_in_order(ward: Ward, fault: str) -> None:
    setattr(ward.faults, fault, lambda _, entry: int(entry) == 1)
    await ward.deliver(*run("c1", range(1, 6)))
    (letter,) = await ward.letters()
    assert await ward.replay(letter) == "dead"
    assert await ward.partition.fetch("select attempts from dead_letters") == [(2,)]
    assert await ward.effects("c1") == []
    ward.faults.mend()
    assert await ward.replay(letter) == "replayed"
    assert await ward.effects("c1") == [1, 2, 3, 4, 5]
    assert await ward.replay(letter) == "settled"
    await ward.deliver(points("c1", 6))
    assert await ward.effects("c1") == [1, 2, 3, 4, 5, 6]
    await _nothing_is_left(ward)


async def test_a_discard_gives_the_letter_up_and_lets_the_others_go(ward: Ward) -> None:
    ward.faults.throws = lambda _, entry: int(entry) == 1
    await ward.deliver(*run("c1", range(1, 4)))
    (letter,) = await ward.letters()
    assert await ward.discard(letter) == "discarded"
    assert await ward.effects("c1") == [2, 3]
    assert await ward.replay(letter) == "settled"
    await _nothing_is_left(ward)


async def test_of_two_letters_that_one_customer_gets_at_once_one_waits_behind_the_other(ward: Ward) -> None:
    """Each of two partitions has an event of the customer, and neither sees in time that the other's fails."""
    ward.faults.rejects = lambda *_: True
    other = PointsAwarded.topic + "-elsewhere"
    processor = ward.partition.processor
    (event,) = processor.decode([Record(other, 0, 0, b"c1", event_headers(), payload("c1"))])
    assert isinstance(event, Received)
    async with ward.partition.unit_of_work.begin() as transaction:
        letter = letter_for_event(event, "not_wanted", "", parks=True)
        await store_letters(transaction, consumer=processor.consumer, letters=[letter])
        meanwhile = asyncio.create_task(ward.deliver(points("c1", 2)))
        await eventually(lambda: _is_waiting(ward))
    with pytest.raises(asyncpg.SerializationError):
        await meanwhile
    await ward.deliver(points("c1", 2))
    assert await ward.letters() == [letter.id]
    assert await ward.count("parked_events") == 1
    ward.faults.mend()
    assert await ward.replay(letter.id) == "replayed"
    assert await ward.effects("c1") == [1, 2]
    await _nothing_is_left(ward)


async def _is_waiting(ward: Ward) -> bool:
    return bool(await ward.partition.fetch("select from pg_locks where not granted and locktype = 'transactionid'"))


async def test_a_letter_that_is_settled_while_its_customer_is_erased_loses_its_record(ward: Ward) -> None:
    ward.faults.rejects = lambda *_: True
    await ward.deliver(points("c1", 1))
    letters = await ward.letters()
    async with ward.partition.unit_of_work.begin() as transaction:
        await discard_letters(ward.partition.processor, transaction, letters, actor="operator", note="why")
        erasure = asyncio.create_task(_erase(ward, "c1"))
        await eventually(lambda: _is_waiting_or_done(ward, erasure))
    await erasure
    assert await ward.partition.fetch("select state, value, detail from dead_letters") == [
        ("discarded", None, "erased")
    ]


async def _erase(ward: Ward, customer: str) -> None:
    async with ward.partition.unit_of_work.begin() as transaction:
        await erase_settled_letters(transaction.connection, [customer])


async def _is_waiting_or_done(ward: Ward, task: asyncio.Task[None]) -> bool:
    return task.done() or await _is_waiting(ward)


async def test_what_is_told_of_a_commit_is_told_once_it_has_happened(ward: Ward) -> None:
    told: list[str] = []
    begin = ward.partition.unit_of_work.begin
    async with begin() as transaction:
        transaction.on_commit(lambda: told.append("kept"))
        with contextlib.suppress(ZeroDivisionError):
            async with transaction.savepoint():
                transaction.on_commit(lambda: told.append("undone"))
                transaction.publish(points("c1", 1))
                raise ZeroDivisionError
        assert told == []
    with contextlib.suppress(ZeroDivisionError):
        async with begin() as transaction:
            transaction.on_commit(lambda: told.append("undone"))
            raise ZeroDivisionError
    assert told == ["kept"]
    assert await ward.count("outbox") == 0


async def test_copies_of_what_was_given_up_are_not_applied(ward: Ward) -> None:
    ward.faults.throws = lambda _, entry: int(entry) == 1
    copy = Publication.of(points("c1", 1), source=SOURCE, event_id="once")
    await ward.deliver(copy, copy, points("c1", 2))
    ward.faults.mend()
    assert await ward.discard((await ward.letters())[0]) == "discarded"
    assert await ward.effects("c1") == [2]
    await ward.deliver(copy)
    assert await ward.effects("c1") == [2]
    await _nothing_is_left(ward)


async def test_copies_of_what_was_applied_are_not_parked(ward: Ward) -> None:
    """They would be let go at any time, when the inbox may have forgotten what was applied."""
    ward.faults.throws = lambda _, entry: int(entry) == 2
    copy = Publication.of(points("c1", 1), source=SOURCE, event_id="once")
    await ward.deliver(copy, points("c1", 2), copy, points("c1", 3))
    await ward.deliver(copy)
    assert await ward.count("parked_events") == 1
    ward.faults.mend()
    assert await ward.replay((await ward.letters())[0]) == "replayed"
    assert await ward.effects("c1") == [1, 2, 3]
    await _nothing_is_left(ward)


async def test_what_is_let_go_may_die_too_and_parks_the_rest_again(ward: Ward) -> None:
    ward.faults.throws = lambda _, entry: int(entry) in {1, 3}
    await ward.deliver(*run("c1", range(1, 6)))
    (first,) = await ward.letters()
    assert await ward.discard(first) == "discarded"
    assert await ward.effects("c1") == [2]
    (second,) = await ward.letters()
    await ward.deliver(points("c1", 6))
    ward.faults.mend()
    assert await ward.replay(second) == "replayed"
    assert await ward.effects("c1") == [2, 3, 4, 5, 6]
    await _nothing_is_left(ward)


async def test_events_before_a_broken_record_of_their_customer_do_not_wait_for_it(ward: Ward) -> None:
    await ward.deliver(points("c1", 1), violation("c1"), points("c1", 2), violation("c1"), points("c1", 3))
    assert await ward.effects("c1") == [1]
    (letter,) = await ward.letters()
    assert await ward.replay(letter) == "dead"
    assert await ward.discard(letter) == "discarded"
    # The second broken record comes to light, and what follows it waits for that one.
    assert await ward.effects("c1") == [1, 2]
    (second,) = await ward.letters()
    assert second != letter
    assert await ward.discard(second) == "discarded"
    assert await ward.effects("c1") == [1, 2, 3]
    await _nothing_is_left(ward)


async def test_a_broken_record_without_a_customer_holds_nobody_up(ward: Ward) -> None:
    await ward.deliver(
        points("c1", 1), record(b"{"), points("c1", 2), record(payload("c1", customer_id="")), points("c1", 3)
    )
    assert await ward.effects("c1") == [1, 2, 3]
    assert len(await ward.letters()) == 2


async def test_where_order_does_not_matter_nothing_is_parked(infra: Infra) -> None:
    async with ward_of(infra, Faults(throws=lambda _, entry: int(entry) == 1, ordered=False)) as ward:
        await ward.deliver(*run("c1", range(1, 4)), violation("c1"), points("c1", 4))
        assert await ward.effects("c1") == [2, 3, 4]
        assert len(await ward.letters()) == 2
        ward.faults.mend()
        assert await ward.replay((await ward.letters())[0]) == "replayed"
        assert await ward.effects("c1") == [2, 3, 4, 1]


async def test_copies_of_a_parked_event_take_effect_once(ward: Ward) -> None:
    ward.faults.throws = lambda _, entry: int(entry) == 1
    copies = [record(payload("c1", entry_id=f"{n:06d}"), customer="c1") for n in (1, 2)]
    await ward.deliver(*copies, *copies, copies[1])
    (letter,) = await ward.letters()
    ward.faults.mend()
    assert await ward.replay(letter) == "replayed"
    assert await ward.effects("c1") == [1, 2]
    await _nothing_is_left(ward)


async def test_what_a_failed_replay_published_is_not_published(ward: Ward) -> None:
    ward.faults.throws = lambda _, entry: int(entry) == 1
    await ward.deliver(*run("c1", (1, 2)))
    (letter,) = await ward.letters()
    await ward.replay(letter)
    assert await ward.partition.published(PointsAwarded) == []
    ward.faults.mend()
    await ward.replay(letter)
    assert [event["points"] for event in await ward.partition.published(PointsAwarded)] == [1, 2]


async def test_events_that_come_while_letters_are_replayed_keep_their_place(ward: Ward) -> None:
    """A worker brings more of each customer while an operator replays, and half of what is let go dies anew."""
    customers = [f"c{n}" for n in range(6)]
    bad = {(customer, n) for customer in customers for n in range(0, 30, 7)}
    ward.faults.throws = lambda customer, entry: (customer, int(entry)) in bad

    async def bring() -> None:
        for n in range(30):
            await ward.deliver(*(points(customer, n) for customer in customers))

    async def replay_until(brought: asyncio.Task[None]) -> None:
        while not brought.done() or await ward.letters():
            letters = await ward.letters()
            dead = {letter: await ward.place(letter) for letter in letters}
            bad.difference_update(place for place in dead.values() if random.random() < 0.5)
            async with ward.partition.unit_of_work.begin() as transaction:
                await replay_letters(ward.partition.processor, transaction, letters, actor="operator", note="again")

    random = Random(7)
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        brought = tasks.create_task(bring())
        tasks.create_task(replay_until(brought))
    for customer in customers:
        assert await ward.effects(customer) == list(range(30))
    assert not bad
    await _nothing_is_left(ward)


CUSTOMERS = ["a", "b", "c"]
EXAMPLES = itertools.count()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(CUSTOMERS), st.sampled_from("ggggtrb")), max_size=30), st.integers(0, 2**32))
async def test_whatever_fails_each_customer_ends_with_all_good_events_in_order(
    ward: Ward, plan: list[tuple[str, str]], seed: int
) -> None:
    """g: good, t: throws until mended, r: rejected until mended, b: broken for ever."""
    random, example = Random(seed), next(EXAMPLES)
    names = {customer: f"{customer}{example}" for customer in CUSTOMERS}
    kinds = {(names[customer], n): kind for n, (customer, kind) in enumerate(plan)}
    ward.faults.throws = lambda customer, entry: kinds.get((customer, int(entry))) == "t"
    ward.faults.rejects = lambda customer, entry: kinds.get((customer, int(entry))) == "r"
    items = [violation(customer) if kind == "b" else points(customer, n) for (customer, n), kind in kinds.items()]
    while items:
        size = random.randint(1, 8)
        await ward.deliver(*items[:size])
        items = items[size:]
    for customer in names.values():
        numbers = [n for (owner, n) in kinds if owner == customer]
        bad = [n for n in numbers if kinds[customer, n] != "g"]
        assert await ward.effects(customer) == [n for n in numbers if n < min(bad, default=len(plan))]
    ward.faults.mend()
    while letters := await ward.letters():
        letter = random.choice(letters)
        if await ward.replay(letter) == "dead":
            assert await ward.discard(letter) == "discarded"
    for customer in names.values():
        expected = [n for (owner, n), kind in kinds.items() if owner == customer and kind != "b"]
        assert await ward.effects(customer) == expected
    await _nothing_is_left(ward)


async def _nothing_is_left(ward: Ward) -> None:
    assert await ward.letters() == []
    assert await ward.count("parked_events") == 0
    assert await ward.count("parked_keys") == 0
