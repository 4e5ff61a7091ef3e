"""A bulk cancellation in a process that is killed in the middle of a piece: it is gone on with, each ticket once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import aiohttp
import asyncpg
import pytest

from deploy.local.stack import Stack
from shared.contracts import Event, TicketCancellationRequested
from shared.messaging import EventPublisher, KafkaSettings, Publication, Received
from shared.messaging.follow import follow
from tests.support.messaging import eventually
from tests.support.stack import Infra, stack_factory
from tests.support.tickets import credited, purchase

CUSTOMERS = [f"cus-{n:02}" for n in range(20)]
TICKETS = {f"{customer}-{n}": customer for customer in CUSTOMERS for n in range(50)}
# Its tickets are in the third of the five pieces.
IN_THE_MIDDLE = CUSTOMERS[10]


@pytest.fixture(scope="module")
def stack(infra: Infra) -> Iterator[Stack]:
    """Tickets as one process; nobody answers its requests but the test."""
    with stack_factory(infra) as build:
        running = build(
            services=("tickets",), mail=False, service_environment={"RECOURSE_PAYMENT_TIMEOUT_SECONDS": "3600"}
        )
        running.up()
        yield running


@pytest.mark.timeout(180)
@pytest.mark.requirement("T5", "T9")
async def test_a_killed_process_goes_on_with_its_bulk_cancellation(stack: Stack) -> None:
    kafka = KafkaSettings(stack.bootstrap_servers, stack.config.topic_prefix)
    database = await asyncpg.connect(stack.database_url("tickets"))
    token = stack.token(role="administrator", subject="administrator-1")
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "cancel-the-draw"}
    try:
        async with EventPublisher(kafka, source="tests/outside") as publisher:
            await _publish(publisher, [_purchase_of(customer) for customer in CUSTOMERS])
            await eventually(lambda: _counts(database, "purchased"), seconds=60)
            await _start_and_kill(stack, database, headers)
            assert await _pieces(database) == [True, True, False, False, False]
            assert await _states(database) == {"cancelling": 400, "purchased": 600}
            await asyncio.to_thread(stack.processes["tickets"].start)
            await eventually(lambda: _counts(database, "cancelling"), seconds=60)
            await eventually(lambda: _is_all_published(database), seconds=30)
            requests = await _requests(kafka)
            assert Counter(each.ticket_id for each in requests) == Counter(dict.fromkeys(TICKETS, 1))
            await _publish(
                publisher, [credited(each.customer_id, each.cancellation_id, each.order_id) for each in requests]
            )
            await eventually(lambda: _is_completed(database), seconds=60)
        assert await _states(database) == {"cancelled": len(TICKETS)}
    finally:
        await database.close()


def _purchase_of(customer: str) -> Event:
    return purchase(customer, f"{customer}-o", *(ticket for ticket, owner in TICKETS.items() if owner == customer))


async def _start_and_kill(stack: Stack, database: asyncpg.Connection, headers: dict[str, str]) -> None:
    """Hold a customer's lock, so that the job stands still in the middle of a piece, and kill the process there."""
    async with _held_customer(stack), aiohttp.ClientSession(stack.service_url("tickets"), headers=headers) as client:
        async with client.get("/v1/lotteries") as response:
            lottery_id = (await response.json())["items"][0]["lottery_id"]
        body = {"reason": "The machine broke", "confirm": True}
        async with client.post(f"/v1/lotteries/{lottery_id}/draws/4521/cancellation", json=body) as response:
            assert response.status == 202
        await eventually(lambda: _is_stuck(database), seconds=30)
        await asyncio.to_thread(stack.processes["tickets"].kill)


@asynccontextmanager
async def _held_customer(stack: Stack) -> AsyncIterator[None]:
    holder = await asyncpg.connect(stack.database_url("tickets"))
    try:
        async with holder.transaction():
            await holder.execute("select 1 from customers where customer_id = $1 for update", IN_THE_MIDDLE)
            yield
    finally:
        await holder.close()


async def _is_stuck(database: asyncpg.Connection) -> bool:
    return bool(
        await database.fetchval(
            """select exists (select 1 from pg_stat_activity
                              where datname = current_database() and wait_event_type = 'Lock')"""
        )
    )


async def _pieces(database: asyncpg.Connection) -> list[bool]:
    return [row[0] for row in await database.fetch("select done from bulk_chunks order by number")]


async def _states(database: asyncpg.Connection) -> dict[str, int]:
    return {row[0]: row[1] for row in await database.fetch("select state, count(*) from tickets group by state")}


async def _counts(database: asyncpg.Connection, state: str) -> bool:
    return await _states(database) == {state: len(TICKETS)}


async def _is_all_published(database: asyncpg.Connection) -> bool:
    return not await database.fetchval("select exists (select 1 from outbox)")


async def _is_completed(database: asyncpg.Connection) -> bool:
    job = await database.fetchrow("select state, refunded from bulk_cancellations")
    return job is not None and tuple(job) == ("completed", len(TICKETS))


async def _requests(kafka: KafkaSettings) -> list[TicketCancellationRequested]:
    """What was asked of accounts; copies of one event, which a killed relay may leave, count once."""
    found = {
        record.id: record.data
        async for record in follow(kafka, "tickets", from_beginning=True, to_present=True)
        if isinstance(record, Received) and isinstance(record.data, TicketCancellationRequested)
    }
    return list(found.values())


async def _publish(publisher: EventPublisher, events: list[Event]) -> None:
    await publisher.send([Publication.of(event, source="tests/outside") for event in events])
