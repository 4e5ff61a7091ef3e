"""Sending over SMTP: what each answer of the server, and each silence, makes of a message."""

import asyncio

import asyncpg
import pytest

from tests.support.messaging import eventually
from tests.support.notifications import (
    HANG_UP,
    MailSink,
    all_due,
    another_worker,
    customer,
    ended,
    expire_leases,
    message_id,
    outcomes,
    outcomes_are,
    paid,
    status,
    working,
)
from tests.support.partition import Partition

C1 = "c1@example.com"


async def test_a_message_arrives_complete(partition: Partition, sink: MailSink) -> None:
    await partition.deliver(customer("c1", first_name="Zoë", last_name="O'Brien, Jr."), paid("c1"))
    async with working(partition):
        await eventually(lambda: ended(partition, "c1", 1))
    (mail,) = sink.received_by(C1)
    identity = await message_id(partition, "c1")
    assert mail["X-Recourse-Message-Id"] == identity
    assert mail["X-Recourse-Customer-Id"] == "c1"
    assert mail["Message-ID"] == f"<{identity}@recourse.example>"
    assert mail["From"] == "Recourse <no-reply@recourse.example>"
    assert mail["To"].addresses[0].display_name == "Zoë O'Brien, Jr."
    assert mail["To"].addresses[0].addr_spec == C1
    assert mail["Subject"] == "Your order order-1 is confirmed"
    assert mail["Date"].datetime.tzinfo is not None
    ((html, text),) = await partition.fetch("select html, text from correspondence_contents")
    plain, rich = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert rich is not None
    assert plain.get_content().replace("\r\n", "\n").strip() == text.strip()
    assert rich.get_content().replace("\r\n", "\n").strip() == html.strip()
    assert await status(partition, "c1") == "pending"
    assert await outcomes(partition, "c1") == ["accepted"]
    assert await partition.fetch("select * from outgoing") == []


async def test_each_of_many_messages_is_sent_once_by_several_workers(partition: Partition, sink: MailSink) -> None:
    names = [f"c{n}" for n in range(120)]
    await partition.deliver(*(customer(name) for name in names), *(paid(name) for name in names))
    second, third = another_worker(partition, sink), another_worker(partition, sink)
    async with working(partition), working(partition, second), working(partition, third):
        await eventually(lambda: _queue_is_empty(partition))
    assert sorted(address for address, _ in sink.received) == sorted(f"{name}@example.com" for name in names)


async def test_a_database_that_goes_away_loses_and_doubles_nothing(partition: Partition, sink: MailSink) -> None:
    names = [f"c{n}" for n in range(150)]
    await partition.deliver(*(customer(name) for name in names), *(paid(name) for name in names))
    async with working(partition):
        for share in (20, 50, 80, 110):
            await eventually(lambda n=share: _received_in_all(sink, n))  # type: ignore[misc]
            await _cut_connections(partition)
        await eventually(lambda: _queue_is_empty(partition))
    assert sorted(address for address, _ in sink.received) == sorted(f"{name}@example.com" for name in names)
    assert await partition.fetch("select distinct status from correspondence") == [("pending",)]


@pytest.mark.parametrize("place", ["rcpt", "data"])
async def test_a_refusal_for_good_is_a_hard_bounce(partition: Partition, sink: MailSink, place: str) -> None:
    getattr(sink, place)[C1] = ["550 5.1.1 no such user"]
    await partition.deliver(customer("c1"), paid("c1"), customer("c2"), paid("c2"))
    async with working(partition):
        await eventually(lambda: ended(partition, "c1", 1))
        await eventually(lambda: ended(partition, "c2", 1))
    assert await status(partition, "c1") == "hard_bounce"
    assert await partition.fetch(
        "select outcome, status_code, diagnostic from delivery_attempts where customer_id = 'c1'"
    ) == [("refused", "5.1.1", "5.1.1 no such user")]
    assert await outcomes(partition, "c2") == ["accepted"]


@pytest.mark.parametrize(
    ("place", "replies", "attempts"),
    [
        ("rcpt", ["451 4.7.1 greylisted"], ["deferred", "accepted"]),
        ("rcpt", ["421 4.3.2 going down"], ["deferred", "accepted"]),
        ("rcpt", [HANG_UP], ["deferred", "accepted"]),
        ("rcpt", ["530 5.7.0 log in first"], ["deferred", "accepted"]),
        ("data", ["503 5.5.1 bad sequence of commands"], ["deferred", "accepted"]),
        ("data", ["452 4.2.2 mailbox full", "421 4.3.2 going down"], ["deferred", "deferred", "accepted"]),
    ],
)
async def test_a_refusal_for_now_is_tried_again_and_stays_pending(
    partition: Partition, sink: MailSink, place: str, replies: list[str], attempts: list[str]
) -> None:
    getattr(sink, place)[C1] = list(replies)
    await partition.deliver(customer("c1"), paid("c1"))
    async with working(partition):
        for number in range(1, len(attempts)):
            await eventually(lambda n=number: ended(partition, "c1", n))  # type: ignore[misc]
            assert await status(partition, "c1") == "pending"
            ((due,),) = await partition.fetch("select due_at > now() from outgoing")
            assert due
            await all_due(partition)
        await eventually(lambda: ended(partition, "c1", len(attempts)))
    assert await outcomes(partition, "c1") == attempts
    assert len(sink.received_by(C1)) == 1 + (place == "data") * len(replies)


