"""The whole process: events in from Kafka, events out to Kafka, the ledger over HTTP; killed half-way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from deploy.local.stack import Stack
from shared.contracts import Event
from shared.messaging import EventPublisher, KafkaSettings, Received
from shared.messaging.follow import follow
from tests.support.accounts import cancellation, purchase
from tests.support.messaging import eventually
from tests.support.stack import Infra, stack_factory

CUSTOMERS = [f"cus-{n}" for n in range(30)]


@pytest.fixture(scope="module")
def stack(infra: Infra) -> Iterator[Stack]:
    """Accounts as a process, with a database and topics of its own."""
    with stack_factory(infra) as build:
        running = build(services=("accounts",), mail=False)
        running.up()
        yield running


async def test_money_moves_once_even_when_the_process_is_killed(stack: Stack) -> None:
    kafka = KafkaSettings(stack.bootstrap_servers, stack.config.topic_prefix)
    orders: list[Event] = [purchase(customer, f"{customer}-o{n}") for n in range(3) for customer in CUSTOMERS]
    # Half of the cancellations come before the order that they name.
    back: list[Event] = [cancellation(customer, f"{customer}-o{n}") for n in range(2) for customer in CUSTOMERS]
    events = [*back[::2], *orders, *back[1::2], *orders[::4], *back[::3]]
    async with EventPublisher(kafka, source="tests/outside") as publisher, _client(stack) as client:
        for number, event in enumerate(events):
            await publisher.publish(event)
            if number in {40, 120}:
                await asyncio.to_thread(stack.processes["accounts"].kill)
                await asyncio.to_thread(stack.processes["accounts"].start)
        await eventually(lambda: _all_have(client, balance=2000, lines=8), seconds=60)
        withdrawals = [_withdraw(client, customer) for customer in CUSTOMERS for _ in range(2)]
        assert sorted(await asyncio.gather(*withdrawals)) == [201] * 30 + [422] * 30
        assert await _all_have(client, balance=500, lines=9)
        # What the last requests committed is published by then.
        await eventually(lambda: _published(kafka, 30 * 9), seconds=30)
    await asyncio.to_thread(stack.processes["accounts"].stop)
    by_entry = await _movements(kafka)
    assert len(by_entry) == 30 * 9
    for customer in CUSTOMERS:
        balances = [(data.balance, data.amount) for data in by_entry.values() if data.customer_id == customer]
        assert balances[-1] == (500, 1500)


def _client(stack: Stack) -> aiohttp.ClientSession:
    token = stack.token(role="agent", subject="agent-1")
    return aiohttp.ClientSession(stack.service_url("accounts"), headers={"Authorization": f"Bearer {token}"})


async def _all_have(client: aiohttp.ClientSession, *, balance: int, lines: int) -> bool:
    for customer in CUSTOMERS:
        async with client.get(f"/v1/customers/{customer}/balance") as response:
            answer = await response.json()
        if (answer.get("balance"), answer.get("as_of_seq")) != (balance, lines):
            return False
    return True


async def _withdraw(client: aiohttp.ClientSession, customer: str) -> int:
    body = {"amount": 1500, "type": "card", "customer_visible_description": "Paid out"}
    path = f"/v1/customers/{customer}/withdrawals"
    key = {"Idempotency-Key": str(uuid4())}
    async with client.post(path, json=body, headers=key) as response:
        return response.status


async def _published(kafka: KafkaSettings, entries: int) -> bool:
    return len(await _movements(kafka)) == entries


async def _movements(kafka: KafkaSettings) -> dict[str, Any]:
    """The movements on `balances` by entry id, in order per customer: the relay may publish one twice."""
    records = [record async for record in follow(kafka, "balances", from_beginning=True, to_present=True)]
    return {record.data.entry_id: record.data for record in records if isinstance(record, Received)}  # type: ignore[attr-defined]
