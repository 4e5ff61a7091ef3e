"""Claims on messages, as workers of several processes make and lose them."""

from datetime import timedelta
from uuid import uuid4

from services.notifications.delivery import store
from tests.support.notifications import customer, expire_leases, paid, request
from tests.support.partition import Partition

LEASE = timedelta(seconds=30)


async def test_claims_do_not_overlap_and_an_expired_token_does_nothing(partition: Partition) -> None:
    await partition.deliver(customer("c1"), *(request("c1", f"k{n}") for n in range(6)))
    first, second = uuid4(), uuid4()
    async with partition.unit_of_work.begin() as one, partition.unit_of_work.begin() as other:
        mine = await store.claim(one.connection, token=first, lease=LEASE, limit=4)
        theirs = await store.claim(other.connection, token=second, lease=LEASE, limit=4)
    assert len(mine) == 4
    assert len(theirs) == 2
    async with partition.unit_of_work.begin() as transaction:
        assert await store.mark_handing_over(transaction.connection, mine, token=second, lease=LEASE) == {}
        marked = await store.mark_handing_over(transaction.connection, mine[:2], token=first, lease=LEASE)
        assert marked.keys() == {(claim.key.message_id, 1) for claim in mine[:2]}
        assert await store.mark_handing_over(transaction.connection, mine[:2], token=first, lease=LEASE) == {}
    await expire_leases(partition)
    async with partition.unit_of_work.begin() as transaction:
        assert await store.sweep(transaction.connection, limit=100) == (4, 2)
    async with partition.unit_of_work.begin() as transaction:
        assert await store.mark_handing_over(transaction.connection, mine[2:], token=first, lease=LEASE) == {}
    assert sorted(await partition.fetch("select status, count(*) from correspondence group by 1")) == [
        ("pending", 4),
        ("unconfirmed", 2),
    ]


async def test_a_claim_that_was_lost_gives_back_no_later_one_of_the_same_worker(partition: Partition) -> None:
    """The database was away for longer than the lease, while the message waited for a connection."""
    await partition.deliver(customer("c1"), paid("c1"))
    token = uuid4()
    async with partition.unit_of_work.begin() as transaction:
        lost = await store.claim(transaction.connection, token=token, lease=LEASE, limit=1)
    await expire_leases(partition)
    async with partition.unit_of_work.begin() as transaction:
        assert await store.sweep(transaction.connection, limit=10) == (1, 0)
    async with partition.unit_of_work.begin() as transaction:
        (again,) = await store.claim(transaction.connection, token=token, lease=LEASE, limit=1)
        await store.release(transaction.connection, lost, token=token)
        assert await store.mark_handing_over(transaction.connection, [again], token=token, lease=LEASE) != {}
