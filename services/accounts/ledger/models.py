"""Bodies of the operations on the ledger."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from services.accounts.ledger.domain import CauseKind, Kind, Status
from services.accounts.paths import CustomerPath
from shared.web import PageQuery, ResponseModel


class TransactionQuery(PageQuery):
    """Filters of the transaction history."""

    kind: Kind | None = None
    direction: Literal["in", "out"] | None = Field(default=None, description="Money in, or money out.")
    status: Status | None = None


class TransactionPath(CustomerPath):
    """`/v1/customers/{customer_id}/transactions/{seq}`."""

    seq: Annotated[int, Field(ge=1, le=2**63 - 1)]


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
    reason: str | None = Field(description="Why it was made, was refused or failed: for people.")
    description: str = Field(description="What the customer reads.")
    internal_note: str | None


class BalanceView(ResponseModel):
    """The balance in minor units of `currency`, which is null before the first movement."""

    customer_id: str
    currency: str | None
    balance: int
    as_of_seq: int = Field(description="Number of the last line of the history that is in it.")
