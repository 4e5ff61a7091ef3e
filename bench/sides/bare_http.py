"""The bare side of HTTP: aiohttp and asyncpg, no token, no validation, each withdrawal committed by itself."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import asyncpg
import orjson
import uvloop
from aiohttp import web

from bench.processes import parameters
from shared.ids import uuid7
from shared.web import stop_on_signals

# All the rows that the service writes: balance and sums, entry, key and answer, what the timeline shows of it, who did
# it, event; in one statement, which is the commit.
_WITHDRAW = """
    with moved as (
        update accounts set balance = balance - $2, last_seq = last_seq + 1, head = sha256(head || $9),
               last_movement_at = $4, withdrawals = withdrawals + $2, withdrawal_count = withdrawal_count + 1
        where customer_id = $1 and balance - held >= $2 returning balance, last_seq, currency, head),
    entered as (
        insert into ledger_entries
            (customer_id, seq, entry_id, occurred_at, recorded_at, kind, status, method, amount_in, amount_out,
             currency, balance, cause_kind, cause_id, actor, description, hash)
        select $1, last_seq, $3, $4, $4, 'withdrawal', 'booked', $5, 0, $2, currency, balance, 'withdrawal', $6,
               'agent-1', $7, head from moved),
    answered as (
        insert into idempotency_keys (scope, key, request_hash, status, headers, body)
        select 'agent-1 withdraw', $8, sha256($9), 201, '{}',
               convert_to(json_build_object('entry_id', $6, 'seq', last_seq, 'balance', balance)::text, 'UTF8')
        from moved returning body),
    told as (
        insert into activities (customer_id, kind, occurred_at, reference, details)
        select $1, 'withdrawal', $4, $6, json_build_object('amount', $2, 'currency', currency, 'description', $7,
                                                           'method', $5, 'actor', 'agent-1')::jsonb
        from moved),
    audited as (
        insert into audit_entries (id, at, actor, role, action, object_kind, object_id, customer_id, before, after,
                                   request_id)
        select $12, $4, 'agent-1', 'agent', 'ledger.withdraw', 'withdrawal', $6, $1,
               json_build_object('balance', balance + $2)::jsonb,
               json_build_object('balance', balance, 'amount', $2, 'currency', currency, 'type', $5)::jsonb, $6
        from moved)
    insert into outbox (id, aggregatetype, aggregateid, type, payload, occurred_at, traceparent)
    select $10, 'balances', $1, 'recourse.balance.debited.v1',
           convert_to(json_build_object('customer_id', $1, 'entry_id', $6, 'amount', $2, 'balance', balance,
                                        'currency', currency, 'occurred_at', $4)::text, 'UTF8'), $4, $11
    from moved, answered returning (select body from answered)"""

_HISTORY = """
    select customer_id, seq, entry_id, occurred_at, recorded_at, kind, status, method, amount_in, amount_out, currency,
           balance, cause_kind, cause_id, order_id, ticket_id, actor, code, reason, description, internal_note
    from ledger_entries where customer_id = $1 and seq < $2 order by seq desc limit 26"""


class Handlers:
    """Both requests that are compared."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def withdraw(self, request: web.Request) -> web.Response:
        """Book and commit one withdrawal."""
        raw = await request.read()
        body, entry_id, now = orjson.loads(raw), uuid7(), dt.datetime.now(dt.UTC)
        answer = await self._pool.fetchval(
            _WITHDRAW, request.match_info["customer"], body["amount"], entry_id, now, body["type"], str(entry_id),
            body["customer_visible_description"], request.headers["Idempotency-Key"], raw, uuid7(),
            f"00-{uuid.uuid4().hex}-0000000000000001-01", uuid7(),
        )  # fmt: skip
        return web.Response(status=201 if answer else 422, body=answer, content_type="application/json")

    async def history(self, request: web.Request) -> web.Response:
        """The first page of a history."""
        rows = await self._pool.fetch(_HISTORY, request.match_info["customer"], 2**63 - 1)
        page = {"items": [dict(row) for row in rows[:25]], "next_cursor": str(rows[24]["seq"])}
        return web.Response(body=orjson.dumps(page, default=str), content_type="application/json")


async def _keep(_: Any) -> None:
    """Skip the query by which asyncpg resets a connection: it would cost this side a fifth."""


async def serve(*, dsn: str, port: int, pool_size: int) -> None:
    """Answer until stopped."""
    stop = stop_on_signals()
    pool = await asyncpg.create_pool(dsn, min_size=pool_size, max_size=pool_size, reset=_keep)
    handlers, app = Handlers(pool), web.Application()
    app.router.add_post("/v1/customers/{customer}/withdrawals", handlers.withdraw)
    app.router.add_get("/v1/customers/{customer}/transactions", handlers.history)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(serve(**parameters()))
