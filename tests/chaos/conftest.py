"""Fixtures for the tests with faults."""

from collections.abc import AsyncIterator

import pytest

from tests.support.messaging import Probe, running_probe
from tests.support.stack import Infra


@pytest.fixture
async def probe(infra: Infra) -> AsyncIterator[Probe]:
    """A probe service with a database and topics of its own."""
    async with running_probe(infra) as running:
        yield running
