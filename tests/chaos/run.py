"""One run: load and faults on a stack of its own, then quiet, then the comparison with the model."""

import asyncio
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from deploy.local.config import SERVICES, ephemeral_config, process_name
from deploy.local.stack import Stack
from shared.messaging import KafkaSettings
from tests.chaos.agents import AGENT, BOSSES, Agents
from tests.chaos.calling import Caller
from tests.chaos.catalogue import Catalogue, open_catalogue
from tests.chaos.observe import Observer, Quiet, published_purchases
from tests.chaos.rolling import Rolling, roll
from tests.chaos.saboteur import Damage, Saboteur
from tests.chaos.shop import Shop, Till
from tests.chaos.subscriptions import LEAD

REPLICAS = 2
# Withdrawals of more than this wait for a second person.
APPROVAL_THRESHOLD = 400
# Short times where a person would wait for long ones, and the rest as in production.
ENVIRONMENT = {
    "RECOURSE_LEASE_SECONDS": "5",
    "RECOURSE_AUTOPLAY_LEAD_HOURS": str(LEAD.total_seconds() / 3600),
    "RECOURSE_AUTOPLAY_PAUSE_SECONDS": "0.5",
    "RECOURSE_AUTOPLAY_RETRY_MINUTES": "0.05",
    "RECOURSE_MAIL_SLOW_SECONDS": "2",
    "RECOURSE_PAYMENT_TIMEOUT_SECONDS": "6",
    "RECOURSE_WITHDRAWAL_APPROVAL_THRESHOLD": str(APPROVAL_THRESHOLD),
}
# What is rare, and has to happen for the comparison to mean something: how often it is accepted at least.
RARE = {
    "approve": 1, "reject": 1, "cancel_draw": 2, "confirm_paid": 1, "cancel_and_refund": 3, "retry": 4,
    "merge": 2, "part": 1, "erase": 3,
}  # fmt: skip
RARE_SECONDS = 60.0
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Plan:
    """How much of what. `purchases` and `calls` are a second; `pace` stretches the pauses between faults.

    `rolling` adds a rolling restart when all is compared.
    """

    rounds: int
    seed: int
    purchases: float = 12.0
    calls: float = 8.0
    pace: float = 1.0
    quiet_seconds: float = 120.0
    rolling: bool = False


@dataclass
class Result:
    """What happened. `differences` must be empty and `quiet` (seconds from the last restart on) short."""

    plan: Plan
    seconds: float
    damage: Damage
    records: int
    events: int
    repeated_batches: int
    attempts: Counter[str]
    given_up: int
    quiet: float | None
    waiting_for: str
    comparison: dict[str, Any] = field(default_factory=dict)
    rolling: dict[str, Rolling] = field(default_factory=dict)

    @property
    def differences(self) -> list[dict[str, Any]]:
        return list(self.comparison["differences"])

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        unharmed = not self.damage.deaths and not any(seen.failed for seen in self.rolling.values())
        return unharmed and not self.differences and self.quiet is not None


def chaos_stack(state_dir: Path) -> Stack:
    """A stack of its own with two replicas of each service."""
    return Stack(
        ephemeral_config(state_dir, replicas=dict.fromkeys(SERVICES, REPLICAS), service_environment=ENVIRONMENT)
    )


