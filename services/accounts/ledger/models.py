"""Bodies of the operations on the ledger."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from services.accounts.ledger.entries import CauseKind, Kind, Status
from services.accounts.ledger.history import Filters
from shared.contracts.base import NO_NUL, Identifier
from shared.web import CustomerPath, Instant, PageQuery, Personal, RequestModel, ResponseModel, require_order

Amount = Annotated[int, Field(ge=0, le=10**12, description="Minor units, of money in or money out.")]


class StatementQuery(RequestModel):
    """Filters of the transaction history; all that are given must hold."""

    kind: Kind | None = None
    direction: Literal["in", "out"] | None = Field(default=None, description="Money in, or money out.")
    status: Status | None = Field(default=None, description="`pending` are those that still wait for a decision.")
    since: Instant | None = Field(default=None, description="Booked at this time or later.")
    until: Instant | None = Field(default=None, description="Booked before this time.")
    min_amount: Amount | None = None
    max_amount: Amount | None = None
    text: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NO_NUL)] | None = Field(
        default=None, description="Part of the description, the reason or the internal note, in any case."
    )
    order_id: Identifier | None = Field(default=None, description="Lines of this order, and of its cancellations.")
    ticket_id: Identifier | None = Field(default=None, description="Lines of this ticket's cancellations.")

    _in_order = require_order(("since", "until"), ("min_amount", "max_amount"))

    def filters(self) -> Filters:
        """The same for the store."""
        return Filters(**{name: getattr(self, name) for name in Filters._fields})


class TransactionQuery(StatementQuery, PageQuery):
    """A page of the transaction history."""


class TransactionPath(CustomerPath):
    """`/v1/customers/{customer_id}/transactions/{seq}`."""

    seq: Annotated[int, Field(ge=1, le=2**63 - 1)]


class BalanceQuery(RequestModel):
    """When."""

    at: Instant | None = Field(
        default=None, description="The balance after all that was booked up to and at this time."
    )


class TransactionView(ResponseModel):
    """A line of the transaction history. Amounts are minor units of `currency`.

    `balance` is the running balance after it; only a booked one moves it. `seq` numbers a customer's lines.
    """

    entry_id: UUID
    seq: int
    occurred_at: datetime = Field(description="When its cause happened.")
    recorded_at: datetime = Field(description="When it was booked.")
    kind: Kind
    status: Status
    method: str | None
    amount_in: int
    amount_out: int
    currency: str
    balance: int
    cause_kind: CauseKind
    cause_id: str
    order_id: str | None
    ticket_id: str | None
    actor: str | None = Field(description="Who asked for it, when it was an agent.")
    code: str | None = Field(description="Why it was refused: stable.")
    reason: Annotated[str | None, Personal("prose")] = Field(
        description="Why it was made, was refused or failed: for people."
    )
    description: Annotated[str, Personal("prose")] = Field(description="What the customer reads.")
    internal_note: Annotated[str | None, Personal("prose")]
    settled_seq: int | None = Field(
        default=None, description="Of a pending one: number of the line that says what became of it."
    )


class BalanceView(ResponseModel):
    """The balance in minor units of `currency`, which is null before the first movement.

    `held` of it waits in withdrawals that need a second person; `available` is the rest, which may be spent.
    """

    customer_id: str
    currency: str | None
    balance: int
    held: int
    available: int
    as_of_seq: int = Field(description="Number of the last line of the history that is in it.")
