"""The histories of a customer with 100,000 rows of each kind: the last page against the first."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

import asyncpg

from bench.environment import Bench, port_of
from bench.figures import Line, Measured, Round, at_most, ratio
from bench.lines.pages import CUSTOMER, FILL_LEDGER, page_of
from bench.lines.withdrawals import open_accounts
from bench.processes import SideFailedError, outcome
from deploy.local.stack import Stack

ROWS = 100_000
PAGE, LONGEST_PAGE = 25, 100
CONNECTIONS = 2
SECONDS = 6.0

_FILL_ACTIVITIES = """
    insert into activities (customer_id, kind, occurred_at, reference, details)
    select $1, 'login_succeeded', now() - make_interval(secs => n), 'log-' || n, '{"channel": "website"}'
    from generate_series(1, $2) n"""
_FILL_TICKETS = """
    with moments as (
        select n, now() - make_interval(secs => n) as at from generate_series(1, $2) n),
    ordered as (
        insert into orders (order_id, customer_id, ordered_at, outcome, checkout_id, transaction_id, payment_method,
                            payment_amount, currency)
        select 'ord-' || n, $1, at, 'completed', 'chk-' || n, 'txn-' || n, 'card', 1000, 'AUD' from moments)
    insert into tickets (ticket_id, order_id, customer_id, ordered_at, position, lottery, draw_number, draw_at,
                         draw_closes_at, offer_id, offer_label, price, state)
    select 'tic-' || n, 'ord-' || n, $1, at, 0, 'megadraw', 1, '2126-01-01', '2126-01-01', 'book', 'A book', 1000,
           'paid'
    from moments"""

# What is paged, by the service that has it.
HISTORIES = {
    "ledger": ("accounts", f"/v1/customers/{CUSTOMER}/transactions"),
    "activity": ("accounts", f"/v1/customers/{CUSTOMER}/activities"),
    "orders": ("tickets", f"/v1/customers/{CUSTOMER}/orders"),
}


async def _fill(stack: Stack, rows: int) -> None:
    await open_accounts(stack.owner_url("accounts"), 2)
    accounts = await asyncpg.connect(stack.owner_url("accounts"))
    tickets = await asyncpg.connect(stack.owner_url("tickets"))
    try:
        await accounts.execute(FILL_LEDGER, CUSTOMER, rows)
        await accounts.execute(_FILL_ACTIVITIES, CUSTOMER, rows)
        await tickets.execute("insert into customers (customer_id) values ($1)", CUSTOMER)
        await tickets.execute(_FILL_TICKETS, CUSTOMER, rows)
        for connection in (accounts, tickets):
            await connection.execute("vacuum analyze")
    finally:
        await accounts.close()
        await tickets.close()


def _last_cursor(stack: Stack, service: str, path: str, rows: int) -> str:
    """The cursor of the last page, found by walking there."""
    query: dict[str, object] = {}
    seen, limit = 0, LONGEST_PAGE
    while seen < rows - PAGE:
        limit = min(LONGEST_PAGE, rows - PAGE - seen)
        page = page_of(stack, service, path, limit=limit, **query)
        seen += len(page["items"])
        query = {"cursor": page["next_cursor"]}
    last = page_of(stack, service, path, limit=PAGE, **query)
    if len(last["items"]) != PAGE or last["next_cursor"] is not None:
        raise SideFailedError(f"{path}: the walk did not end on the last page")
    return str(query["cursor"])


async def _compare(bench: Bench, stack: Stack, cursors: dict[str, str]) -> Round:
    taken: Round = {}
    for name, (service, path) in HISTORIES.items():
        figures = await outcome(
            "load", port=port_of(stack.service_url(service)), connections=CONNECTIONS,
            seconds=max(2.0, SECONDS * min(bench.scale, 1)), status=200, method="GET",
            paths=[f"{path}?limit={PAGE}", f"{path}?limit={PAGE}&{urlencode({'cursor': cursors[name]})}"],
            headers={"Authorization": f"Bearer {stack.token()}"},
        )  # fmt: skip
        if figures["failures"]:
            raise SideFailedError(f"{figures['failures']:.0f} pages were refused")
        taken |= {f"{name} first": figures["p99"], f"{name} last": figures["p99 2"]}
    return taken


async def _measure(bench: Bench) -> Measured:
    rows = bench.amount(ROWS)
    async with bench.services("accounts", "tickets") as stack:
        await asyncio.to_thread(stack.up)
        await _fill(stack, rows)
        cursors = {
            name: await asyncio.to_thread(_last_cursor, stack, service, path, rows)
            for name, (service, path) in HISTORIES.items()
        }
        rounds = await bench.in_turn(lambda: _compare(bench, stack, cursors))
    return Measured(max(ratio(rounds, f"{name} last", f"{name} first") for name in HISTORIES), rounds)


LINES = (
    Line(
        "history-pages",
        "ledger, orders, activity of a customer with 100,000 rows of each, p99: last page / first, the worst of them",
        at_most(1.2),
        _measure,
    ),
)