class Run:
    """Drives one stack, which runs already; `folder` takes what the model is given."""

    def __init__(
        self, stack: Stack, plan: Plan, folder: Path, *, say: Callable[[str], None] = lambda _text: None
    ) -> None:
        self._stack = stack
        self._say = say
        self._plan = plan
        self._folder = folder
        self._kafka = KafkaSettings(stack.bootstrap_servers, stack.config.topic_prefix)
        self._shop = Shop(random.Random(plan.seed))
        self._till = Till(self._kafka)
        self._tokens = {who: stack.token(role="administrator", subject=who) for who in BOSSES}
        self._tokens[AGENT] = stack.token(role="agent", subject=AGENT)
        dice = random.Random(plan.seed + 1)
        urls = {service: self._urls(service) for service in SERVICES}
        self._caller = Caller(dice, urls=urls, tokens=self._tokens)
        self._agents = Agents(dice, self._shop, self._caller, pause=1 / plan.calls)
        self._saboteur = Saboteur(stack, random.Random(plan.seed + 2), pace=plan.pace, say=say)
        self._selling = True

    async def run(self) -> Result:
        """Everything. Raises only when the run itself is broken."""
        started = time.monotonic()
        boss = self._tokens[BOSSES[0]]
        catalogue = await open_catalogue(self._stack.service_url("tickets"), boss)
        load = asyncio.gather(self._sell(), self._agents.run(catalogue))
        try:
            await self._saboteur.run(self._plan.rounds)
            # Without faults, in a short run, until what is rare has happened as well.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._caller.reached(RARE), RARE_SECONDS)
            quiet_from = time.monotonic()
            self._say("all is up again: waiting for quiet")
            self._selling = False
            self._agents.stop()
            await load
        finally:
            load.cancel()
            await self._till.close()
        quiet, waiting_for = await self._quiet(quiet_from)
        self._say("reading everything, and comparing")
        comparison, records = await self._compare(catalogue)
        seconds = time.monotonic() - started
        rolling = await self._roll(records) if self._plan.rolling else {}
        answers = Counter(_answer_name(attempt) for attempt in self._caller.attempts)
        return Result(
            self._plan, seconds, self._saboteur.damage, len(records),
            len({record["event_id"] for record in records}), self._till.repeated, answers, self._caller.given_up,
            quiet, waiting_for, comparison, rolling,
        )  # fmt: skip

    async def _sell(self) -> None:
        interval = 0.25
        while self._selling:
            batch = self._shop.batch(max(1, round(self._plan.purchases * interval)))
            await self._till.publish(batch)
            self._shop.publish_now(batch)
            await asyncio.sleep(interval)

    async def _quiet(self, since: float) -> tuple[float | None, str]:
        quiet = Quiet(self._stack)
        try:
            await quiet.wait(seconds=self._plan.quiet_seconds)
        except TimeoutError:
            return None, quiet.waiting_for
        return time.monotonic() - since, ""

    async def _compare(self, catalogue: Catalogue) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        records, prizes = await published_purchases(self._kafka)
        facts = {
            "purchases": records, "prizes": prizes,
            "calls": self._caller.attempts, "approval_threshold": APPROVAL_THRESHOLD,
        }  # fmt: skip
        headers = {"Authorization": f"Bearer {self._tokens[BOSSES[0]]}"}
        async with aiohttp.ClientSession(headers=headers) as http:
            names = sorted({record["data"]["customer"]["id"] for record in records})
            observed = await Observer(self._stack, http).observe(names, catalogue)
        return await asyncio.to_thread(compare_in_a_process, facts, observed, self._folder), records

    async def _roll(self, records: list[dict[str, Any]]) -> dict[str, Rolling]:
        self._say("restarting every service in turn")
        customers = sorted({record["data"]["customer"]["id"] for record in records})
        return await roll(self._stack, customers, replicas=REPLICAS)

    def _urls(self, service: str) -> list[str]:
        return [self._stack.service_url(process_name(service, replica)) for replica in range(1, REPLICAS + 1)]


def compare_in_a_process(facts: dict[str, Any], observed: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Let the model compare, in a process that holds nothing of the platform."""
    paths = {"facts": facts, "observed": observed}
    for name, document in paths.items():
        (folder / f"{name}.json").write_text(json.dumps(document))
    command = [sys.executable, "-m", "tests.chaos.model", *(str(folder / f"{name}.json") for name in paths)]
    result = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"the model failed:\n{result.stderr}")
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def _answer_name(attempt: dict[str, Any]) -> str:
    status, body = attempt["status"], attempt["answer"]
    if status is None:
        return "no answer"
    code = body.get("code") if isinstance(body, dict) and status >= 300 else None
    return f"{status} {code}" if code else f"{status}"
