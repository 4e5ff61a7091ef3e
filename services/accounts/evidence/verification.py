"""Finding what was changed in the ledger behind the service: edits, deletions, insertions, reordering, truncation.

Every line is hashed again and must follow the one before it, every account must agree with its lines, every held
withdrawal with the lines that tell of it, every seal must follow the one before it, and every head in a seal must still
be a line of the ledger.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

import asyncpg

from services.accounts.evidence import seals
from services.accounts.evidence.seals import Heads, root_of, seal_hash
from services.accounts.ledger import chain
from services.accounts.ledger.entries import NOT_MOVED, Account, Entry
from shared.db import Connection, words_of

_FETCHED_AT_A_TIME = 2000


def _readable(column: str) -> str:
    """A time, or null in the place of one that only the database can hold, and that no service writes."""
    return f"case when {column} between '0001-01-02' and '9999-12-31' then {column} end"


_TIMES = {name: _readable(name) for name in ("occurred_at", "recorded_at")}
_LINES = f"""select {", ".join(_TIMES.get(name, name) for name in Entry._fields)}, hash
             from ledger_entries order by customer_id, seq"""  # noqa: S608 - constants
_ACCOUNTS = """
    select customer_id, balance, last_seq, head, currency, held,
           array[deposits, deposit_count, purchases, purchase_count, reversals, reversal_count, withdrawals,
                 withdrawal_count, adjustments, adjustment_count]
    from accounts order by customer_id"""
_SEALS = f"""select seal, {_readable("sealed_at")}, customer_ids, seqs, hashes, root, hash
             from ledger_seals order by seal"""  # noqa: S608 - constants
# Who asked for what, and what was decided, as the rows of the second person have it and as the ledger has it.
_HELD = """
    select coalesce(h.customer_id, asked.customer_id), coalesce(h.pending_seq, asked.seq)
    from (select * from ledger_entries where status = 'pending') as asked
    full join held_withdrawals h on h.customer_id = asked.customer_id and h.pending_seq = asked.seq
    left join ledger_entries told on told.customer_id = h.customer_id and told.seq = h.settled_seq
    where (asked.entry_id, asked.amount_out, asked.currency, asked.method, asked.description, asked.actor)
          is distinct from (h.withdrawal_id, h.amount, h.currency, h.method, h.description, h.requested_by)
       or (h.state, told.cause_id) is distinct from
          (case told.status when 'booked' then 'approved' when 'refused' then 'rejected' else 'pending' end,
           case when h.settled_seq is not null then h.withdrawal_id::text end)
    order by 1, 2"""
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
    for customer_id, seq in await connection.fetch(_HELD):
        yield Finding(customer_id, seq, "the held withdrawal is not the one that was asked for, or decided on")
    async for finding in _verify_seals(connection, key, noted):
        yield finding


class LedgerUnreadableError(Exception):
    """The database does not answer, or has no ledger: nothing can be said about it."""


async def verify_database(dsn: str, *, key: bytes = b"", noted: Mapping[int, bytes] = {}) -> AsyncIterator[Finding]:
    """All findings in the database of the accounts service, as it is now. Raises LedgerUnreadableError."""
    try:
        async for finding in _verify_database(dsn, key=key, noted=noted):
            yield finding
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise LedgerUnreadableError(f"the ledger cannot be read: {words_of(error)}") from error


async def _verify_database(dsn: str, *, key: bytes, noted: Mapping[int, bytes]) -> AsyncIterator[Finding]:
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
        self.head = chain.NOTHING
        self.account = Account("")
        self.pending: dict[str, int] = {}
        self.findings: list[Finding] = []

    def take(self, row: Any) -> None:
        entry, hash_ = Entry._make(row[:-1]), row[-1]
        if entry.seq != self.last_seq + 1:
            self._found(entry, self.last_seq + 1, f"lines are missing before line {entry.seq}")
        elif None in (entry.occurred_at, entry.recorded_at) or chain.hash_of(self.head, entry) != hash_:
            self._found(entry, entry.seq, "the line was changed, or does not follow the one before it")
        self._count(entry)
        account = self.account
        if entry.balance != account.balance:
            self._found(entry, entry.seq, f"the running balance is {entry.balance}, not {account.balance}")
            account.balance = entry.balance
        self.last_seq, self.head = entry.seq, hash_

    def _count(self, entry: Entry) -> None:
        if entry.status == "booked":
            self.account.currency = entry.currency
            self.account.book(entry.kind, entry.amount_in, entry.amount_out)
        if entry.status == "pending":
            self.pending[entry.cause_id] = entry.amount_out
        elif self.pending and entry.cause_kind == "withdrawal":
            self.pending.pop(entry.cause_id, None)

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
    customer_id, balance, last_seq, head, currency, held, sums = account
    walk = walk or _Walk()
    there, counted, waits = walk.last_seq, walk.account, sum(walk.pending.values())
    other_sums = currency != counted.currency or tuple(sums) != tuple(counted.moved or NOT_MOVED)
    checks = (
        (last_seq > there, there + 1, f"lines are missing at the end: the account counts {last_seq}"),
        (last_seq < there, last_seq + 1, f"the account counts {last_seq} lines, there are {there}"),
        (head != walk.head, last_seq, "the last line is not the one that the account names"),
        (balance != counted.balance, last_seq, f"the account has the balance {balance}, its lines {counted.balance}"),
        (held != waits, last_seq, f"the account holds {held}, its lines {waits}"),
        (other_sums, last_seq, "the account has another currency or other sums than its lines"),
    )
    return next((Finding(customer_id, seq, what) for is_wrong, seq, what in checks if is_wrong), None)


async def _verify_seals(connection: Connection, key: bytes, noted: Mapping[int, bytes]) -> AsyncIterator[Finding]:
    number, before = 0, seals.NOTHING
    async for row in _rows(connection, _SEALS, at_a_time=1):
        seal, sealed_at, *columns, root, hash_ = row
        if seal != number + 1:
            yield Finding(None, None, f"seals {number + 1} to {seal - 1} are missing")
        heads = Heads(*columns)
        if len({len(column) for column in heads}) != 1 or root_of(heads) != root:
            yield Finding(None, None, f"the heads in seal {seal} were changed")
        if sealed_at is None or hash_ != seal_hash(key, before, seal=seal, sealed_at=sealed_at, root=root):
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
