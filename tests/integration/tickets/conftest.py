"""The service's handlers and operations on the real database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.tickets.app import SERVICE
from tests.support.http import ApiClient, serving_operations
from tests.support.partition import Partition, partition_of
from tests.support.stack import Infra


@pytest.fixture
async def partition(infra: Infra) -> AsyncIterator[Partition]:
    """Tickets with its default settings, on a database of its own."""
    async with partition_of(infra, SERVICE) as running:
        yield running


@pytest.fixture
async def api(partition: Partition, tmp_path: Path) -> AsyncIterator[ApiClient]:
    """A client of the operations, on the same database."""
    async with serving_operations(partition.parts.operations, tmp_path) as client:
        yield client
