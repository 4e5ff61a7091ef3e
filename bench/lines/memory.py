"""Memory of each service while it drains a backlog of a million events, and whether it stays flat."""

from __future__ import annotations

import asyncio
import time
from statistics import median

import asyncpg
import psutil

from bench import backlog
from bench.environment import Bench
from bench.figures import Line, Measured, Round, at_most, middle
from bench.processes import SideFailedError
from bench.progress import offsets_moved
from deploy.local.stack import Stack
from shared.contracts import CorrespondenceRequested, Event, PurchaseCompleted, TicketsPaid, TicketsPurchased
from shared.messaging import KafkaSettings

EVENTS = 1_000_000
BACKLOGS: dict[str, type[Event]] = {
    "accounts": TicketsPurchased,
    "tickets": PurchaseCompleted,
    "notifications": CorrespondenceRequested,
    "loyalty": TicketsPaid,
}
# The memory at the end of a drain over that of its second quarter; the first one fills caches and pools.
FLAT = 1.15
_MB = 10**6
_STALLED_SECONDS = 120.0


async def _drain(bench: Bench, service: str, total: int) -> Round:
    """Resident memory in MB of a service, shared pages included, sampled while it drains its backlog."""
    async with bench.services(service, mail=service == "notifications") as stack:
        await asyncio.to_thread(stack.up)
        await asyncio.to_thread(stack.processes[service].stop)
        kafka = KafkaSettings(stack.bootstrap_servers, stack.config.topic_prefix)
        await backlog.publish(kafka, BACKLOGS[service], total)
        await asyncio.to_thread(stack.processes[service].start)
        samples = await _samples(stack, service, total)
    quarter = len(samples) // 4 or 1
    growth = median(samples[-quarter:]) / median(samples[quarter : 2 * quarter] or samples)
    return {service: max(samples), f"{service} growth": growth}


async def _samples(stack: Stack, service: str, total: int) -> list[float]:
    process = stack.processes[service].find()
    if process is None:
        raise SideFailedError(f"{service} does not run")
    connection = await asyncpg.connect(stack.database_url(service))
    samples, seen, moved = [], 0, time.monotonic()
    try:
        done = offsets_moved(connection)
        while (count := await done()) < total:
            samples.append(_resident(process))
            if count != seen:
                seen, moved = count, time.monotonic()
            elif time.monotonic() - moved > _STALLED_SECONDS:
                raise SideFailedError(f"{service} stopped after {count} of {total} events")
            await asyncio.sleep(0.25)
        samples.append(_resident(process))
    finally:
        await connection.close()
    return samples


def _resident(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / _MB


async def _memory(bench: Bench) -> Measured:
    """One drain of each service is a round; further rounds say nothing that a million events did not."""
    total = bench.amount(EVENTS)
    taken: Round = {}
    for service in BACKLOGS:
        taken |= await _drain(bench, service, total)
        print(f"    {service}: {taken[service]:.0f} MB, growth {taken[f'{service} growth']:.3f}", flush=True)
    flat = all(taken[f"{service} growth"] <= FLAT for service in BACKLOGS)
    return Measured(max(middle([taken], service) for service in BACKLOGS), [taken], {f"growth ≤ {FLAT}": flat})


LINES = (Line("memory", "most resident memory of a service while it drains 1 M events", at_most(200, "MB"), _memory),)
