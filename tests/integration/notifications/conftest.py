"""Notifications on a database of its own, with a mail server that does as it is told."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.notifications.app import SERVICE
from tests.support.http import ApiClient, serving_operations
from tests.support.notifications import MailSink, mail_sink
from tests.support.partition import Partition, partition_of
from tests.support.stack import Infra


@pytest.fixture
async def sink() -> AsyncIterator[MailSink]:
    async with mail_sink() as running:
        yield running


@pytest.fixture
async def partition(infra: Infra, sink: MailSink) -> AsyncIterator[Partition]:
    async with partition_of(infra, SERVICE, smtp_port=sink.port, smtp_connections=4) as running:
        yield running


@pytest.fixture
async def api(partition: Partition, tmp_path: Path) -> AsyncIterator[ApiClient]:
    async with serving_operations(partition.parts.operations, tmp_path) as client:
        yield client
