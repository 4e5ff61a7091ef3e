"""What the ledger may be asked to book. Amounts are minor units of `currency`."""

from datetime import datetime
from typing import NamedTuple


class Order(NamedTuple):
    """An order whose payment is to be booked."""

    customer_id: str
    order_id: str
    occurred_at: datetime
    method: str
    amount: int
    currency: str
    tickets: int


class FailedOrder(NamedTuple):
    """An order that was not taken; no money moved."""

    customer_id: str
    order_id: str
    occurred_at: datetime
    method: str
    amount: int
    currency: str
    reason: str


class Cancellation(NamedTuple):
    """A ticket whose price is to be credited back."""

    customer_id: str
    cancellation_id: str
    order_id: str
    ticket_id: str
    occurred_at: datetime
    amount: int
    currency: str
    reason: str
    actor: str


class Withdrawal(NamedTuple):
    """Money that an agent pays out; `currency` is what the agent believes the account to have, if said."""

    customer_id: str
    amount: int
    currency: str | None
    method: str
    description: str
    internal_note: str | None
    actor: str
