"""Seals in PostgreSQL. No function commits."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from services.accounts.evidence.seals import NOTHING, Heads
from shared.db import Connection

_LOCK = 5_317_201_904_417_530_021


class Progress(NamedTuple):
    """How far sealing is: swept through the accounts up to an id, then sealed what was booked up to a time."""

    swept_to: str
    is_swept: bool
    sealed_to: datetime
    now: datetime


class LastSeal(NamedTuple):
    """The newest seal: number 0 when there is none."""

    seal: int
    hash: bytes


async def lock_progress(connection: Connection) -> Progress | None:
    """Progress for the one transaction that seals; None when another one does."""
    if not await connection.fetchval("select pg_try_advisory_xact_lock($1)", _LOCK):
        return None
    row = await connection.fetchrow("select swept_to, is_swept, sealed_to, now() from ledger_sealing")
    return Progress(*row) if row else None


async def heads_of_accounts(connection: Connection, *, after: str, limit: int) -> Heads:
    """The heads of accounts in the order of their ids; of those that have no line too."""
    rows = await connection.fetch(
        "select customer_id, last_seq, head from accounts where customer_id > $1 order by customer_id limit $2",
        after, limit,
    )  # fmt: skip
    return _heads(rows)


async def heads_booked(connection: Connection, since: datetime, until: datetime) -> Heads:
    """The last lines, booked after `since` and up to `until`, of the customers that have some."""
    rows = await connection.fetch(
        """select distinct on (customer_id) customer_id, seq, hash from ledger_entries
           where recorded_at > $1 and recorded_at <= $2 order by customer_id, seq desc""",
        since, until,
    )  # fmt: skip
    return _heads(rows)


async def last_seal(connection: Connection) -> LastSeal:
    """The newest seal."""
    row = await connection.fetchrow("select seal, hash from ledger_seals order by seal desc limit 1")
    return LastSeal(*row) if row else LastSeal(0, NOTHING)


async def insert_seal(
    connection: Connection, seal: int, sealed_at: datetime, heads: Heads, *, root: bytes, hash_: bytes
) -> None:
    """Keep a seal."""
    await connection.execute(
        """insert into ledger_seals (seal, sealed_at, customer_ids, seqs, hashes, root, hash)
           values ($1, $2, $3, $4, $5, $6, $7)""",
        seal, sealed_at, heads.customer_ids, heads.seqs, heads.hashes, root, hash_,
    )  # fmt: skip


async def save_sweep(connection: Connection, swept_to: str, *, is_swept: bool) -> None:
    """Remember how far the sweep is."""
    await connection.execute("update ledger_sealing set swept_to = $1, is_swept = $2", swept_to, is_swept)


async def save_sealed(connection: Connection, sealed_to: datetime) -> None:
    """Remember up to when everything booked is sealed."""
    await connection.execute("update ledger_sealing set sealed_to = $1", sealed_to)


def _heads(rows: Sequence[Any]) -> Heads:
    return Heads([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])
