"""Erased customers have no name in tickets any more, whatever comes late."""

from datetime import UTC, datetime

import pytest

from shared.contracts import CustomerErased
from tests.support.partition import Partition
from tests.support.tickets import purchase, renamed


@pytest.mark.requirement("A4")
async def test_the_name_goes_and_does_not_come_back(partition: Partition) -> None:
    await partition.deliver(purchase("c1", "o1", "t1"), renamed("c1", "Ada", 1))
    erased = CustomerErased(customer_id="c1", version=3, erased_at=datetime.now(UTC))
    await partition.deliver(erased, erased)
    await partition.deliver(renamed("c1", "Ada", 2), purchase("c1", "o2", "t2"))
    assert await partition.fetch("select first_name, last_name, details_version from customers") == [(None, None, 3)]
    assert await partition.fetch("select count(*) from tickets") == [(2,)]


async def test_a_customer_that_is_not_known_yet_stays_without_a_name(partition: Partition) -> None:
    await partition.deliver(CustomerErased(customer_id="c1", version=3, erased_at=datetime.now(UTC)))
    await partition.deliver(purchase("c1", "o1", "t1"))
    assert await partition.fetch("select first_name, last_name from customers") == [(None, None)]
