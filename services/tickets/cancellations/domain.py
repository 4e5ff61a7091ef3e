"""A cancellation: what an agent asked for, and what accounts made of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class CancellationState(StrEnum):
    """Whether the price has been credited back."""

    REQUESTED = "requested"
    COMPLETED = "completed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Cancellation:
    """A request to cancel one ticket. `amount` is what is to be credited back, in minor units of `currency`."""

    cancellation_id: str
    customer_id: str
    ticket_id: str
    order_id: str
    amount: int
    currency: str
    reason: str
    requested_by: str
    requested_at: datetime
    state: CancellationState = CancellationState.REQUESTED
    settled_at: datetime | None = None
    entry_id: str | None = None
    refusal_code: str | None = None
    refusal_reason: str | None = None
