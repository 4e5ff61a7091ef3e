"""The search of the whole process: what other services commit is found within a second."""

import asyncio
import time
from collections.abc import Iterator
from functools import partial
from uuid import uuid4

import aiohttp
import pytest

from deploy.local.stack import Stack
from shared.messaging import EventPublisher, KafkaSettings
from tests.support.accounts import failed_purchase, purchase
from tests.support.messaging import eventually
from tests.support.stack import Infra, stack_factory


@pytest.fixture(scope="module")
def stack(infra: Infra) -> Iterator[Stack]:
    """Accounts as a process, with a database and topics of its own."""
    with stack_factory(infra) as build:
        running = build(services=("accounts",), mail=False)
        running.up()
        yield running


async def _found(client: aiohttp.ClientSession, text: str) -> list[str]:
    async with client.get("/v1/search", params={"q": text}) as response:
        assert response.status == 200
        return [item["customer_id"] for item in (await response.json())["items"]]


@pytest.mark.requirement("A1")
async def test_what_another_service_commits_is_found_within_a_second_and_own_writes_at_once(stack: Stack) -> None:
    kafka = KafkaSettings(stack.bootstrap_servers, stack.config.topic_prefix)
    headers = {"Authorization": f"Bearer {stack.token(role='agent', subject='agent-1')}"}
    async with (
        EventPublisher(kafka, source="tests/outside") as publisher,
        aiohttp.ClientSession(stack.service_url("accounts"), headers=headers) as client,
    ):
        # The first event on a topic also waits for the client to learn of its partitions.
        await publisher.publish(purchase("first", "o-first"))
        await eventually(lambda: _has(client, "o-first", "first"), seconds=30)
        for n in range(5):
            await publisher.publish(purchase(f"c{n}", f"o{n}", first_name=f"Zora{'abcde'[n]}"))
            committed = time.monotonic()
            await publisher.publish(failed_purchase(f"d{n}", f"f{n}"))
            expected = {
                f"o{n}": f"c{n}", f"o{n}-2": f"c{n}", f"txn-o{n}": f"c{n}", f"zora{'abcde'[n]}": f"c{n}",
                f"c{n}@example.com": f"c{n}", f"f{n}": f"d{n}",
            }  # fmt: skip
            await asyncio.gather(*(eventually(partial(_has, client, text, owner)) for text, owner in expected.items()))
            assert time.monotonic() - committed < 1
        body = {"first_name": "Ada", "last_name": "Quillfeather", "email": "q@example.com", "phone": "+61 491 570 156"}
        async with client.post("/v1/customers", json=body, headers={"Idempotency-Key": str(uuid4())}) as response:
            created = (await response.json())["customer_id"]
        for text in ("quilfeather", "q@example.com", "0491 570 156", created):
            assert await _found(client, text) == [created]


async def _has(client: aiohttp.ClientSession, text: str, owner: str) -> bool:
    return owner in await _found(client, text)
