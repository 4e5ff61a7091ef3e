"""Generated data is what the services would have written: money, chains, statuses, search."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from deploy.generate.load import generate, make
from deploy.generate.plan import Plan
from deploy.local.errors import StackError
from services.accounts.app import SERVICE as ACCOUNTS
from services.accounts.ledger.chain import hash_of
from services.accounts.ledger.entries import Entry
from services.loyalty.app import SERVICE as LOYALTY
from services.notifications.app import SERVICE as NOTIFICATIONS
from services.tickets.app import SERVICE as TICKETS
from shared.db import migrate
from shared.service import Service
from tests.support.stack import Infra

PLAN = Plan(customers=900, tickets=2700, entries=9000, seed=7, until=datetime(2026, 11, 1, tzinfo=UTC))
SERVICES: list[Service[Any]] = [ACCOUNTS, TICKETS, NOTIFICATIONS, LOYALTY]


async def _stores(infra: Infra) -> dict[str, str]:
    urls = {service.name: await infra.create_database(service.name) for service in SERVICES}
    for service in SERVICES:
        await migrate(urls[service.name], service.migration_sources())
    return urls


async def _indexes(url: str) -> set[str]:
    return {row[0] for row in await _fetch(url, "select indexdef from pg_indexes where schemaname = 'public'")}


async def _fetch(url: str, sql: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(sql)
    finally:
        await connection.close()


@pytest.fixture(scope="module")
async def filled(infra: Infra) -> dict[str, str]:
    """The URLs of stores with generated data."""
    urls = await _stores(infra)
    before = {name: await _indexes(url) for name, url in urls.items()}
    await asyncio.to_thread(generate, PLAN, urls, lambda done, total: None)
    assert {name: await _indexes(url) for name, url in urls.items()} == before
    return urls


def test_equal_plans_make_equal_data_and_other_seeds_other() -> None:
    (chunk,) = PLAN.chunks()
    other = Plan(900, 2700, 9000, 8, PLAN.until)
    assert make(chunk) == make(chunk)
    assert make(chunk) != make(next(other.chunks()))


def test_no_customers_time_goes_back_and_nothing_is_cancelled_after_its_draw_has_closed() -> None:
    booked: dict[str, datetime] = {}
    cancelled = 0
    for chunk in Plan(customers=300, tickets=30_000, entries=90_000, seed=1, until=PLAN.until).chunks():
        rows = make(chunk)
        for line in rows["accounts", "ledger_entries"]:
            customer_id, recorded_at = line[0], line[4]
            assert recorded_at >= booked.get(customer_id, recorded_at)
            booked[customer_id] = recorded_at
        closes_at = {row[0]: row[8] for row in rows["tickets", "tickets"]}
        asked = [row for row in rows["tickets", "ticket_timeline"] if row[4] == "cancellation_requested"]
        assert all(row[5] < closes_at[row[1]] for row in asked)
        cancelled += len(asked)
    assert cancelled > 100


async def test_there_is_as_much_as_was_asked_for_and_it_is_skewed(filled: dict[str, str]) -> None:
    accounts, tickets = filled["accounts"], filled["tickets"]
    (row,) = await _fetch(accounts, "select (select count(*) from customers), (select count(*) from ledger_entries)")
    assert tuple(row) == (PLAN.customers, PLAN.entries)
    assert (await _fetch(tickets, "select count(*) from tickets"))[0][0] == PLAN.tickets
    (most,) = await _fetch(accounts, "select max(last_seq) from accounts")
    assert most[0] > 10 * PLAN.entries / PLAN.customers


async def test_balances_sums_and_chains_are_those_of_the_lines(filled: dict[str, str]) -> None:
    columns = ", ".join((*Entry._fields, "hash"))
    lines = await _fetch(filled["accounts"], f"select {columns} from ledger_entries order by 1, 2")  # noqa: S608
    accounts = {row["customer_id"]: row for row in await _fetch(filled["accounts"], "select * from accounts")}
    balance, head, count, owner = 0, b"", 0, ""
    for line in lines:
        if line["customer_id"] != owner:
            balance, head, count, owner = 0, b"", 0, line["customer_id"]
        entry = Entry(*list(line)[:-1])
        balance += entry.amount_in - entry.amount_out if entry.status == "booked" else 0
        head, count = hash_of(head, entry), count + 1
        assert (entry.balance, line["hash"], entry.seq) == (balance, head, count)
        if count == accounts[owner]["last_seq"]:
            assert (balance, head) == (accounts[owner]["balance"], accounts[owner]["head"])
    wrong = await _fetch(
        filled["accounts"],
        """select customer_id from accounts
           where balance <> deposits - purchases + reversals - withdrawals + adjustments""",
    )
    assert not wrong


async def test_the_stores_agree(filled: dict[str, str]) -> None:
    charged = await _fetch(
        filled["accounts"], "select order_id, charged, amount - reversed_amount from charges order by 1"
    )
    orders = await _fetch(
        filled["tickets"],
        """select order_id, bool_and(state not like 'limbo%') as paid,
                  sum(price) filter (where state <> 'cancelled') from tickets group by 1 order by 1""",
    )
    assert [(row[0], row[1], row[2]) for row in charged] == [(row[0], row[1], row[2] or 0) for row in orders]
    states = {row[0] for row in await _fetch(filled["tickets"], "select distinct state from tickets")}
    assert {"paid", "cancelled"} <= states
    behind = await _fetch(
        filled["tickets"],
        """select ticket_id from tickets t
           where version <> (select max(version) from ticket_timeline e where e.ticket_id = t.ticket_id)
              or state <> (select state from ticket_timeline e
                           where e.ticket_id = t.ticket_id and e.version = t.version)""",
    )
    assert not behind
    sums = "select sum(balance), (select sum(points) from point_entries) from point_accounts"
    (points,) = await _fetch(filled["loyalty"], sums)
    (worth,) = await _fetch(filled["tickets"], "select sum(price) / 100 from tickets where state = 'paid'")
    assert points[0] == points[1] == worth[0]
    assert (await _fetch(filled["notifications"], "select count(*) from recipients"))[0][0] == PLAN.customers
    unknown = await _fetch(filled["accounts"], "select word from customer_names except select word from name_words")
    assert not unknown


async def test_stores_that_hold_something_are_left_alone(filled: dict[str, str]) -> None:
    with pytest.raises(StackError, match="is not empty"):
        await asyncio.to_thread(generate, PLAN, filled, lambda done, total: None)
