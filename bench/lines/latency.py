"""From cause to effect through the whole stack, at half of the load that it was seen to bear.

That load is what a burst comes to a second until all of its consequences are done, points and mails included: more
would leave the stack further behind with every second.

What is measured ends with the arrival on Kafka of the event that tells of the effect, which is later than the effect.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp

from bench import backlog
from bench.environment import Bench
from bench.figures import Line, Measured, Round, at_most, middle, percentile
from bench.pace import evenly
from bench.processes import SideFailedError
from bench.watch import Watch, watching
from deploy.local.stack import Stack
from shared.messaging import EventPublisher, KafkaSettings

BURST = 6_000
SECONDS = 20.0
LIMIT_MS = 250
_PATIENCE = 120.0
_IDLE_PERCENT = 30.0


class Site:
    """The running stack, and who buys and cancels on it."""

    def __init__(self, stack: Stack, publisher: EventPublisher, http: aiohttp.ClientSession, watch: Watch) -> None:
        self.watch = watch
        self._stack = stack
        self._tickets = stack.service_url("tickets")
        self._publisher = publisher
        self._http = http
        self._prefix = secrets.token_hex(3)
        self._numbers = itertools.count()

    async def settled(self) -> None:
        """Wait until the processes of the stack have next to nothing to do: mails of a burst go on for a while."""
        processes = [found for each in self._stack.processes.values() if (found := each.find()) is not None]
        for process in processes:
            process.cpu_percent()
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            await asyncio.sleep(1)
            if sum(process.cpu_percent() for process in processes) < _IDLE_PERCENT:
                return
        raise SideFailedError(f"the stack was still busy after {_PATIENCE:.0f} s")

    async def buy(self) -> str:
        """Publish a purchase of a new customer and return its order id."""
        name = f"{self._prefix}{next(self._numbers)}"
        await self._publisher.send([backlog.purchase(name)])
        return f"ord-{name}"

    async def cancel(self, ticket: str) -> None:
        """Cancel a ticket over HTTP."""
        async with self._http.post(
            f"{self._tickets}/v1/tickets/{ticket}/cancellation",
            json={"reason": "Bought the wrong draw", "confirm": True},
            headers={"Idempotency-Key": f"cancel-{ticket}"},
        ) as answer:
            if answer.status != 202:
                raise SideFailedError(f"a cancellation was answered {answer.status}: {await answer.text()}")


@asynccontextmanager
async def _site(bench: Bench) -> AsyncIterator[Site]:
    async with bench.services("accounts", "tickets", "notifications", "loyalty", mail=True) as stack:
        await asyncio.to_thread(stack.up)
        kafka = KafkaSettings(stack.bootstrap_servers, stack.config.topic_prefix)
        headers = {"Authorization": f"Bearer {stack.token()}"}
        async with (
            watching(kafka) as watch,
            EventPublisher(kafka, source=backlog.SOURCE) as publisher,
            aiohttp.ClientSession(headers=headers) as http,
        ):
            yield Site(stack, publisher, http, watch)


async def _seen(moments: dict[str, float], names: list[str]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while any(name not in moments for name in names[-100:]) or not all(name in moments for name in names):
        if time.monotonic() > deadline:
            missing = sum(name not in moments for name in names)
            raise SideFailedError(f"{missing} of {len(names)} took more than {_PATIENCE:.0f} s")
        await asyncio.sleep(0.05)


async def _all(act: Callable[[str], Awaitable[object]], names: list[str], *, at_once: int) -> None:
    queue = iter(names)

    async def work() -> None:
        for name in queue:
            await act(name)

    await asyncio.gather(*(work() for _ in range(at_once)))


async def _paced(act: Callable[[int], Awaitable[str]], count: int, rate: float) -> dict[str, float]:
    """Start `count` actions at an even rate, and return when each was due, by what it returned."""
    tasks = []
    async for number, due in evenly(rate):
        if number == count:
            break
        tasks.append((due, asyncio.ensure_future(act(number))))
    return {await task: due for due, task in tasks}


def _latencies(moments: dict[str, float], due: dict[str, float], rate: float) -> Round:
    waited = [(moments[name] - moment) * 1000 for name, moment in due.items()]
    return {"p50": percentile(waited, 0.5), "p99": percentile(waited, 0.99), "load": rate}


async def _bought(site: Site, count: int) -> tuple[list[str], float]:
    """Orders bought as fast as they are taken, and how many a second the stack was done with."""
    orders: list[str] = []
    started = time.perf_counter()

    async def buy(_: str) -> None:
        orders.append(await site.buy())

    await _all(buy, [str(number) for number in range(count)], at_once=500)
    await _seen(site.watch.paid, orders)
    await site.settled()
    return orders, count / (time.perf_counter() - started)


async def _paid(bench: Bench) -> Measured:
    async with _site(bench) as site:
        await _bought(site, 200)
        _, highest = await _bought(site, bench.amount(BURST))

        async def side() -> Round:
            await site.settled()
            rate = highest / 2
            due = await _paced(lambda _: site.buy(), max(100, int(rate * SECONDS * min(bench.scale, 1))), rate)
            await _seen(site.watch.paid, list(due))
            return _latencies(site.watch.paid, due, rate) | {"highest": highest}

        rounds = await bench.in_turn(side)
    return Measured(middle(rounds, "p99"), rounds)


async def _cancelled(bench: Bench) -> Measured:
    async with _site(bench) as site:
        orders, _ = await _bought(site, bench.amount(BURST))
        tickets = [order.replace("ord-", "tic-") + "-0" for order in orders]
        burst = tickets[: len(tickets) // 2]
        started = time.perf_counter()
        await _all(site.cancel, burst, at_once=100)
        await _seen(site.watch.cancelled, burst)
        await site.settled()
        highest = len(burst) / (time.perf_counter() - started)
        left = iter(tickets[len(burst) :])

        async def cancel(_: int) -> str:
            ticket = next(left)
            await site.cancel(ticket)
            return ticket

        async def side() -> Round:
            await site.settled()
            count = min((len(tickets) - len(burst)) // bench.rounds, int(highest / 2 * SECONDS))
            due = await _paced(cancel, count, highest / 2)
            await _seen(site.watch.cancelled, list(due))
            return _latencies(site.watch.cancelled, due, highest / 2) | {"highest": highest}

        rounds = await bench.in_turn(side)
    return Measured(middle(rounds, "p99"), rounds)


LINES = (
    Line("paid-latency", "purchase on Kafka to ticket paid, p99 at half load", at_most(LIMIT_MS, "ms"), _paid),
    Line(
        "cancel-latency",
        "cancelled over HTTP to ticket cancelled and balance credited, p99 at half load",
        at_most(LIMIT_MS, "ms"),
        _cancelled,
    ),
)
