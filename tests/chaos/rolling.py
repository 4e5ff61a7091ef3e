"""A rolling restart: each replica of each service asked to stop and started again, while requests go on."""

import asyncio
import statistics
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from deploy.local.config import process_name
from deploy.local.stack import Stack

WORKERS = 4
PATHS = {
    "accounts": "/v1/customers/{}/transactions",
    "tickets": "/v1/customers/{}/orders",
    "loyalty": "/v1/customers/{}/points/history",
    "notifications": "/v1/customers/{}/correspondence",
}


@dataclass
class Rolling:
    """What clients saw. `cut` were sent on a connection that ended; `failed` were answered, and badly."""

    milliseconds: list[float] = field(default_factory=list)
    rerouted: int = 0
    cut: int = 0
    failed: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Figures for a report; times in milliseconds."""
        cuts = statistics.quantiles(self.milliseconds, n=100)
        return {
            "requests": len(self.milliseconds), "p50_ms": round(cuts[49], 1), "p99_ms": round(cuts[98], 1),
            "longest_ms": round(max(self.milliseconds), 1), "rerouted": self.rerouted, "cut": self.cut,
            "failed": len(self.failed),
        }  # fmt: skip


async def roll(stack: Stack, customers: list[str], *, replicas: int) -> dict[str, Rolling]:
    """Restart every replica of every service in turn; by service, what its clients saw meanwhile."""
    found = {}
    for service in stack.config.services:
        found[service] = await _roll_service(stack, service, customers, replicas)
    return found


async def _roll_service(stack: Stack, service: str, customers: list[str], replicas: int) -> Rolling:
    result, stop = Rolling(), asyncio.Event()
    names = [process_name(service, replica) for replica in range(1, replicas + 1)]
    urls = [stack.service_url(name) for name in names]
    headers = {"Authorization": f"Bearer {stack.token(role='agent', subject='agent-rolling')}"}
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=20)) as http:
        workers = [
            asyncio.create_task(_work(http, result, urls, PATHS[service], customers, number, stop))
            for number in range(WORKERS)
        ]
        for name in names:
            await asyncio.to_thread(stack.processes[name].restart)
        stop.set()
        await asyncio.gather(*workers)
    return result


async def _work(
    http: aiohttp.ClientSession, result: Rolling, urls: list[str], path: str, customers: list[str], number: int,
    stop: asyncio.Event,
) -> None:  # fmt: skip
    turn = number
    while not stop.is_set():
        turn += 1
        started = time.perf_counter()
        await _request(http, result, urls, turn, path.format(customers[turn % len(customers)]))
        result.milliseconds.append((time.perf_counter() - started) * 1000)
        await asyncio.sleep(0.01)


async def _request(http: aiohttp.ClientSession, result: Rolling, urls: list[str], turn: int, path: str) -> None:
    """As a load balancer does it: a replica that takes no connection is passed over."""
    for attempt in range(20 * len(urls)):
        url = urls[(turn + attempt) % len(urls)] + path
        try:
            async with http.get(url) as response:
                await response.read()
                if response.status != 200:
                    result.failed.append(f"{response.status} {url}")
                return
        except aiohttp.ClientConnectorError:
            result.rerouted += 1
        except aiohttp.ClientError:
            result.cut += 1
        if attempt >= len(urls):
            await asyncio.sleep(0.05)
    result.failed.append(f"no replica took {path}")
