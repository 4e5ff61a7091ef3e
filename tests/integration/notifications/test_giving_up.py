"""When a message that the server puts off is given up."""

from tests.support.messaging import eventually
from tests.support.notifications import MailSink, all_due, customer, ended, outcomes, paid, status, working
from tests.support.partition import Partition

C1 = "c1@example.com"


async def test_a_server_that_was_away_for_days_may_put_off_what_it_sees_first(
    partition: Partition, sink: MailSink
) -> None:
    sink.rcpt[C1] = ["451 4.7.1 greylisted"]
    await partition.deliver(customer("c1"), paid("c1"))
    await _made_before(partition, "3 days")
    async with working(partition):
        await eventually(lambda: ended(partition, "c1", 1))
        await all_due(partition)
        await eventually(lambda: ended(partition, "c1", 2))
    assert await outcomes(partition, "c1") == ["deferred", "accepted"]


async def test_a_message_that_is_put_off_for_days_is_given_up(partition: Partition, sink: MailSink) -> None:
    sink.rcpt[C1] = ["451 4.2.2 mailbox full"] * 9
    await partition.deliver(customer("c1"), paid("c1"))
    async with working(partition):
        for number in range(1, 9):
            await eventually(lambda n=number: ended(partition, "c1", n))  # type: ignore[misc]
            await all_due(partition)
            await _made_before(partition, "1 day")
        await eventually(lambda: ended(partition, "c1", 9))
    assert await outcomes(partition, "c1") == ["deferred"] * 8 + ["given_up"]
    assert await status(partition, "c1") == "soft_bounce"
    assert await partition.fetch("select * from outgoing") == []


async def _made_before(partition: Partition, age: str) -> None:
    """Let all messages be that much older."""
    async with partition.unit_of_work.begin() as transaction:
        await transaction.connection.execute(f"update correspondence set created_at = created_at - interval '{age}'")  # noqa: S608 - of this file
