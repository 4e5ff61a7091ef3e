"""Finding and showing customers among a million of them, and what that costs more than among a tenth as many."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import quote

import asyncpg

from bench.environment import Bench, port_of
from bench.figures import Line, Measured, Round, at_most, middle
from bench.processes import SideFailedError, outcome
from deploy.generate.load import generate
from deploy.generate.plan import Plan
from deploy.local.stack import Stack

CUSTOMERS, FEWER = 1_000_000, 100_000
# For each customer, on average.
TICKETS, ENTRIES = 3, 10
CONNECTIONS = 2
SAMPLES = 300
SECONDS = 3.0
_UNTIL = datetime(2026, 11, 1, tzinfo=UTC)
_KINDS = ("order", "ticket", "receipt", "transaction", "checkout")


@dataclass(frozen=True)
class Site:
    """A running service with generated customers, and the paths that are asked for, by what is asked."""

    stack: Stack
    paths: dict[str, list[str]]

    async def load(self, asked: str, seconds: float) -> Round:
        """Ask for each of the paths in turn: percentiles over all of them, in milliseconds."""
        figures = await outcome(
            "load", port=port_of(self.stack.service_url("accounts")), connections=CONNECTIONS, seconds=seconds,
            status=200, method="GET", paths=self.paths[asked],
            headers={"Authorization": f"Bearer {self.stack.token()}"},
        )  # fmt: skip
        if figures["failures"]:
            raise SideFailedError(f"{asked}: {figures['failures']:.0f} answers were no success")
        return {f"{asked} p50": figures["all p50"], f"{asked} p95": figures["all p95"]}

    async def load_all(self, asked: list[str], seconds: float, suffix: str = "") -> Round:
        """One thing after the other."""
        found: Round = {}
        for each in asked:
            found |= {f"{name}{suffix}": value for name, value in (await self.load(each, seconds)).items()}
        return found


@asynccontextmanager
async def _site(bench: Bench, customers: int) -> AsyncIterator[Site]:
    async with bench.services("accounts") as stack:
        await asyncio.to_thread(stack.up)
        url = stack.owner_url("accounts")
        plan = Plan(customers, TICKETS * customers, ENTRIES * customers, 1, _UNTIL)
        await asyncio.to_thread(generate, plan, {"accounts": url}, _unseen)
        connection = await asyncpg.connect(url)
        try:
            yield Site(stack, await _paths(connection))
        finally:
            await connection.close()


def _unseen(done: int, total: int) -> None:
    """Nobody looks at how far the loading is."""


async def _paths(connection: Any) -> dict[str, list[str]]:
    rng = random.Random(1)
    rows = await connection.fetch(
        """select customer_id, email, phone, first_name, last_name from customers tablesample system (5)
           where email is not null and phone is not null order by random() limit $1""",
        SAMPLES,
    )
    customers = [row["customer_id"] for row in rows]
    sought = {
        "customer": customers,
        "email": [row["email"].upper() for row in rows],
        "phone": [row["phone"] for row in rows],
        "name": [_mistyped(rng, f"{row['last_name']} {row['first_name']}") for row in rows],
        "entry": await _sample(connection, "select entry_id::text from ledger_entries tablesample system (1)"),
    }
    for kind in _KINDS:
        sample = f"select value from identifiers tablesample system (1) where kind = '{kind}'"  # noqa: S608 - constants
        sought[kind] = await _sample(connection, sample)
    paths = {kind: [f"/v1/search?q={quote(text)}" for text in texts] for kind, texts in sought.items()}
    return paths | {
        "profile": [f"/v1/customers/{each}/profile" for each in customers],
        "page": [f"/v1/customers/{each}/transactions?limit=25" for each in customers],
    }


async def _sample(connection: Any, select: str) -> list[str]:
    return [row[0] for row in await connection.fetch(f"{select} order by random() limit {SAMPLES}")]


def _mistyped(rng: random.Random, name: str) -> str:
    """The name with two neighbouring letters exchanged, not the first one's."""
    places = [n for n in range(1, len(name) - 1) if name[n : n + 2].isalpha() and name[n] != name[n + 1]]
    if not places:
        return name
    n = rng.choice(places)
    return name[:n] + name[n + 1] + name[n] + name[n + 2 :]


_ALL_IDS = ["customer", "email", "phone", "entry", *_KINDS]
_ASKED = [*_ALL_IDS, "name", "profile", "page"]


async def _rounds(bench: Bench) -> list[Round]:
    """All that the lines here need, measured once in a run: it takes millions of rows."""
    if "search" not in bench.shared:
        seconds = _seconds(bench)
        async with _site(bench, bench.amount(FEWER)) as fewer, _site(bench, bench.amount(CUSTOMERS)) as many:
            bench.shared["search"] = await bench.in_turn(
                partial(fewer.load_all, _ASKED, seconds, " of fewer"), partial(many.load_all, _ASKED, seconds)
            )
    return bench.shared["search"]


async def _worst(bench: Bench, asked: list[str]) -> Measured:
    rounds = await _rounds(bench)
    figures = [{name: each[name] for kind in asked for name in (f"{kind} p50", f"{kind} p95")} for each in rounds]
    return Measured(max(middle(rounds, f"{each} p95") for each in asked), figures)


async def _growth(bench: Bench) -> Measured:
    rounds = await _rounds(bench)
    # What is asked for weighs the same whether it is cheap or dear.
    ratios = [middle(rounds, f"{each} p50") / middle(rounds, f"{each} p50 of fewer") for each in _ASKED]
    return Measured(sum(ratios) / len(ratios), rounds)


def _seconds(bench: Bench) -> float:
    return max(1.0, SECONDS * min(bench.scale, 1))


LINES = (
    Line(
        "search-id",
        "search box, 1 M customers, the slowest kind of identifier, p95",
        at_most(20, "ms"),
        partial(_worst, asked=_ALL_IDS),
    ),
    Line(
        "search-name",
        "search box, 1 M customers, full name with a typing error, p95",
        at_most(100, "ms"),
        partial(_worst, asked=["name"]),
    ),
    Line(
        "profile",
        "profile with sums and last activities, 1 M customers, p95",
        at_most(15, "ms"),
        partial(_worst, asked=["profile"]),
    ),
    Line(
        "growth",
        "search, profile and page at 1 M customers / at 100,000: mean of the ratios of p50",
        at_most(1.3),
        _growth,
    ),
)
