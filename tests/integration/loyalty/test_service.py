"""The whole process: events in from Kafka, events out to Kafka, points over HTTP; killed half-way."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from deploy.local.config import ephemeral_config
from deploy.local.stack import Stack
from shared.contracts import Event
from shared.messaging import EventPublisher, KafkaSettings, Publication, Received
from shared.messaging.follow import follow
from tests.support.loyalty import cancelled, paid
from tests.support.messaging import eventually
from tests.support.stack import Infra, temporary_state_dir

CUSTOMERS = [f"cus-{n}" for n in range(40)]


@pytest.fixture
async def stack(infra: Infra) -> AsyncIterator[Stack]:
    """Loyalty as a process, with a database and topics of its own."""
    prefix = infra.topic_prefix()
    with temporary_state_dir() as state_dir:
        config = ephemeral_config(
            state_dir,
            services=("loyalty",),
            mail=False,
            kafka_bootstrap_servers=infra.bootstrap_servers,
            postgres_admin_url=infra.admin_url,
            topic_prefix=prefix,
            database_prefix=prefix.replace(".", "_"),
        )
        running = Stack(config)
        try:
            await asyncio.to_thread(running.up)
            yield running
        finally:
            await asyncio.to_thread(running.clean)


async def test_events_become_points_even_when_the_process_is_killed(stack: Stack) -> None:
    kafka = KafkaSettings(stack.bootstrap_servers, stack.config.topic_prefix)
    events = [paid(customer, {f"{customer}-t{n}": 1000 for n in range(5)}) for customer in CUSTOMERS]
    back: list[Event] = [cancelled(customer, f"{customer}-t1", 1000) for customer in CUSTOMERS]
    async with EventPublisher(kafka, source="tests/outside") as publisher, _client(stack) as client:
        for number, event in enumerate([*events, *back, *events]):
            await publisher.publish(event)
            if number == len(events) + 5:
                await asyncio.to_thread(stack.processes["loyalty"].kill)
                await asyncio.to_thread(stack.processes["loyalty"].start)
        await eventually(lambda: _all_have(client, 40), seconds=60)
        for customer in CUSTOMERS:
            async with client.get(f"/v1/customers/{customer}/points/history") as response:
                history = (await response.json())["items"]
            assert sorted(row["kind"] for row in history) == ["clawed_back"] + ["earned"] * 5
    await asyncio.to_thread(stack.processes["loyalty"].stop)
    published = [record async for record in follow(kafka, "loyalty", from_beginning=True, to_present=True)]
    entries = [(record.key, record.data.entry_id) for record in published if isinstance(record, Received)]  # type: ignore[attr-defined]
    assert len(set(entries)) == len(CUSTOMERS) * 6


async def test_the_service_offers_its_dead_letters_to_operators(stack: Stack) -> None:
    kafka = KafkaSettings(stack.bootstrap_servers, stack.config.topic_prefix)
    async with EventPublisher(kafka, source="tests/outside") as publisher, _client(stack, "supervisor") as client:
        await publisher.send([Publication("tickets", b"cus-1", (), b"no event")])
        await eventually(lambda: _has_letters(client, 1), seconds=60)
        async with client.get("/v1/dead-letters") as response:
            (letter,) = (await response.json())["items"]
        assert letter["code"] == "not_a_cloudevent"
        path, note = f"/v1/dead-letters/{letter['id']}/discard", {"note": "a test"}
        async with client.post(path, json=note, headers={"Idempotency-Key": "k"}) as response:
            assert (await response.json())["state"] == "discarded"


async def _has_letters(client: aiohttp.ClientSession, count: int) -> bool:
    async with client.get("/v1/dead-letters/groups") as response:
        groups = (await response.json())["items"]
    return bool(sum(group["count"] for group in groups) == count)


def _client(stack: Stack, role: str = "viewer") -> aiohttp.ClientSession:
    token = stack.token(role=role, subject="tester")
    return aiohttp.ClientSession(stack.service_url("loyalty"), headers={"Authorization": f"Bearer {token}"})


async def _all_have(client: aiohttp.ClientSession, balance: int) -> bool:
    for customer in CUSTOMERS:
        async with client.get(f"/v1/customers/{customer}/points") as response:
            points = await response.json()
        if (points["balance"], points["lifetime_clawed_back"]) != (balance, 10):
            return False
    return True