async def test_a_connection_lost_after_the_final_dot_leaves_it_unconfirmed(
    partition: Partition, sink: MailSink
) -> None:
    sink.data[C1] = [HANG_UP]
    await partition.deliver(customer("c1"), paid("c1"))
    async with working(partition):
        await eventually(lambda: ended(partition, "c1", 1))
        assert await status(partition, "c1") == "unconfirmed"
        assert await partition.fetch("select * from outgoing") == []
        await partition.deliver(customer("c2"), paid("c2"))
        await eventually(lambda: ended(partition, "c2", 1))
    assert len(sink.received_by(C1)) == 1


async def test_a_server_that_does_not_answer_after_the_final_dot_leaves_it_unconfirmed(
    partition: Partition, sink: MailSink
) -> None:
    sink.stalled_data.add(C1)
    await partition.deliver(customer("c1"), paid("c1"))
    async with working(partition):
        await eventually(lambda: _received(sink, C1))
        assert await partition.fetch("select phase from outgoing") == [("handing_over",)]
        await expire_leases(partition)
        await eventually(lambda: ended(partition, "c1", 1))
        assert await status(partition, "c1") == "unconfirmed"
        # The answer that comes late after all is the truer word.
        sink.resume.set()
        await eventually(lambda: outcomes_are(partition, "c1", ["accepted"]))
        assert await status(partition, "c1") == "pending"
    assert len(sink.received_by(C1)) == 1


async def test_a_late_refusal_for_now_after_doubt_is_tried_again(partition: Partition, sink: MailSink) -> None:
    sink.stalled_data.add(C1)
    sink.data[C1] = ["451 4.3.0 not now"]
    await partition.deliver(customer("c1"), paid("c1"))
    async with working(partition):
        await eventually(lambda: _received(sink, C1))
        await expire_leases(partition)
        await eventually(lambda: outcomes_are(partition, "c1", ["unconfirmed"]))
        sink.resume.set()
        await eventually(lambda: outcomes_are(partition, "c1", ["deferred"]))
        await all_due(partition)
        await eventually(lambda: outcomes_are(partition, "c1", ["deferred", "accepted"]))


async def test_a_worker_that_lost_its_claim_before_the_hand_over_does_not_send(
    partition: Partition, sink: MailSink
) -> None:
    sink.stalled_rcpt.add(C1)
    await partition.deliver(customer("c1"), paid("c1"))
    async with working(partition):
        await eventually(lambda: _offered(sink, C1))
        await expire_leases(partition)
        await eventually(lambda: outcomes_are(partition, "c1", ["abandoned"]))
        # The next attempt is offered as well; then both go on at once.
        await eventually(lambda: _offered(sink, C1, times=2))
        sink.resume.set()
        await eventually(lambda: _queue_is_empty(partition))
    assert await outcomes(partition, "c1") == ["abandoned", "accepted"]
    assert len(sink.received_by(C1)) == 1


async def test_an_address_that_mail_cannot_name_is_a_hard_bounce(partition: Partition, sink: MailSink) -> None:
    addresses = {"c1": "jürgen@example.com", "c2": "a..b@exa mple.com".replace(" ", ""), "c3": "<x@example.com"}
    addresses["c5"] = f"ada@{'.'.join(['中' * 15] * 12)}.com"
    for name, address in addresses.items():
        await partition.deliver(customer(name, address), paid(name))
    await partition.deliver(customer("c4", "info@bücher.example"), paid("c4"))
    async with working(partition):
        await eventually(lambda: _queue_is_empty(partition))
    assert [await status(partition, name) for name in addresses] == ["hard_bounce"] * 4
    assert len(sink.received_by("info@xn--bcher-kva.example")) == 1


async def test_stopping_gives_back_what_was_not_begun(partition: Partition, sink: MailSink) -> None:
    names = [f"c{n}" for n in range(12)]
    sink.stalled_rcpt |= {f"{name}@example.com" for name in names}
    await partition.deliver(*(customer(name) for name in names), *(paid(name) for name in names))
    async with working(partition):
        await eventually(lambda: _offered_in_all(sink, 4))
        asyncio.get_running_loop().call_later(0.2, sink.resume.set)
    # Four connections finished what they had begun; the other eight are as if never claimed.
    rows = await partition.fetch("select phase, attempt, token, lease_until from outgoing")
    assert rows == [("queued", 0, None, None)] * 8
    assert len(sink.received) == 4


async def _queue_is_empty(partition: Partition) -> bool:
    try:
        return await partition.fetch("select 1 from outgoing limit 1") == []
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        # One of the connections that were cut.
        return False


async def _cut_connections(partition: Partition) -> None:
    connection = await asyncpg.connect(partition.database.dsn)
    try:
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
    finally:
        await connection.close()


async def _received_in_all(sink: MailSink, count: int) -> bool:
    return len(sink.received) >= count


async def _received(sink: MailSink, address: str) -> bool:
    return bool(sink.received_by(address))


async def _offered(sink: MailSink, address: str, *, times: int = 1) -> bool:
    return sink.offered.count(address) == times


async def _offered_in_all(sink: MailSink, count: int) -> bool:
    return len(sink.offered) == count


async def test_a_message_that_fails_here_keeps_no_other_and_is_tried_again(
    partition: Partition, sink: MailSink
) -> None:
    await partition.deliver(*(event for n in range(1, 9) for event in (customer(f"c{n}"), paid(f"c{n}"))))
    async with partition.unit_of_work.begin() as transaction:
        await transaction.connection.execute(
            "update correspondence set recipient_address = null, withheld_reason = '' where customer_id = 'c3'"
        )
    async with working(partition):
        for name in ("c1", "c2", "c4", "c5", "c6", "c7", "c8"):
            await eventually(lambda name=name: ended(partition, name, 1))  # type: ignore[misc]
        await eventually(lambda: ended(partition, "c3", 1))
    assert await outcomes(partition, "c3") == ["deferred"]
