"""Faults on purpose: processes of a stack killed, frozen and restarted at random, from a seed."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from deploy.local.process import ManagedProcess
from deploy.local.stack import Stack

# A frozen service must lose its place in the group, whose session lasts 6 s.
FREEZE_SECONDS = (7.5, 9.5)
READY_SECONDS = 300.0
AT_ONCE = 3
_POLL_SECONDS = 0.2


@dataclass
class Damage:
    """What was done, by kind of process (`tickets`, `postgres`, `kafka`, `mail`); `deaths` nobody ordered."""

    kills: Counter[str] = field(default_factory=Counter)
    freezes: Counter[str] = field(default_factory=Counter)
    restarts: Counter[str] = field(default_factory=Counter)
    deaths: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For the report."""
        return {
            "kills": dict(self.kills), "freezes": dict(self.freezes), "restarts": dict(self.restarts),
            "unordered_deaths": self.deaths,
        }  # fmt: skip


class Saboteur:
    """Works on all processes of a stack, some of them at the same time, and brings each one back."""

    def __init__(self, stack: Stack, rng: random.Random, *, pace: float, say: Callable[[str], None]) -> None:
        self._stack = stack
        self._rng = rng
        self._pace = pace
        self._say = say
        self._started = time.monotonic()
        self._busy: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.damage = Damage()

    async def run(self, rounds: int) -> None:
        """One kill a round, and between them freezes and graceful restarts; returns when all is up again."""
        while sum(self.damage.kills.values()) < rounds:
            self._strike()
            await asyncio.sleep(self._rng.uniform(0.4, 1.6) * self._pace)
            await self._bring_back_the_dead()
            self._collect()
            while len(self._tasks) >= AT_ONCE:
                await self._wait_for_a_task()
        while self._tasks:
            await self._wait_for_a_task()
        await asyncio.gather(*(self._until_ready(process) for process in self._stack.processes.values()))

    async def _wait_for_a_task(self) -> None:
        await asyncio.wait(self._tasks, timeout=1, return_when=asyncio.FIRST_COMPLETED)
        # All of them may wait for services that wait for one which was left to start by itself, and died.
        await self._bring_back_the_dead()
        self._collect()

    def _strike(self) -> None:
        process = self._victim()
        chance = self._rng.random()
        attack = self._kill if chance < 0.82 else self._freeze if chance < 0.92 else self._restart
        if attack == self._kill:
            # Counted when it is decided, so that the number of rounds is exact.
            self.damage.kills[kind_of(process)] += 1
        seconds, kills = time.monotonic() - self._started, self.damage.kills.total()
        self._say(f"{seconds:7.1f} s, kill {kills}: {attack.__name__.strip('_')} {process.name}")
        self._busy.add(process.name)
        self._tasks.add(asyncio.create_task(self._attack(attack, process), name=f"attack {process.name}"))

    def _victim(self) -> ManagedProcess:
        free = [process for name, process in self._stack.processes.items() if name not in self._busy]
        services = [process for process in free if process.name not in {"postgres", "mail", *self._kafka_names}]
        others = [process for process in free if process not in services]
        return self._rng.choice(services if services and (not others or self._rng.random() < 0.65) else others)

    async def _attack(self, attack: Any, process: ManagedProcess) -> None:
        try:
            await attack(process)
        finally:
            self._busy.discard(process.name)

    async def _kill(self, process: ManagedProcess) -> None:
        await asyncio.to_thread(process.kill)
        await asyncio.sleep(self._rng.choice((0, 0.2, 1.5)) * self._rng.random())
        await asyncio.to_thread(process.start, wait=False)
        # Now and then the next blow may fall while it is still starting.
        if kind_of(process) == "kafka" or self._rng.random() < 0.75:
            await self._until_ready(process)

    async def _freeze(self, process: ManagedProcess) -> None:
        self.damage.freezes[kind_of(process)] += 1
        await asyncio.to_thread(process.pause)
        await asyncio.sleep(self._rng.uniform(*FREEZE_SECONDS))
        await asyncio.to_thread(process.resume)

    async def _restart(self, process: ManagedProcess) -> None:
        self.damage.restarts[kind_of(process)] += 1
        await asyncio.to_thread(process.stop)
        await asyncio.to_thread(process.start, wait=False)
        await self._until_ready(process)

    async def _until_ready(self, process: ManagedProcess) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not await asyncio.to_thread(process.spec.is_ready):
            await self._bring_back(process)
            if time.monotonic() > deadline:
                raise TimeoutError(f"{process.name} is not ready after {READY_SECONDS:.0f} s:\n{process.log_tail(40)}")
            await asyncio.sleep(_POLL_SECONDS)

    async def _bring_back_the_dead(self) -> None:
        for name, process in self._stack.processes.items():
            if name not in self._busy:
                await self._bring_back(process)

    async def _bring_back(self, process: ManagedProcess) -> None:
        """Start what ended by itself, as any supervisor would, and remember that it did."""
        if await asyncio.to_thread(process.find) is None:
            self.damage.deaths.append({"process": process.name, "log": process.log_tail(30)})
            await asyncio.to_thread(process.start, wait=False)

    def _collect(self) -> None:
        for task in [task for task in self._tasks if task.done()]:
            self._tasks.remove(task)
            task.result()

    @property
    def _kafka_names(self) -> set[str]:
        return set(self._stack.config.kafka_names)


def kind_of(process: ManagedProcess) -> str:
    """The name without the number of the replica or node."""
    return process.name.partition("-")[0]
