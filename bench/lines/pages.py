"""Pages of a history of a million rows: the first one against a bare handler, and a deep one against the first."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import urlencode

import asyncpg
import orjson

from bench.environment import Bench, port_of
from bench.figures import Line, Measured, Round, at_least, at_most, ratio
from bench.lines.withdrawals import open_accounts
from bench.processes import SideFailedError, listening, outcome, running
from deploy.local.ports import free_ports
from deploy.local.stack import Stack
from shared.web import Keyset

ROWS = 1_000_000
PAGE = 25
CONNECTIONS = 32
DEEP_CONNECTIONS = 2
SECONDS = 8.0
CUSTOMER = "cus-1"
PATH = f"/v1/customers/{CUSTOMER}/transactions"

FILL_LEDGER = """
    with counted as (update accounts set last_seq = $2 where customer_id = $1)
    insert into ledger_entries
        (customer_id, seq, entry_id, occurred_at, recorded_at, kind, status, method, amount_in, amount_out, currency,
         balance, cause_kind, cause_id, order_id, description, hash)
    select $1, n, gen_random_uuid(), at, at, case n % 2 when 1 then 'deposit' else 'purchase' end, 'booked', 'card',
           1000 * (n % 2), 1000 * (1 - n % 2), 'AUD', 1000 * (n % 2), 'order', 'ord-' || (n + 1) / 2,
           'ord-' || (n + 1) / 2, case n % 2 when 1 then 'Deposit by card' else 'Purchase of 1 ticket' end,
           sha256(int8send(n))
    from generate_series(1, $2) n, lateral (select now() - make_interval(secs => $2 - n) as at) as moment"""


class _Identity:
    """What the API binds the cursors of this list to."""

    list_identity = orjson.dumps(["list_transactions", {"customer_id": CUSTOMER}, []])


def cursor_after(seq: int) -> str:
    """The cursor that the API gives on the page that ends with `seq`."""
    return Keyset(tuple[int]).encode(_Identity.list_identity, (seq,))


@asynccontextmanager
async def _history(bench: Bench, rows: int) -> AsyncIterator[Stack]:
    """The accounts service with a history of so many rows."""
    async with bench.services("accounts") as stack:
        await asyncio.to_thread(stack.up)
        dsn = stack.owner_url("accounts")
        await open_accounts(dsn, 2)
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(FILL_LEDGER, CUSTOMER, rows)
            await connection.execute("vacuum analyze ledger_entries")
        finally:
            await connection.close()
        yield stack


async def _load(
    stack: Stack, port: int, *, connections: int, seconds: float, queries: tuple[str, ...] = ("",)
) -> Round:
    figures = await outcome(
        "load", port=port, connections=connections, seconds=seconds, status=200, method="GET",
        paths=[f"{PATH}?limit={PAGE}{query}" for query in queries],
        headers={"Authorization": f"Bearer {stack.token()}"},
    )  # fmt: skip
    if figures["failures"]:
        raise SideFailedError(f"{figures['failures']:.0f} pages were refused")
    return figures


async def _ours(stack: Stack, seconds: float) -> Round:
    port = port_of(stack.service_url("accounts"))
    figures = await _load(stack, port, connections=CONNECTIONS, seconds=seconds)
    return {"ours": figures["rate"], "ours p50": figures["p50"], "ours p99": figures["p99"]}


async def _bare(stack: Stack, seconds: float) -> Round:
    (port,) = free_ports(["bare"]).values()
    async with running("bare_http", dsn=stack.database_url("accounts"), port=port, pool_size=10):
        await listening(port)
        figures = await _load(stack, port, connections=CONNECTIONS, seconds=seconds)
    return {"bare": figures["rate"], "bare p50": figures["p50"], "bare p99": figures["p99"]}


def _seconds(bench: Bench) -> float:
    return max(2.0, SECONDS * min(bench.scale, 1))


async def _against_bare(bench: Bench) -> Measured:
    async with _history(bench, bench.amount(ROWS)) as stack:
        seconds = _seconds(bench)
        rounds = await bench.in_turn(partial(_ours, stack, seconds), partial(_bare, stack, seconds))
    return Measured(ratio(rounds, "ours", "bare"), rounds)


async def _deep(bench: Bench) -> Measured:
    rows = bench.amount(ROWS)
    async with _history(bench, rows) as stack:
        port = port_of(stack.service_url("accounts"))
        cursor = cursor_after(PAGE + 1)
        await asyncio.to_thread(_check_pages, stack, rows, cursor)

        async def both() -> Round:
            """Both pages in turn on the same connections: what disturbs one disturbs the other."""
            figures = await _load(
                stack, port, connections=DEEP_CONNECTIONS, seconds=_seconds(bench), queries=("", f"&cursor={cursor}")
            )
            return {
                "first p50": figures["p50"], "first p99": figures["p99"],
                "deep p50": figures["p50 2"], "deep p99": figures["p99 2"],
            }  # fmt: skip

        rounds = await bench.in_turn(both)
    return Measured(ratio(rounds, "deep p99", "first p99"), rounds)


def _check_pages(stack: Stack, rows: int, cursor: str) -> None:
    """Both pages are what they are taken for, and the cursor is the API's own."""
    first = page_of(stack, "accounts", PATH, limit=PAGE)
    deep = page_of(stack, "accounts", PATH, limit=PAGE, cursor=cursor)
    if [first["items"][0]["seq"], len(first["items"]), first["next_cursor"]] != [
        rows, PAGE, cursor_after(rows - PAGE + 1),
    ] or [deep["items"][0]["seq"], len(deep["items"])] != [PAGE, PAGE]:  # fmt: skip
        raise SideFailedError("the pages are not the first and the last one of the history")


def page_of(stack: Stack, service: str, path: str, **query: object) -> dict[str, Any]:
    """A page of a list, as the service answers it."""
    url = f"{stack.service_url(service)}{path}?{urlencode(query)}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {stack.token()}"})  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - loopback
        page: dict[str, Any] = json.load(answer)
    return page


LINES = (
    Line(
        "http-read",
        "history page of 25 rows out of 1 M, 32 connections, requests/s: ours / bare handler",
        at_least(0.5),
        _against_bare,
    ),
    Line("deep-page", "history of 1 M rows, p99: page 40,000 / page 1", at_most(1.2), _deep),
)
