"""Idempotency-Key: a repeated request gets the first answer again and has no second effect.

The answer is recorded in the transaction that has the effect, so either both exist or neither; an error rolls
back, leaves nothing, and the request may be tried again. One request uses `RequestContext.once`; a shared
commit claims and records many at once with `claim` and `record`, and gives each request its own answer.
"""

import asyncio
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from shared.db import Connection, Statement, execute_together
from shared.web.problems import (
    ANSWER_ERASED,
    IDEMPOTENCY_KEY_REQUIRED,
    IDEMPOTENCY_KEY_REUSED,
    MALFORMED_REQUEST,
    REQUEST_IN_PROGRESS,
    Problem,
)
from shared.web.replies import RenderedReply

MAX_KEY_LENGTH = 255
WAIT_SECONDS = 5.0

# `offset 0`: a look-up by key for each, never a scan of the table, whatever the planner knows of its size.
_CLAIM = """
    select asked.position, k.request_hash, k.status, k.headers::text as headers, k.body
      from unnest($1::text[], $2::text[]) with ordinality as asked (scope, key, position)
     cross join lateral (
           select request_hash, status, headers, body from idempotency_keys i
            where i.scope = asked.scope and i.key = asked.key offset 0) as k
"""

# Sorted, so that two processes recording some of the same keys wait for each other and never deadlock.
_RECORD = """
    insert into idempotency_keys (scope, key, request_hash, status, headers, body)
    select scope, key, request_hash, status, headers::jsonb, body
      from unnest($1::text[], $2::text[], $3::bytea[], $4::smallint[], $5::text[], $6::bytea[])
        as done (scope, key, request_hash, status, headers, body)
     order by scope, key
        on conflict do nothing
"""

_FORGET = """
    delete from idempotency_keys
     where ctid = any (array(select ctid from idempotency_keys where created_at < $1 limit $2))
    returning 1
"""

