"""Held withdrawals in PostgreSQL. No function commits; writers hold the customers' locks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from services.accounts.ledger.entries import Entry
from services.accounts.ledger.requests import Decision, Held
from shared.db import Connection, insert_rows

State = Literal["pending", "approved", "rejected"]

_TYPES = {
    "customer_id": "text", "withdrawal_id": "uuid", "amount": "bigint", "currency": "text", "method": "text",
    "description": "text", "internal_note": "text", "requested_by": "text", "requested_at": "timestamptz",
    "pending_seq": "bigint",
}  # fmt: skip


class HeldWithdrawal(NamedTuple):
    """A held withdrawal and what became of it; `settled_seq` is the line of the ledger that says so."""

    customer_id: str
    withdrawal_id: UUID
    amount: int
    currency: str
    method: str
    description: str
    internal_note: str | None
    requested_by: str
    requested_at: datetime
    pending_seq: int
    state: State
    decided_by: str | None
    decided_at: datetime | None
    decision_reason: str | None
    settled_seq: int | None

    @property
    def held(self) -> Held:
        """The part that the ledger needs."""
        return Held._make(self[: len(Held._fields)])


_COLUMNS = ", ".join(HeldWithdrawal._fields)


async def insert(connection: Connection, entries: Sequence[Entry]) -> None:
    """Keep what must be known when somebody decides. The entries are pending withdrawals."""
    rows: list[Sequence[Any]] = [
        (
            entry.customer_id, entry.entry_id, entry.amount_out, entry.currency, entry.method, entry.description,
            entry.internal_note, entry.actor, entry.recorded_at, entry.seq,
        )
        for entry in entries
    ]  # fmt: skip
    await insert_rows(connection, "held_withdrawals", _TYPES, rows)


async def withdrawal(connection: Connection, customer_id: str, withdrawal_id: UUID) -> HeldWithdrawal | None:
    """A held withdrawal by its id."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from held_withdrawals where customer_id = $1 and withdrawal_id = $2",  # noqa: S608
        customer_id, withdrawal_id,
    )  # fmt: skip
    return HeldWithdrawal(*row) if row else None


async def booked_at_once(connection: Connection, customer_id: str, withdrawal_id: UUID) -> dict[str, Any] | None:
    """A withdrawal that needed no second person, as the fields of one that did."""
    row = await connection.fetchrow(
        """select customer_id, $3::uuid as withdrawal_id, status as state, amount_out as amount, currency, method,
                  description, internal_note, actor as requested_by, recorded_at as requested_at,
                  null::bigint as pending_seq, null as decided_by, null::timestamptz as decided_at,
                  null as decision_reason, seq as settled_seq
           from ledger_entries
           where customer_id = $1 and cause_id = $2 and kind = 'withdrawal' and cause_kind = 'withdrawal'
             and status = 'booked'""",
        customer_id, str(withdrawal_id), withdrawal_id,
    )  # fmt: skip
    return dict(row) if row else None


async def withdrawals(connection: Connection, state: State, *, after: UUID | None, limit: int) -> list[HeldWithdrawal]:
    """Held withdrawals of all customers in a state, the oldest first."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from held_withdrawals
            where state = $1 and withdrawal_id > $2 order by withdrawal_id limit $3""",  # noqa: S608 - constants
        state, after or UUID(int=0), limit,
    )  # fmt: skip
    return [HeldWithdrawal(*row) for row in rows]


async def settle(connection: Connection, entry: Entry, decision: Decision, *, decided_by: str) -> HeldWithdrawal:
    """Write down what became of a pending withdrawal: `entry` says it in the ledger."""
    row = await connection.fetchrow(
        f"""update held_withdrawals
            set state = $3, decided_by = $4, decided_at = $5, decision_reason = $6, settled_seq = $7
            where customer_id = $1 and withdrawal_id = $2 and state = 'pending'
            returning {_COLUMNS}""",  # noqa: S608 - constants
        entry.customer_id, UUID(entry.cause_id), "approved" if decision.approved else "rejected", decided_by,
        entry.recorded_at, decision.reason, entry.seq,
    )  # fmt: skip
    if row is None:
        raise LookupError(f"withdrawal {entry.cause_id} is not pending")
    return HeldWithdrawal(*row)
