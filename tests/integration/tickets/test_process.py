"""Two replicas as processes: both stories through Kafka and HTTP, each event twice, one replica killed half-way."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import aiohttp
import asyncpg
import pytest

from deploy.local.stack import Stack
from shared.contracts import Event, TicketCancellationRequested, TicketCancelled, TicketsInLimbo, TicketsPaid
from shared.messaging import EventPublisher, KafkaSettings, Publication, Received
from shared.messaging.follow import follow
from tests.support.messaging import eventually
from tests.support.stack import Infra, stack_factory
from tests.support.tickets import credited, debited, payment_refused, purchase, reversal_refused

CUSTOMERS = [f"cus-{n}" for n in range(24)]
TIMEOUT_SECONDS = 3


@pytest.fixture(scope="module")
def stack(infra: Infra) -> Iterator[Stack]:
    """Two replicas of tickets that wait for a payment a few seconds only."""
    with stack_factory(infra) as build:
        running = build(
            services=("tickets",),
            mail=False,
            replicas={"tickets": 2},
            service_environment={"RECOURSE_PAYMENT_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS)},
        )
        running.up()
        yield running


@pytest.mark.timeout(240)
async def test_tickets_live_through_both_stories_when_a_replica_is_killed(stack: Stack) -> None:
    kafka = KafkaSettings(stack.bootstrap_servers, stack.config.topic_prefix)
    orders: list[Event] = [
        purchase(customer, f"{customer}-o", f"{customer}-a", f"{customer}-b") for customer in CUSTOMERS
    ]
    forgotten = purchase("forgotten", "forgotten-o", "forgotten-t")
    # A third of the payments comes before its order, a third is refused.
    results: list[Event] = [
        payment_refused(customer, f"{customer}-o") if n % 3 == 0 else debited(customer, f"{customer}-o")
        for n, customer in enumerate(CUSTOMERS)
    ]
    paid = [customer for n, customer in enumerate(CUSTOMERS) if n % 3]
    async with EventPublisher(kafka, source="tests/outside") as publisher, _client(stack) as client:
        await _publish(publisher, [*results[2::3], *orders[:12]])
        await _kill(stack)
        await _publish(publisher, [forgotten, *orders[12:], *results, *results, *orders])
        await asyncio.to_thread(stack.processes["tickets-2"].start)
        expected = Counter(paid=32, limbo=17)
        await eventually(lambda: _statuses_are(client, ["forgotten", *CUSTOMERS], expected), seconds=60)

        answers = await asyncio.gather(*(_cancel(client, f"{customer}-a", n) for customer in paid for n in range(3)))
        assert Counter(answers) == Counter({202: 16, 409: 32})
        by_ticket = {customer: await _cancellation(client, f"{customer}-a") for customer in paid}
        reversals: list[Event] = [
            (reversal_refused if n % 4 == 0 else credited)(customer, by_ticket[customer], f"{customer}-o")
            for n, customer in enumerate(paid)
        ]
        await _publish(publisher, reversals[:8])
        await _kill(stack)
        await _publish(publisher, [*reversals, *results])
        await asyncio.to_thread(stack.processes["tickets-2"].start)
        expected = Counter(paid=16, cancelled=12, limbo=21)
        await eventually(lambda: _statuses_are(client, ["forgotten", *CUSTOMERS], expected), seconds=60)
    await eventually(lambda: _all_is_published(stack), seconds=30)
    for name in ("tickets", "tickets-2"):
        await asyncio.to_thread(stack.processes[name].stop)
    await _check_what_was_published(kafka)


async def _all_is_published(stack: Stack) -> bool:
    connection = await asyncpg.connect(stack.database_url("tickets"))
    try:
        return bool(await connection.fetchval("select not exists (select 1 from outbox)"))
    finally:
        await connection.close()


async def _check_what_was_published(kafka: KafkaSettings) -> None:
    """Each thing was announced, by one event only, under however many ids of records."""
    records = {
        record.id: record.data
        async for record in follow(kafka, "tickets", from_beginning=True, to_present=True)
        if isinstance(record, Received)
    }
    counts = Counter(type(data) for data in records.values())
    assert counts[TicketCancellationRequested] == 16
    assert counts[TicketCancelled] == 12
    assert counts[TicketsPaid] == 16
    refused = [data for data in records.values() if isinstance(data, TicketsInLimbo) and data.code != "payment_overdue"]
    assert Counter(data.code for data in refused) == Counter(insufficient_balance=8, already_reversed=4)
    overdue = [data for data in records.values() if isinstance(data, TicketsInLimbo) and data not in refused]
    assert "forgotten-o" in {data.order_id for data in overdue}


async def _publish(publisher: EventPublisher, events: Sequence[Event]) -> None:
    await publisher.send([Publication.of(event, source="tests/outside") for event in events])


async def _kill(stack: Stack) -> None:
    await asyncio.to_thread(stack.processes["tickets-2"].kill)


def _client(stack: Stack) -> aiohttp.ClientSession:
    token = stack.token(role="agent", subject="agent-1")
    return aiohttp.ClientSession(stack.service_url("tickets"), headers={"Authorization": f"Bearer {token}"})


async def _statuses_are(client: aiohttp.ClientSession, customers: Sequence[str], expected: Counter[str]) -> bool:
    rows: list[dict[str, Any]] = []
    for customer in customers:
        async with client.get(f"/v1/customers/{customer}/orders") as response:
            rows += (await response.json())["items"]
    return Counter(row["status"] for row in rows) == expected


async def _cancel(client: aiohttp.ClientSession, ticket_id: str, attempt: int) -> int:
    body = {"reason": "wrong draw", "confirm": True}
    headers = {"Idempotency-Key": f"{ticket_id}-{attempt}"}
    async with client.post(f"/v1/tickets/{ticket_id}/cancellation", json=body, headers=headers) as response:
        return response.status


async def _cancellation(client: aiohttp.ClientSession, ticket_id: str) -> str:
    async with client.get(f"/v1/tickets/{ticket_id}/cancellation") as response:
        return str((await response.json())["cancellation_id"])
