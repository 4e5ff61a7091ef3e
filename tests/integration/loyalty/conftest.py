"""The service's handlers on the real database."""

from collections.abc import AsyncIterator

import pytest

from services.loyalty.app import SERVICE
from tests.support.partition import Partition, partition_of
from tests.support.stack import Infra


@pytest.fixture
async def partition(infra: Infra) -> AsyncIterator[Partition]:
    """Loyalty with the default rate, on a database of its own."""
    async with partition_of(infra, SERVICE) as running:
        yield running
