"""Finding what was changed in the ledger behind the service: edits, deletions, insertions, reordering, truncation.

Every line is hashed again and must follow the one before it, every account must agree with its last line, every seal
must follow the one before it, and every head in a seal must still be a line of the ledger.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

import asyncpg

from services.accounts.evidence import seals
from services.accounts.evidence.seals import Heads, root_of, seal_hash
from services.accounts.ledger import chain
from services.accounts.ledger.entries import Entry
from shared.db import Connection

_FETCHED_AT_A_TIME = 2000

_LINES = f"select {', '.join(Entry._fields)}, hash from ledger_entries order by customer_id, seq"  # noqa: S608 - constants
_ACCOUNTS = "select customer_id, balance, last_seq, head from accounts order by customer_id"
_SEALS = "select seal, sealed_at, customer_ids, seqs, hashes, root, hash from ledger_seals order by seal"
_LOST_HEADS = """
    select sealed.customer_id, sealed.seq
    from unnest($1::text[], $2::bigint[], $3::bytea[]) as sealed (customer_id, seq, hash)
    left join lateral (
        select hash from ledger_entries e where e.customer_id = sealed.customer_id and e.seq = sealed.seq offset 0
    ) as line on true
    where line.hash is distinct from sealed.hash"""


class Finding(NamedTuple):
    """Something that is not as the service left it: at which line of which customer, if it can be said."""

    customer_id: str | None
    seq: int | None
    what: str

    def __str__(self) -> str:
        where = f"customer {self.customer_id}" if self.customer_id is not None else "seals"
        return f"{where}{'' if self.seq is None else f', line {self.seq}'}: {self.what}"


async def verify(
    connection: Connection, *, key: bytes = b"", noted: Mapping[int, bytes] = {}
) -> AsyncIterator[Finding]:
    """All findings, in a transaction that the caller has begun and that sees one state (`repeatable_read`).

    `key` is the one that the seals were made with, `noted` has hashes of seals by number that were kept elsewhere.
    """
    async for finding in _verify_chains(connection):
        yield finding
    async for finding in _verify_seals(connection, key, noted):
        yield finding


async def verify_database(dsn: str, *, key: bytes = b"", noted: Mapping[int, bytes] = {}) -> AsyncIterator[Finding]:
    """All findings in the database of the accounts service, as it is now."""
    connection = await asyncpg.connect(dsn, server_settings={"timezone": "UTC", "application_name": "recourse-verify"})
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            async for finding in verify(connection, key=key, noted=noted):
                yield finding
    finally:
        await connection.close()


async def _verify_chains(connection: Connection) -> AsyncIterator[Finding]:
    """Lines and accounts side by side, both in the order of the customers' ids."""
    accounts = _rows(connection, _ACCOUNTS)
    account = await anext(accounts, None)
    async for customer_id, walk in _chains(connection):
        while account is not None and account["customer_id"] < customer_id:
            if finding := _compare(account, None):
                yield finding
            account = await anext(accounts, None)
        for finding in walk.findings:
            yield finding
        if account is None or account["customer_id"] != customer_id:
            yield Finding(customer_id, walk.last_seq, "the account of these lines is missing")
            continue
        if finding := _compare(account, walk):
            yield finding
        account = await anext(accounts, None)
    while account is not None:
        if finding := _compare(account, None):
            yield finding
        account = await anext(accounts, None)


class _Walk:
    """The chain of one customer, line by line."""

    def __init__(self) -> None:
        self.last_seq = 0
        self.balance = 0
        self.head = chain.NOTHING
        self.findings: list[Finding] = []

    def take(self, row: Any) -> None:
        entry, hash_ = Entry._make(row[:-1]), row[-1]
        if entry.seq != self.last_seq + 1:
            self._found(entry, self.last_seq + 1, f"lines are missing before line {entry.seq}")
        elif chain.hash_of(self.head, entry) != hash_:
            self._found(entry, entry.seq, "the line was changed, or does not follow the one before it")
        if entry.status == "booked":
            self.balance += entry.amount_in - entry.amount_out
        if entry.balance != self.balance:
            self._found(entry, entry.seq, f"the running balance is {entry.balance}, not {self.balance}")
            self.balance = entry.balance
        self.last_seq, self.head = entry.seq, hash_

    def _found(self, entry: Entry, seq: int, what: str) -> None:
        self.findings.append(Finding(entry.customer_id, seq, what))


async def _chains(connection: Connection) -> AsyncIterator[tuple[str, _Walk]]:
    owner, walk = None, _Walk()
    async for row in _rows(connection, _LINES):
        if row[0] != owner:
            if owner is not None:
                yield owner, walk
                # A customer with a long history takes no turn from others on this loop.
                await asyncio.sleep(0)
            owner, walk = row[0], _Walk()
        walk.take(row)
    if owner is not None:
        yield owner, walk


def _compare(account: Any, walk: _Walk | None) -> Finding | None:
    customer_id, balance, last_seq, head = account
    walk = walk or _Walk()
    if last_seq > walk.last_seq:
        return Finding(customer_id, walk.last_seq + 1, f"lines are missing at the end: the account counts {last_seq}")
    if last_seq < walk.last_seq:
        return Finding(customer_id, last_seq + 1, f"the account counts {last_seq} lines, there are {walk.last_seq}")
    if head != walk.head:
        return Finding(customer_id, last_seq, "the last line is not the one that the account names")
    if balance != walk.balance:
        return Finding(customer_id, last_seq, f"the account has the balance {balance}, its lines {walk.balance}")
    return None


async def _verify_seals(connection: Connection, key: bytes, noted: Mapping[int, bytes]) -> AsyncIterator[Finding]:
    number, before = 0, seals.NOTHING
    async for row in _rows(connection, _SEALS, at_a_time=1):
        seal, sealed_at, root, hash_ = row["seal"], row["sealed_at"], row["root"], row["hash"]
        if seal != number + 1:
            yield Finding(None, None, f"seals {number + 1} to {seal - 1} are missing")
        heads = Heads(row["customer_ids"], row["seqs"], row["hashes"])
        if len({len(column) for column in heads}) != 1 or root_of(heads) != root:
            yield Finding(None, None, f"the heads in seal {seal} were changed")
        if hash_ != seal_hash(key, before, seal=seal, sealed_at=sealed_at, root=root):
            yield Finding(None, None, f"seal {seal} was changed, or does not follow the one before it")
        if noted.get(seal, hash_) != hash_:
            yield Finding(None, None, f"seal {seal} is not the one that was noted")
        number, before = seal, hash_
        for customer_id, seq in await connection.fetch(_LOST_HEADS, *heads):
            yield Finding(customer_id, seq, f"the line that seal {seal} names is gone or is another one")
    for seal in sorted(seal for seal in noted if seal > number):
        yield Finding(None, None, f"seal {seal}, which was noted, is missing")


def _rows(connection: Connection, sql: str, *, at_a_time: int = _FETCHED_AT_A_TIME) -> AsyncIterator[Any]:
    return aiter(connection.cursor(sql, prefetch=at_a_time))
