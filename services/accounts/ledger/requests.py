"""What the ledger may be asked to book. Amounts are minor units of `currency`."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Order(NamedTuple):
    """An order whose payment is to be booked; with a `retry_id`, decided on anew if it was refused."""

    customer_id: str
    order_id: str
    occurred_at: datetime
    method: str
    amount: int
    currency: str
    tickets: int
    retry_id: str | None = None


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


class Held(NamedTuple):
    """A withdrawal that holds its amount until a second person decides."""

    customer_id: str
    withdrawal_id: UUID
    amount: int
    currency: str
    method: str
    description: str
    internal_note: str | None
    requested_by: str
    requested_at: datetime


class Decision(NamedTuple):
    """What the second person says to a held withdrawal."""

    approved: bool
    reason: str | None


class Adjustment(NamedTuple):
    """A correction of the balance by hand, in or out; `currency` as for a withdrawal."""

    customer_id: str
    amount_in: int
    amount_out: int
    currency: str | None
    reason: str
    description: str
    internal_note: str | None
    actor: str
