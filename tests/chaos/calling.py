"""Requests sent until they are answered, repeated and at the same time, each attempt written down."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import aiohttp

from tests.chaos.requests import Json, Request

ANSWER_SECONDS = 15.0
GIVE_UP = 0.1

Answers = list[Json]


class Caller:
    """Calls the replicas of each service at `urls`, for people by their `tokens`."""

    def __init__(self, rng: random.Random, *, urls: dict[str, list[str]], tokens: dict[str, str]) -> None:
        self._rng = rng
        self._urls = urls
        self._tokens = tokens
        self._number = 0
        self._http: aiohttp.ClientSession | None = None
        self.attempts: list[Json] = []
        # How often each operation was accepted; of decisions, each kind.
        self.accepted: Counter[str] = Counter()
        self._changed = asyncio.Event()
        self.given_up = 0

    async def __aenter__(self) -> "Caller":
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS))
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._http is not None:
            await self._http.close()

    async def reached(self, wanted: Mapping[str, int]) -> None:
        """Return when each of these operations was accepted so often."""
        while any(self.accepted[operation] < number for operation, number in wanted.items()):
            self._changed.clear()
            await self._changed.wait()

    def key(self, name: str) -> str:
        """A new Idempotency-Key."""
        self._number += 1
        return f"{name}-{self._number}"

    async def vary(self, make: Callable[[], Request]) -> Answers:
        """Once; or at the same time with one key, or with several; or again later. Returns what was accepted."""
        chance, request = self._rng.random(), make()
        if chance < 0.5:
            found = [await self.settle(request)]
        elif chance < 0.7:
            found = await asyncio.gather(*(self.settle(request) for _ in range(3)))
        elif chance < 0.85:
            found = await asyncio.gather(*(self.settle(each) for each in (request, make(), make())))
        else:
            found = [await self.settle(request)]
            await asyncio.sleep(self._rng.uniform(0, 3))
            found.append(await self.settle(request))
        return [body for body in found if body is not None]

    async def settle(self, request: Request) -> Json | None:
        """Ask until there is an answer; now and then give up, and never learn what happened. The body if accepted."""
        while True:
            status, body = await self._attempt(request)
            in_progress = isinstance(body, dict) and body.get("code") == "request_in_progress"
            if status is not None and status < 500 and not in_progress:
                return self._accept(request, body) if status < 300 else None
            if self._rng.random() < GIVE_UP:
                self.given_up += 1
                return None
            await asyncio.sleep(self._rng.uniform(0.2, 1.0))

    def _accept(self, request: Request, body: Json) -> Json:
        self.accepted[request.body.get("action", request.operation)] += 1
        self._changed.set()
        return body

    async def look(self, who: str, service: str, path: str) -> Json | None:
        """What a replica shows; None when it does not answer."""
        assert self._http is not None
        headers = {"Authorization": f"Bearer {self._tokens[who]}"}
        try:
            async with self._http.get(self._rng.choice(self._urls[service]) + path, headers=headers) as response:
                if response.status >= 500:
                    return None
                assert response.status == 200, response.status
                found: Json = await response.json()
                return found
        except (aiohttp.ClientError, TimeoutError, OSError, json.JSONDecodeError):
            return None

    async def _attempt(self, request: Request) -> tuple[int | None, Any]:
        started = time.monotonic()
        status, body = await self._answer(request)
        times = {"started": started, "ended": time.monotonic()}
        self.attempts.append(request.as_json() | times | {"status": status, "answer": body})
        return status, body

    async def _answer(self, request: Request) -> tuple[int | None, Any]:
        assert self._http is not None
        url = self._rng.choice(self._urls[request.service]) + request.path
        headers = {"Authorization": f"Bearer {self._tokens[request.who]}", "Idempotency-Key": request.key}
        if request.if_match is not None:
            headers["If-Match"] = request.if_match
        try:
            async with self._http.request(request.method, url, json=request.body or None, headers=headers) as response:
                text = await response.text()
                return response.status, json.loads(text) if text else None
        except (aiohttp.ClientError, TimeoutError, OSError, json.JSONDecodeError):
            return None, None


async def gather_in_turn(jobs: Sequence[Callable[[], Awaitable[None]]], *, at_once: int) -> None:
    """Run the jobs, so many at once."""
    slots = asyncio.Semaphore(at_once)

    async def one(job: Callable[[], Awaitable[None]]) -> None:
        async with slots:
            await job()

    await asyncio.gather(*(one(job) for job in jobs))