# What is left says that there was an answer: the request must not act again.
_ERASE = """
    update idempotency_keys k set status = $3, headers = '{}', body = ''
     where substring(k.scope from '[a-z_]+$') = any ($1::text[])
       and exists (select from unnest($2::text[]) as erased (id)
                    where position(convert_to('"' || erased.id || '"', 'UTF8') in k.body) > 0)
"""


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """One request under its key: `scope` is who asked for which operation, `request_hash` covers it."""

    scope: str
    key: str
    request_hash: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to record for a request."""

    request: IdempotentRequest
    reply: RenderedReply[Any]


class IdempotencyRaceError(Exception):
    """Another process recorded one of these keys first: roll back and run again; `claim` then replays."""


async def claim(
    connection: Connection, requests: Sequence[IdempotentRequest]
) -> list[RenderedReply[Any] | Problem | None]:
    """For each request in order the answer without acting: a replay, 422 `idempotency_key_reused`, or None.

    No two of the requests have the same (scope, key): of two such in one process `InFlight` lets the second wait.
    """
    rows = await connection.fetch(
        _CLAIM, [request.scope for request in requests], [request.key for request in requests]
    )
    claimed: list[RenderedReply[Any] | Problem | None] = [None] * len(requests)
    for row in rows:
        index = row["position"] - 1
        claimed[index] = _answer(requests[index], row)
    return claimed


async def record(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    """Record answers in the transaction of their effects.

    Raises:
        IdempotencyRaceError: another process was first with one of the keys; nothing may be committed.
    """
    await execute_together(connection, recording(outcomes))


def recording(outcomes: Sequence[Outcome]) -> list[Statement]:
    """The statement that records answers, or none; it raises `IdempotencyRaceError` as `record` does."""

    def all_recorded(rows: int) -> None:
        if rows != len(outcomes):
            raise IdempotencyRaceError

    columns = list(zip(*(_columns(outcome) for outcome in outcomes), strict=True))
    return [Statement(_RECORD, columns, all_recorded)] if outcomes else []


async def forget_before(connection: Connection, instant: datetime, *, limit: int = 10_000) -> int:
    """Delete up to `limit` answers recorded before `instant`; returns how many, fewer when no more are left."""
    return len(await connection.fetch(_FORGET, instant, limit))


async def erase_answers(connection: Connection, operations: Collection[str], ids: Collection[str]) -> None:
    """Erase the recorded answers of these operations (names of their functions) that name any of these ids."""
    await connection.execute(_ERASE, list(operations), list(ids), ANSWER_ERASED.status)


def _columns(outcome: Outcome) -> tuple[str, str, bytes, int, str, bytes]:
    request, reply = outcome.request, outcome.reply
    # aiohttp's names of headers are a subclass of str, which orjson refuses.
    headers = orjson.dumps({str(name): value for name, value in reply.headers.items()}).decode()
    return request.scope, request.key, request.request_hash, reply.status, headers, reply.body


def _answer(request: IdempotentRequest, row: Any) -> RenderedReply[Any] | Problem:
    if row["request_hash"] != request.request_hash:
        return IDEMPOTENCY_KEY_REUSED("Use a new key for a new request; repeat a request with its own body.")
    # No problem is ever recorded.
    if row["status"] == ANSWER_ERASED.status:
        return ANSWER_ERASED("Nothing personal is kept of the customer that it was about.")
    headers = {**orjson.loads(row["headers"]), "Idempotency-Replayed": "true"}
    return RenderedReply(status=row["status"], headers=headers, body=row["body"])


def read_key(header: str | None) -> str:
    """The key in an Idempotency-Key header: 1 to 255 visible ASCII characters, quoted or not.

    Raises:
        Problem: 400 `idempotency_key_required` or `malformed_request`.
    """
    if header is None:
        raise IDEMPOTENCY_KEY_REQUIRED("Send a unique key, and the same one when you repeat the request.")
    key = header[1:-1] if len(header) > 1 and header[0] == header[-1] == '"' else header
    if not 1 <= len(key) <= MAX_KEY_LENGTH or not key.isascii() or not key.isprintable():
        raise MALFORMED_REQUEST(
            "The Idempotency-Key is not usable.",
            errors=[
                {
                    "field": "header.Idempotency-Key",
                    "message": f"Expected 1 to {MAX_KEY_LENGTH} visible ASCII characters.",
                }
            ],
        )
    return key


def hash_request(path_and_query: str, body: bytes) -> bytes:
    """SHA-256 of all that a request asks."""
    return hashlib.sha256(path_and_query.encode(errors="surrogateescape") + b"\n" + body).digest()


class InFlight:
    """Requests that this process is answering now, by scope and key: a repeat waits for the first."""

    def __init__(self, wait_seconds: float) -> None:
        self._wait_seconds = wait_seconds
        # The event is made by the first that waits for it: hardly any request is ever waited for.
        self._running: dict[tuple[str, str], asyncio.Event | None] = {}

    async def enter(self, request: IdempotentRequest) -> None:
        """Wait until no other request with this key runs; then `leave` must follow.

        Raises:
            Problem: 409 `request_in_progress` when the other one takes too long.
        """
        identity = (request.scope, request.key)
        if identity in self._running:
            await self._wait_for_others(identity)
        self._running[identity] = None

    def leave(self, request: IdempotentRequest) -> None:
        """Let the next request with this key run."""
        finished = self._running.pop((request.scope, request.key))
        if finished is not None:
            finished.set()

    async def _wait_for_others(self, identity: tuple[str, str]) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                while identity in self._running:
                    running = self._running[identity]
                    if running is None:
                        running = self._running[identity] = asyncio.Event()
                    await running.wait()
        except TimeoutError:
            raise REQUEST_IN_PROGRESS(
                "Repeat the request with the same key a little later to get its answer.",
                headers={"Retry-After": "1"},
            ) from None
