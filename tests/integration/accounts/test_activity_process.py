"""Every kind of event through real Kafka into the timeline of the running service, in any order and more than once."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from deploy.local.stack import Stack
from services.accounts.activity.events import handlers
from shared.contracts import CheckoutCompleted, Event, PurchaseFailed, TicketCancellationRequested, TicketsPurchased
from shared.messaging import EventPublisher, KafkaSettings, Publication
from tests.support.messaging import eventually
from tests.support.stack import Infra, stack_factory

ROOT = Path(__file__).resolve().parents[3]
CONTRACTS: list[type[Event]] = [
    *(handler.contract for handler in handlers()), CheckoutCompleted, TicketsPurchased, PurchaseFailed,
    TicketCancellationRequested,
]  # fmt: skip
# The order of the examples is charged, and the ticket of the example credited back.
BOOKED = {"purchase_completed", "purchase_failed", "reversal"}


@pytest.fixture(scope="module")
def stack(infra: Infra) -> Iterator[Stack]:
    """Accounts as a process, with a database and topics of its own."""
    with stack_factory(infra) as build:
        running = build(services=("accounts",), mail=False)
        running.up()
        yield running


@pytest.mark.requirement("A6", "A13", "A14", "A15", "A16", "A17")
async def test_every_kind_of_event_becomes_one_activity(stack: Stack) -> None:
    kafka = KafkaSettings(stack.bootstrap_servers, stack.config.topic_prefix)
    sent = [_publication(contract, copy) for contract in CONTRACTS for copy in ("a", "a", "b")]
    random.Random(7).shuffle(sent)
    async with EventPublisher(kafka, source="tests/outside") as publisher, _client(stack) as client:
        await publisher.send(sent)
        # One row of each type that makes no other, and what the ledger adds.
        await eventually(lambda: _shown(client, len(CONTRACTS) - 2 + len(BOOKED)), seconds=60)
        await publisher.send(sent)
        await publisher.publish(_example(TicketsPurchased, order_id="last"))
        await eventually(lambda: _shown(client, len(CONTRACTS) - 2 + len(BOOKED) + 1), seconds=60)
        kinds = [item["kind"] for item in (await _get(client, "activities"))["items"]]
        assert set(kinds) >= BOOKED | {"login_succeeded", "tickets_paid", "points_awarded", "correspondence_delivered"}
        assert len(set(kinds)) == len(kinds) - 1
        assert len((await _get(client, "logins"))["items"]) == 1
        assert (await _get(client, "feedback"))["items"][0]["rating"] == 4
        assert (await _get(client, "checkouts"))["items"][0]["amount"] == 2000
        assert (await _get(client, "cart"))["amount"] == 2000
        events = {item["kind"] for item in (await _get(client, "events"))["items"]}
        assert events == {"login_failed", "purchase_failed", "purchase_completed"}


@pytest.mark.requirement("A14", "A17")
async def test_what_the_command_publishes_arrives(stack: Stack) -> None:
    contracts = [contract for contract in CONTRACTS if contract.topic == "activity"]
    lines = [
        orjson.dumps({"type": contract.type, "data": contract.example | {"customer_id": "cus-cli"}}).decode()
        for contract in contracts
    ]
    command = [sys.executable, "-m", "deploy.cli.main", "publish", "-"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "RECOURSE_KAFKA_BOOTSTRAP_SERVERS": stack.bootstrap_servers,
        "RECOURSE_TOPIC_PREFIX": stack.config.topic_prefix,
    }
    done = await asyncio.to_thread(
        subprocess.run, command, input="\n".join(lines), env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, f"Published {len(contracts)} events.\n")
    async with _client(stack) as client:
        await eventually(lambda: _shown(client, len(contracts), customer="cus-cli"), seconds=60)


def _example(contract: type[Event], **changes: Any) -> Event:
    return contract.model_validate_json(orjson.dumps(contract.example | changes))


def _publication(contract: type[Event], copy: str) -> Publication:
    return Publication.of(_example(contract), source="tests/outside", event_id=f"{contract.type}-{copy}")


def _client(stack: Stack) -> aiohttp.ClientSession:
    token = stack.token(role="agent", subject="agent-1")
    return aiohttp.ClientSession(stack.service_url("accounts"), headers={"Authorization": f"Bearer {token}"})


async def _get(client: aiohttp.ClientSession, path: str, customer: str = "cus-1001") -> Any:
    query = "" if path == "cart" else "?limit=100"
    async with client.get(f"/v1/customers/{customer}/{path}{query}") as response:
        return await response.json()


async def _shown(client: aiohttp.ClientSession, number: int, customer: str = "cus-1001") -> bool:
    return len((await _get(client, "activities", customer)).get("items", [])) == number
