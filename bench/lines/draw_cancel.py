"""A draw of 100,000 tickets is cancelled: how long until every price is back, and what others notice of it.

The tickets are bought through the stack, two to an order; the job is started over HTTP and asked for its progress until
it is completed. Beside it, as before it, histories are read and other tickets bought at even rates.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from bench import backlog
from bench.environment import Bench
from bench.figures import Line, Measured, Round, at_most, middle, percentile, ratio
from bench.pace import evenly
from bench.processes import SideFailedError
from bench.watch import Watch, watching
from deploy.local.stack import Stack
from shared.messaging import EventPublisher, KafkaSettings, Publication

TICKETS = 100_000
LIMIT_SECONDS = 20
LIMIT_RATIO = 1.2
LOTTERY = "Bench Draw"
OTHER_DRAW = 1_000_000
READS_PER_SECOND = 40.0
ORDERS_PER_SECOND = 5.0
QUIET_SECONDS = 20.0
_CHUNK = 2_000
_PATIENCE = 900.0
_numbers = itertools.count(1)


class Office:
    """Who sells and cancels on the running stack."""

    def __init__(self, stack: Stack, publisher: EventPublisher, http: aiohttp.ClientSession, watch: Watch) -> None:
        self._publisher = publisher
        self._http = http
        self._watch = watch
        self._prefix = secrets.token_hex(3)
        self._url = stack.service_url("tickets")
        self._customers: list[str] = []
        self._orders = itertools.count()

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

    async def others(self, seconds: float | None, done: asyncio.Event) -> dict[str, list[float]]:
        """How long reads took, and orders until they were paid, in milliseconds: begun at even rates, for a while or
        until something is done.
        """
        reads, orders = await asyncio.gather(
            _evenly(self._read, READS_PER_SECOND, seconds, done), _evenly(self._buy, ORDERS_PER_SECOND, seconds, done)
        )
        return {"read": reads, "paid": orders}

    async def _read(self, number: int) -> float:
        customer = self._customers[number * 7919 % len(self._customers)]
        started = time.perf_counter()
        await self._get(f"/v1/customers/{customer}/orders")
        return (time.perf_counter() - started) * 1000

    async def _buy(self, _: int) -> float:
        name = f"{self._prefix}o{next(self._orders)}"
        started = time.perf_counter()
        await self._publisher.send([_order(name, OTHER_DRAW)])
        while (paid := self._watch.paid.get(f"ord-{name}")) is None:
            if time.perf_counter() > started + _PATIENCE:
                raise SideFailedError("an order of another draw was not paid in time")
            await asyncio.sleep(0.05)
        return (paid - started) * 1000

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


async def _evenly(
    act: Callable[[int], Awaitable[float]], rate: float, seconds: float | None, done: asyncio.Event
) -> list[float]:
    acts: list[asyncio.Future[float]] = []
    until = math.inf if seconds is None else time.perf_counter() + seconds
    async for number, due in evenly(rate):
        if done.is_set() or due > until:
            break
        acts.append(asyncio.ensure_future(act(number)))
    return await asyncio.gather(*acts)


def _percentiles(when: str, took: dict[str, list[float]]) -> Round:
    return {f"{what} {when} p{q}": percentile(each, q / 100) for what, each in took.items() for q in (50, 99)}


def _order(name: str, draw: int) -> Publication:
    return backlog.purchase(name, lottery=LOTTERY, draw_number=draw)


async def _round(office: Office, tickets: int) -> Round:
    draw = next(_numbers)
    await office.sell(draw, tickets)
    before = await office.others(QUIET_SECONDS, asyncio.Event())
    done = asyncio.Event()
    beside = asyncio.create_task(office.others(None, done))
    started = time.perf_counter()
    job = await office.cancel(draw)
    seconds = time.perf_counter() - started
    done.set()
    during = await beside
    if (job["total"], job["refunded"]) != (tickets, tickets):
        raise SideFailedError(f"not all tickets were refunded: {job}")
    return {"seconds": seconds} | _percentiles("before", before) | _percentiles("during", during)


async def _cancelled(bench: Bench) -> Measured:
    tickets = bench.amount(TICKETS) // 2 * 2
    async with bench.services("accounts", "tickets", "notifications", "loyalty", mail=True) as stack:
        await asyncio.to_thread(stack.up)
        kafka = KafkaSettings(stack.bootstrap_servers, stack.config.topic_prefix)
        headers = {"Authorization": f"Bearer {stack.token(role='administrator')}"}
        async with (
            watching(kafka) as watch,
            EventPublisher(kafka, source=backlog.SOURCE) as publisher,
            aiohttp.ClientSession(headers=headers) as http,
        ):
            office = Office(stack, publisher, http, watch)
            rounds = await bench.in_turn(lambda: _round(office, tickets))
    worse = max(ratio(rounds, f"{what} during p99", f"{what} before p99") for what in ("read", "paid"))
    return Measured(middle(rounds, "seconds"), rounds, {f"others' p99 at most {LIMIT_RATIO:g}×": worse <= LIMIT_RATIO})


LINES = (
    Line(
        "draw-cancel",
        "a draw of 100,000 tickets cancelled, every price credited back, the whole stack running",
        at_most(LIMIT_SECONDS, "s"),
        _cancelled,
    ),
)
