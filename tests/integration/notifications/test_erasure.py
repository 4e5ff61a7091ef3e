"""Erased customers: nothing personal is left of what they were told, and they are told nothing more."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from services.notifications.delivery.store import Ended, Key, claim, mark_handing_over, settle, sweep
from services.notifications.erasure.store import erase_messages, erase_recipients
from services.notifications.tracking.domain import Outcome
from shared.contracts import CustomerErased
from shared.db import Connection
from tests.support.http import ApiClient
from tests.support.messaging import eventually
from tests.support.notifications import (
    MailSink,
    cancelled,
    customer,
    expire_leases,
    message_id,
    outcomes_are,
    paid,
    report,
    request,
    working,
)
from tests.support.partition import Partition

PERSONAL = ("Ada", "Novák", "c1@example.com", "wrong draw")


def erased(customer_id: str = "c1", version: int = 2) -> CustomerErased:
    return CustomerErased(customer_id=customer_id, version=version, erased_at=datetime.now(UTC))


async def everything(partition: Partition) -> str:
    """All that all tables say of anybody."""
    tables = await partition.fetch("select tablename from pg_tables where schemaname = 'public'")
    rows = " union all ".join(f"select t::text as row from {name} t" for (name,) in tables)  # noqa: S608 - as they are
    return str(await partition.fetch(rows))


async def statuses(partition: Partition) -> list[tuple[str, str | None]]:
    return await partition.fetch("select status, withheld_reason from correspondence order by created_at")


@pytest.mark.requirement("A4")
async def test_messages_lose_all_that_is_personal(partition: Partition, api: ApiClient) -> None:
    await partition.deliver(customer("c1"), paid("c1"), cancelled("c1"), customer("c2"), paid("c2", "o2"))
    assert "Ada" in await everything(partition)
    await partition.deliver(erased(), erased())
    left = await partition.fetch(
        """select r::text || c::text || t::text from recipients r join correspondence c using (customer_id)
           join correspondence_contents t using (customer_id) where customer_id = 'c1'"""
    )
    assert [word for word in PERSONAL if word in str(left)] == []
    assert await statuses(partition) == [("not_sent", "erased"), ("not_sent", "erased"), ("pending", None)]
    assert await partition.fetch("select customer_id from outgoing") == [("c2",)]
    history = await api.get("/v1/customers/c1/correspondence")
    assert {each["recipient_address"] for each in history.body["items"]} == {None}
    opened = await api.get(f"/v1/correspondence/{history.body['items'][0]['id']}")
    assert (opened.status, opened.body["text"], opened.body["recipient_name"]) == (200, "", "Erased customer")


@pytest.mark.requirement("A4")
async def test_nothing_late_brings_it_back(partition: Partition) -> None:
    await partition.deliver(customer("c1"), paid("c1"))
    ((message_id,),) = await partition.fetch("select id from correspondence")
    await partition.deliver(report("c1", str(message_id), "soft_bounce"))
    await partition.deliver(erased())
    await partition.deliver(
        customer("c1"), customer("c1", version=9), paid("c1", "late"), request("c1"),
        report("c1", str(message_id), "delivered", diagnostic="to c1@example.com"),
    )  # fmt: skip
    assert [word for word in PERSONAL if word in await everything(partition)] == []
    assert await partition.fetch("select status from correspondence") == [("delivered",)]


async def test_an_address_that_looks_erased_already_goes_too(partition: Partition) -> None:
    await partition.deliver(customer("c1"), paid("c1"))
    ((message_id,),) = await partition.fetch("select id from correspondence")
    addresses = ("erased-ada@example.com", "erased-1@example.com", "ada@example.com")
    await partition.deliver(*(report("c1", message_id, "delivered", recipient=address) for address in addresses))
    await partition.deliver(erased())
    await partition.deliver(report("c1", message_id, "delivered", recipient=addresses[0]), erased(version=3))
    assert "@example.com" not in await everything(partition)
    kept = await partition.fetch("select recipient_address from delivery_reports order by 1")
    assert kept == [("erased-1",), ("erased-2",), ("erased-3",)]


async def test_a_report_that_comes_again_after_the_erasure_is_kept_once(partition: Partition) -> None:
    await partition.deliver(customer("c1"), paid("c1"))
    ((message_id,),) = await partition.fetch("select id from correspondence")
    before, after = report("c1", message_id, "accepted"), report("c1", message_id, "delivered")
    await partition.deliver(before, erased(), before, after, after)
    assert await partition.fetch("select state from delivery_reports order by 1") == [("accepted",), ("delivered",)]


async def test_a_message_that_was_tried_before_still_says_so(
    partition: Partition, api: ApiClient, sink: MailSink
) -> None:
    sink.rcpt["c1@example.com"] = ["450 4.2.1 busy"]
    await partition.deliver(customer("c1"), paid("c1"))
    async with working(partition):
        await eventually(lambda: outcomes_are(partition, "c1", ["deferred"]))
    await partition.deliver(erased())
    opened = (await api.get(f"/v1/correspondence/{await message_id(partition, 'c1')}")).body
    assert (opened["status"], opened["withheld_reason"]) == ("not_sent", "erased")
    steps = opened["timeline"]
    assert [step["state"] for step in steps] == ["queued", "claimed", "deferred", "not_sent"]
    assert [step["diagnostic"] for step in steps] == [None, None, None, "erased"]
    assert steps == sorted(steps, key=lambda step: step["occurred_at"])


async def test_an_erasure_before_anything_else_lets_go_what_waits(partition: Partition) -> None:
    await partition.deliver(paid("c1"), erased(), customer("c1"))
    assert await partition.fetch("select * from correspondence") == []
    assert await partition.fetch("select * from waiting_events") == []
    assert "Ada" not in await everything(partition)


async def test_an_attempt_under_way_ends_without_a_trace_of_the_address(partition: Partition) -> None:
    await partition.deliver(customer("c1"), paid("c1"))
    ((token,),) = await partition.fetch("select gen_random_uuid()")
    lease = timedelta(seconds=30)
    async with partition.unit_of_work.begin() as transaction:
        (claimed,) = await claim(transaction.connection, token=token, lease=lease, limit=1)
    async with partition.unit_of_work.begin() as transaction:
        await mark_handing_over(transaction.connection, [claimed], token=token, lease=lease)
    key: Key = claimed.key
    now = datetime.now(UTC)
    ended = Ended(key, 1, now, now, now, Outcome.DEFERRED, "450", "try c1@example.com later", timedelta(seconds=1))

    async def settle_it() -> None:
        async with partition.unit_of_work.begin() as transaction:
            await settle(transaction.connection, [ended], token=token)

    await asyncio.gather(partition.deliver(erased()), settle_it())
    assert "c1@example.com" not in await everything(partition)
    # Whichever was first, it is not tried again, and nobody waits for that.
    assert await partition.fetch("select * from outgoing") == []
    assert await statuses(partition) == [("not_sent", "erased")]


@pytest.mark.parametrize("first", ["answer", "erasure"])
async def test_an_answer_to_an_attempt_given_up_that_comes_beside_the_erasure(partition: Partition, first: str) -> None:
    """Nothing in the queue holds the one off from the other: a sweep had taken the attempt for unconfirmed."""
    await partition.deliver(customer("c1"), paid("c1"))
    token, lease = uuid4(), timedelta(seconds=30)
    async with partition.unit_of_work.begin() as transaction:
        (claimed,) = await claim(transaction.connection, token=token, lease=lease, limit=1)
        await mark_handing_over(transaction.connection, [claimed], token=token, lease=lease)
    await expire_leases(partition)
    async with partition.unit_of_work.begin() as transaction:
        assert await sweep(transaction.connection, limit=10) == (0, 1)
    now = datetime.now(UTC)
    ended = Ended(
        claimed.key, 1, now, now, now, Outcome.DEFERRED, "450", "try c1@example.com later", timedelta(seconds=1)
    )

    async def answered(connection: Connection) -> None:
        await settle(connection, [ended], token=token)

    async def erasing(connection: Connection) -> None:
        await erase_recipients(connection, [("c1", 2, now)])
        await erase_messages(connection, ["c1"])

    async def commit(change: Callable[[Connection], Awaitable[None]]) -> None:
        async with partition.unit_of_work.begin() as transaction:
            await change(transaction.connection)

    earlier, later = (answered, erasing) if first == "answer" else (erasing, answered)
    async with partition.unit_of_work.begin() as transaction:
        await earlier(transaction.connection)
        other = asyncio.create_task(commit(later))
        await eventually(lambda: _somebody_waits(partition))
    await other
    assert "c1@example.com" not in await everything(partition)
    assert await partition.fetch("select * from outgoing") == []
    assert await statuses(partition) == [("not_sent", "erased")]


async def _somebody_waits(partition: Partition) -> bool:
    return await partition.fetch("select from pg_locks where not granted") != []
