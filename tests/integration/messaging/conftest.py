"""The probe service for tests of the messaging core."""

from collections.abc import AsyncIterator

import pytest

from tests.support.messaging import Probe, running_probe
from tests.support.stack import Infra


@pytest.fixture
async def probe(infra: Infra) -> AsyncIterator[Probe]:
    """A probe with a database and topics of its own."""
    async with running_probe(infra) as running:
        yield running
