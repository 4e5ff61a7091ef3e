"""A draw of 100,000 tickets is cancelled: how long until every price is back, and what others notice of it.

The tickets are bought through the stack, two to an order; the job is started over HTTP and asked for its progress until
it is completed. Beside it, as before it, histories are read at an even rate.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import time
from datetime import UTC, datetime
from typing import Any

import aiohttp

from bench import backlog
from bench.environment import Bench
from bench.figures import Line, Measured, Round, at_most, middle, percentile, ratio
from bench.processes import SideFailedError
from deploy.local.stack import Stack
from shared.contracts import PurchaseCompleted
from shared.messaging import EventPublisher, KafkaSettings, Publication
from shared.messaging.cloudevents import binary_headers

TICKETS = 100_000
LIMIT_SECONDS = 20
LIMIT_RATIO = 1.2
LOTTERY = "Bench Draw"
READS_PER_SECOND = 40.0
QUIET_SECONDS = 10.0
_CHUNK = 2_000
_PATIENCE = 900.0
_numbers = itertools.count(1)


class Office:
    """Who sells and cancels on the running stack."""

    def __init__(self, stack: Stack, publisher: EventPublisher, http: aiohttp.ClientSession) -> None:
        self._stack = stack
        self._publisher = publisher
        self._http = http
        self._prefix = secrets.token_hex(3)
        self._url = stack.service_url("tickets")
        self._customers: list[str] = []

    async def sell(self, draw: int, tickets: int) -> None:
        """Sell so many tickets of a draw, and wait until the last of them are paid."""
        names = [f"{self._prefix}{draw}-{number}" for number in range(tickets // 2)]
        self._customers = [f"cus-{name}" for name in names]
        for start in range(0, len(names), _CHUNK):
            await self._publisher.send([_order(name, draw) for name in names[start : start + _CHUNK]])
        deadline = time.monotonic() + _PATIENCE
        last = iter(names[-200:])
        for name in last:
            while await self._status(f"tic-{name}-1") != "paid":
                if time.monotonic() > deadline:
                    raise SideFailedError("the tickets were not paid in time")
                await asyncio.sleep(0.5)

    async def reading(self, seconds: float | None, done: asyncio.Event) -> list[float]:
        """How long reads took in milliseconds, begun at an even rate, for a while or until something is done."""
        reads: list[asyncio.Task[float]] = []
        started = time.perf_counter()
        for number in itertools.count():
            due = started + number / READS_PER_SECOND
            if done.is_set() or (seconds is not None and due > started + seconds):
                break
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            customer = self._customers[number * 7919 % len(self._customers)]
            reads.append(asyncio.create_task(self._read(customer)))
        return await asyncio.gather(*reads)

    async def _read(self, customer: str) -> float:
        started = time.perf_counter()
        await self._get(f"/v1/customers/{customer}/orders")
        return (time.perf_counter() - started) * 1000

    async def cancel(self, draw: int) -> dict[str, Any]:
        """Cancel the draw and wait until its job is completed; returns the job."""
        lotteries = (await self._get("/v1/lotteries"))["items"]
        (lottery_id,) = (each["lottery_id"] for each in lotteries if each["name"] == LOTTERY)
        body = {"reason": "The machine broke", "confirm": True}
        url = f"{self._url}/v1/lotteries/{lottery_id}/draws/{draw}/cancellation"
        async with self._http.post(url, json=body, headers={"Idempotency-Key": f"draw-{draw}"}) as answer:
            if answer.status != 202:
                raise SideFailedError(f"the draw was not cancelled: {await answer.text()}")
            place = answer.headers["Location"]
        return await self._completed(place)

    async def _completed(self, place: str) -> dict[str, Any]:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            job = await self._get(place)
            if job["state"] == "completed":
                return job
            await asyncio.sleep(0.25)
        raise SideFailedError("the tickets were not cancelled in time")

    async def _status(self, ticket: str) -> str | None:
        async with self._http.get(f"{self._url}/v1/tickets/{ticket}") as answer:
            return (await answer.json())["status"] if answer.status == 200 else None

    async def _get(self, path: str) -> dict[str, Any]:
        async with self._http.get(self._url + path) as answer:
            if answer.status != 200:
                raise SideFailedError(f"{path} was answered {answer.status}")
            found: dict[str, Any] = await answer.json()
            return found


def _order(name: str, draw: int) -> Publication:
    value = json.loads(backlog.TEMPLATES[PurchaseCompleted].replace("@n", name).replace("@c", name))
    for ticket in value["tickets"]:
        ticket |= {"lottery": LOTTERY, "draw_number": draw}
    customer = f"cus-{name}"
    headers = binary_headers(
        event_id=f"evt-{name}", source=backlog.SOURCE, event_type=PurchaseCompleted.type, time=datetime.now(UTC),
        subject=customer, traceparent=None,
    )  # fmt: skip
    return Publication(PurchaseCompleted.topic, customer.encode(), headers, json.dumps(value).encode())


async def _round(office: Office, tickets: int) -> Round:
    draw = next(_numbers)
    await office.sell(draw, tickets)
    before = await office.reading(QUIET_SECONDS, asyncio.Event())
    done = asyncio.Event()
    beside = asyncio.create_task(office.reading(None, done))
    started = time.perf_counter()
    job = await office.cancel(draw)
    seconds = time.perf_counter() - started
    done.set()
    during = await beside
    if (job["total"], job["refunded"]) != (tickets, tickets):
        raise SideFailedError(f"not all tickets were refunded: {job}")
    return {
        "seconds": seconds,
        "before p50": percentile(before, 0.5), "before p99": percentile(before, 0.99),
        "during p50": percentile(during, 0.5), "during p99": percentile(during, 0.99),
    }  # fmt: skip


async def _cancelled(bench: Bench) -> Measured:
    tickets = bench.amount(TICKETS) // 2 * 2
    async with bench.services("accounts", "tickets", "notifications", "loyalty", mail=True) as stack:
        await asyncio.to_thread(stack.up)
        kafka = KafkaSettings(stack.bootstrap_servers, stack.config.topic_prefix)
        headers = {"Authorization": f"Bearer {stack.token(role='administrator')}"}
        async with (
            EventPublisher(kafka, source=backlog.SOURCE) as publisher,
            aiohttp.ClientSession(headers=headers) as http,
        ):
            office = Office(stack, publisher, http)
            rounds = await bench.in_turn(lambda: _round(office, tickets))
    worse = ratio(rounds, "during p99", "before p99")
    return Measured(middle(rounds, "seconds"), rounds, {f"others' p99 at most {LIMIT_RATIO:g}×": worse <= LIMIT_RATIO})


LINES = (
    Line(
        "draw-cancel",
        "a draw of 100,000 tickets cancelled, every price credited back, the whole stack running",
        at_most(LIMIT_SECONDS, "s"),
        _cancelled,
    ),
)
