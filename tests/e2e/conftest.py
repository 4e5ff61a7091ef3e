"""The whole platform: four services and the mail server, on the session's PostgreSQL and Kafka."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator

import pytest

from deploy.local.config import ephemeral_config
from deploy.local.stack import Stack
from deploy.stories.platform import Platform, connect
from tests.support.stack import Infra, temporary_state_dir


@pytest.fixture(scope="session")
def platform_stack(infra: Infra) -> Iterator[Stack]:
    """A stack of its own services; `kill` and `start` its processes as you like, but leave them running."""
    with temporary_state_dir() as state_dir:
        stack = Stack(
            ephemeral_config(
                state_dir,
                kafka_bootstrap_servers=infra.bootstrap_servers,
                postgres_admin_url=infra.admin_url,
                topic_prefix=infra.topic_prefix(),
                database_prefix=f"e2e_{secrets.token_hex(3)}_",
                service_environment={
                    "RECOURSE_PAYMENT_TIMEOUT_SECONDS": "20",
                    "RECOURSE_AUTOPLAY_PAUSE_SECONDS": "0.2",
                    # Every three seconds, so that a story can wait for a retry.
                    "RECOURSE_AUTOPLAY_RETRY_MINUTES": ",".join(["0.05"] * 20),
                },
            )
        )
        try:
            stack.up()
            yield stack
        finally:
            stack.clean()


@pytest.fixture
async def platform(platform_stack: Stack) -> AsyncIterator[Platform]:
    """What a shop and an agent use of it."""
    await asyncio.to_thread(platform_stack.up)
    async with connect(platform_stack) as connected:
        yield connected
