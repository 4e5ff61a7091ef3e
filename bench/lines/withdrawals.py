"""Durable withdrawals over HTTP: shared commits with everything on, against a handler that commits each alone."""

from __future__ import annotations

import asyncio
from functools import partial

import asyncpg

from bench.environment import Bench, port_of
from bench.figures import Line, Measured, Round, at_least, middle, ratio
from bench.processes import SideFailedError, listening, outcome, running
from deploy.local.ports import free_ports
from deploy.local.stack import Stack

CONNECTIONS = 20
CUSTOMERS = 10_000
SECONDS = 10.0
_BODY = '{"amount": 1, "type": "admin", "customer_visible_description": "Paid out at your request"}'


async def _load(stack: Stack, port: int, name: str, seconds: float) -> Round:
    figures = await outcome(
        "load",
        port=port,
        connections=CONNECTIONS,
        seconds=seconds,
        status=201,
        method="POST",
        paths=["/v1/customers/cus-@n/withdrawals"],
        headers={
            "Authorization": f"Bearer {stack.token()}",
            "Content-Type": "application/json",
            "Idempotency-Key": "@key",
        },
        body=_BODY,
        customers=CUSTOMERS,
    )
    if figures["failures"]:
        raise SideFailedError(f"{name}: {figures['failures']:.0f} withdrawals were refused")
    return {f"{name}": figures["rate"], f"{name} p50": figures["p50"], f"{name} p99": figures["p99"]}


async def _bare(stack: Stack, seconds: float) -> Round:
    (port,) = free_ports(["bare"]).values()
    dsn = stack.database_url("accounts")
    async with running("bare_http", dsn=dsn, port=port, pool_size=CONNECTIONS):
        await listening(port)
        return await _load(stack, port, "bare", seconds)


async def open_accounts(dsn: str, customers: int) -> None:
    """Customers `cus-0` and on, each with money."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(
            """insert into customers (customer_id, version, first_name, last_name, status, created_at, changed_at)
               select 'cus-' || n, 1, 'Ada', 'Novak', 'active', now(), now() from generate_series(0, $1 - 1) n""",
            customers,
        )
        await connection.execute(
            """insert into accounts (customer_id, currency, balance)
               select 'cus-' || n, 'AUD', 1000000000 from generate_series(0, $1 - 1) n""",
            customers,
        )
        await connection.execute("vacuum analyze")
    finally:
        await connection.close()


async def _against_bare(bench: Bench) -> Measured:
    seconds = max(2.0, SECONDS * min(bench.scale, 1))
    async with bench.services("accounts") as stack:
        await asyncio.to_thread(stack.up)
        await open_accounts(stack.owner_url("accounts"), CUSTOMERS)
        port = port_of(stack.service_url("accounts"))
        rounds = await bench.in_turn(partial(_load, stack, port, "ours", seconds), partial(_bare, stack, seconds))
    not_worse = middle(rounds, "ours p99") <= middle(rounds, "bare p99")
    return Measured(ratio(rounds, "ours", "bare"), rounds, {"p99 not worse": not_worse})


LINES = (
    Line(
        "http-write",
        "durable withdrawals, 20 connections, requests/s: ours / bare aiohttp and asyncpg",
        at_least(1.3),
        _against_bare,
    ),
)
