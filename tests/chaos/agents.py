"""Agents at the HTTP APIs: cancellations and withdrawals, repeated and at the same time, each attempt written down."""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.chaos.shop import Shop, Sold

ANSWER_SECONDS = 15.0
GIVE_UP = 0.1


@dataclass(frozen=True)
class Request:
    """What is asked under one Idempotency-Key."""

    operation: str
    key: str
    customer: str
    ticket: str | None
    amount: int
    text: str

    @property
    def service(self) -> str:
        return "tickets" if self.operation == "cancel" else "accounts"

    @property
    def path(self) -> str:
        if self.operation == "cancel":
            return f"/v1/tickets/{self.ticket}/cancellation"
        return f"/v1/customers/{self.customer}/withdrawals"

    @property
    def body(self) -> dict[str, Any]:
        if self.operation == "cancel":
            return {"reason": self.text, "confirm": True}
        return {"amount": self.amount, "type": "admin", "customer_visible_description": self.text}


class Agents:
    """Some agents who work at once. `urls` are those of all replicas of each service."""

    def __init__(
        self, rng: random.Random, shop: Shop, *, urls: dict[str, list[str]], token: str, pause: float, agents: int = 6
    ) -> None:
        self._rng = rng
        self._shop = shop
        self._urls = urls
        self._token = token
        self._pause = pause
        self._agents = agents
        self._number = 0
        self._stopping = asyncio.Event()
        self.attempts: list[dict[str, Any]] = []
        self.given_up = 0

    def stop(self) -> None:
        """Begin nothing new; what has no answer yet is still asked for."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until stopped."""
        headers = {"Authorization": f"Bearer {self._token}"}
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as http:
            await asyncio.gather(*(self._work(http) for _ in range(self._agents)))

    async def _work(self, http: aiohttp.ClientSession) -> None:
        while not self._stopping.is_set():
            await self._rest(self._rng.expovariate(1 / (self._pause * self._agents)))
            if self._shop.sold and not self._stopping.is_set():
                act = self._cancel if self._rng.random() < 0.6 else self._withdraw
                await act(http)

    async def _cancel(self, http: aiohttp.ClientSession) -> None:
        sold = self._ticket()
        await self._vary(http, lambda: self._request("cancel", sold.customer_id, sold.ticket_id, 0))

    async def _withdraw(self, http: aiohttp.ClientSession) -> None:
        stranger = self._rng.random() < 0.05
        customer = "c-nobody" if stranger else self._rng.choice(self._shop.sold[-300:]).customer_id
        amount = 10**9 if self._rng.random() < 0.05 else self._rng.randint(1, 1500)
        await self._vary(http, lambda: self._request("withdraw", customer, None, amount))

    def _ticket(self) -> Sold:
        chance, sold = self._rng.random(), self._shop.sold
        if chance < 0.05:
            return Sold(f"t-none-{self._rng.randint(1, 9)}", "c-nobody")
        # Tickets of this moment meet their own payment; the others are likely to be paid.
        return self._rng.choice(sold[-5:] if chance < 0.3 else sold[-800:])

    async def _vary(self, http: aiohttp.ClientSession, make: Callable[[], Request]) -> None:
        """Once; or at the same time with one key, or with several; or again later."""
        chance, request = self._rng.random(), make()
        if chance < 0.5:
            await self._settle(http, request)
        elif chance < 0.7:
            await asyncio.gather(*(self._settle(http, request) for _ in range(3)))
        elif chance < 0.85:
            await asyncio.gather(*(self._settle(http, each) for each in (request, make(), make())))
        else:
            await self._settle(http, request)
            await self._rest(self._rng.uniform(0, 3))
            await self._settle(http, request)

    def _request(self, operation: str, customer: str, ticket: str | None, amount: int) -> Request:
        self._number += 1
        name = f"{operation}-{self._number}"
        return Request(operation, name, customer, ticket, amount, f"text of {name}")

    async def _settle(self, http: aiohttp.ClientSession, request: Request) -> None:
        """Ask until there is an answer; now and then give up, and never learn what happened."""
        while not await self._attempt(http, request):
            if self._rng.random() < GIVE_UP:
                self.given_up += 1
                return
            await self._rest(self._rng.uniform(0.2, 1.0))

    async def _attempt(self, http: aiohttp.ClientSession, request: Request) -> bool:
        url = self._rng.choice(self._urls[request.service]) + request.path
        started = time.monotonic()
        status, body = await self._answer(http, url, request)
        self.attempts.append(
            {
                "operation": request.operation, "key": request.key, "customer": request.customer,
                "ticket": request.ticket, "amount": request.amount, "text": request.text, "started": started,
                "ended": time.monotonic(), "status": status, "body": body,
            }
        )  # fmt: skip
        in_progress = isinstance(body, dict) and body.get("code") == "request_in_progress"
        return status is not None and status < 500 and not in_progress

    async def _answer(self, http: aiohttp.ClientSession, url: str, request: Request) -> tuple[int | None, Any]:
        try:
            async with http.post(url, json=request.body, headers={"Idempotency-Key": request.key}) as response:
                text = await response.text()
                return response.status, json.loads(text) if text else None
        except (aiohttp.ClientError, TimeoutError, OSError, json.JSONDecodeError):
            return None, None

    async def _rest(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def gather_in_turn(jobs: Sequence[Callable[[], Awaitable[None]]], *, at_once: int) -> None:
    """Run the jobs, so many at once."""
    slots = asyncio.Semaphore(at_once)

    async def one(job: Callable[[], Awaitable[None]]) -> None:
        async with slots:
            await job()

    await asyncio.gather(*(one(job) for job in jobs))
