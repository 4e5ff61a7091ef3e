"""Reports of providers: the status follows them in any order, however often they come and whatever their key."""

import itertools
from typing import Any
from uuid import uuid4

import pytest

from shared.contracts import CustomerErased
from shared.messaging import Publication
from tests.support.http import ApiClient
from tests.support.notifications import NOON, cancelled, customer, message_id, paid, report, status
from tests.support.partition import SOURCE, Partition


@pytest.mark.parametrize(
    ("states", "shown"),
    [
        (["accepted"], "pending"),
        (["deferred", "accepted"], "pending"),
        (["deferred", "delivered"], "delivered"),
        (["delivered", "soft_bounce"], "delivered"),
        (["delivered", "hard_bounce", "soft_bounce"], "hard_bounce"),
        (["complaint", "deferred"], "delivered"),
        (["soft_bounce", "deferred"], "soft_bounce"),
    ],
)
async def test_the_status_follows_reports_in_any_order(partition: Partition, states: list[str], shown: str) -> None:
    for number, order in enumerate(itertools.permutations(states)):
        name = f"c{number}"
        await partition.deliver(customer(name), paid(name))
        identity = await message_id(partition, name)
        for state in order:
            await partition.deliver(report(name, identity, state))
        await partition.deliver(*(report(name, identity, state) for state in reversed(order)))
        assert await status(partition, name) == shown
        ((kept,),) = await partition.fetch("select count(*) from delivery_reports where customer_id = $1", name)
        assert kept == len(states)


async def test_a_report_under_another_customers_id_still_reaches_its_message(partition: Partition) -> None:
    await partition.deliver(customer("c1"), paid("c1"))
    await partition.deliver(report("somebody-else", await message_id(partition, "c1"), "delivered"))
    assert await status(partition, "c1") == "delivered"


async def test_a_record_with_any_key_is_taken(partition: Partition) -> None:
    await partition.deliver(customer("c1"), paid("c1"))
    event = report("c1", await message_id(partition, "c1"), "hard_bounce")
    publication = Publication.of(event, source=SOURCE)
    keyless = Publication(publication.topic, None, publication.headers, publication.value)
    await partition.deliver(keyless)
    assert await status(partition, "c1") == "hard_bounce"


async def test_reports_on_many_messages_in_one_batch(partition: Partition) -> None:
    await partition.deliver(customer("c1"), paid("c1"), cancelled("c1", "t1"), customer("c2"), paid("c2"))
    ids = await partition.fetch("select customer_id, id from correspondence order by customer_id, created_at")
    states = ["delivered", "soft_bounce", "hard_bounce"]
    events = [report(name, identity, state) for (name, identity), state in zip(ids, states, strict=True)]
    await partition.deliver(*events, *events[::-1])
    assert await partition.fetch("select status from correspondence order by customer_id, created_at") == [
        ("delivered",), ("soft_bounce",), ("hard_bounce",),
    ]  # fmt: skip


async def test_a_report_on_an_unknown_message_waits_and_is_then_a_dead_letter(partition: Partition) -> None:
    unknown = uuid4()
    await partition.deliver(report("c1", unknown, "delivered"), report("c1", "not-a-uuid", "delivered"))
    assert await partition.fetch("select cause from waiting_events") == [(f"message:{unknown}",)]
    assert await _dead_letters(partition) == ["unknown_message"]
    async with partition.unit_of_work.begin() as transaction:
        await transaction.connection.execute("update waiting_events set expires_at = now()")
    assert await partition.processor.apply_overdue() == 1
    assert await _dead_letters(partition) == ["unknown_message", "unknown_message"]
    assert await partition.fetch("select * from waiting_events") == []


@pytest.mark.parametrize(
    ("written", "code", "said"),
    [
        ("5.1.1", "5.1.1", "no such mailbox"),
        ("HardBounce", "HardBounce", "no such mailbox"),
        ("550 5.1.1 <c1@example.com> is unknown", "550", "550 5.1.1 <c1@example.com> is unknown"),
        ("c1@example.com is unknown", None, "c1@example.com is unknown"),
    ],
)
async def test_a_status_code_that_says_more_is_no_code_alone(
    partition: Partition, api: ApiClient, written: str, code: str | None, said: str
) -> None:
    """Codes are shown to everybody and outlive an erasure; what servers say is not, and does not."""
    await partition.deliver(customer("c1"), paid("c1"))
    identity = await message_id(partition, "c1")
    diagnostic = "no such mailbox" if said == "no such mailbox" else None
    reported = report("c1", identity, "hard_bounce", status_code=written, diagnostic=diagnostic)
    await partition.deliver(reported)
    assert await partition.fetch("select status_code, diagnostic from delivery_reports") == [(code, said)]
    assert "c1@example.com" not in str(await api.get(f"/v1/correspondence/{identity}", role="viewer"))
    await partition.deliver(CustomerErased(customer_id="c1", version=2, erased_at=NOON), reported)
    assert await partition.fetch("select distinct status_code, diagnostic from delivery_reports") == [(code, None)]


async def _dead_letters(partition: Partition) -> list[Any]:
    return [row[0] for row in await partition.fetch("select code from dead_letters order by created_at")]
