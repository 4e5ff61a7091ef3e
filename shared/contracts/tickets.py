"""Topic `tickets`: what happened to tickets. Written by the tickets service."""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from shared.contracts.base import (
    Currency,
    CustomerEvent,
    Event,
    Identifier,
    LongText,
    MinorUnits,
    Moment,
    ShortText,
)
from shared.contracts.purchases import Customer, Payment, PurchaseCompleted, PurchasedTicket

Tickets = Annotated[list[PurchasedTicket], Field(min_length=1, max_length=1000)]

_ORDER = PurchaseCompleted.example
_PLACE = {
    "order_id": _ORDER["purchase_id"],
    "customer_id": _ORDER["customer"]["id"],
}


class TicketsPurchased(Event):
    """An order and its tickets are on record; its payment is to be booked by accounts."""

    type: ClassVar[str] = "recourse.tickets.purchased.v1"
    topic: ClassVar[str] = "tickets"
    example: ClassVar[dict[str, Any]] = {
        "order_id": _ORDER["purchase_id"],
        "occurred_at": _ORDER["occurred_at"],
        "customer": _ORDER["customer"],
        "checkout_id": _ORDER["checkout_id"],
        "receipt_id": _ORDER["receipt_id"],
        "store_id": _ORDER["store_id"],
        "terminal_id": _ORDER["terminal_id"],
        "payment": _ORDER["payment"],
        "tickets": _ORDER["tickets"],
    }

    order_id: Identifier
    occurred_at: Moment
    customer: Customer
    checkout_id: Identifier
    receipt_id: Identifier | None = None
    store_id: Identifier | None = None
    terminal_id: Identifier | None = None
    payment: Payment
    tickets: Tickets

    def key(self) -> str:
        """The customer's id."""
        return self.customer.id


class TicketsPaid(CustomerEvent):
    """Accounts confirmed the money of these tickets of one order."""

    type: ClassVar[str] = "recourse.tickets.paid.v1"
    topic: ClassVar[str] = "tickets"
    example: ClassVar[dict[str, Any]] = _PLACE | {
        "paid_at": "2026-11-22T09:30:01Z",
        "currency": "AUD",
        "checkout_id": _ORDER["checkout_id"],
        "receipt_id": _ORDER["receipt_id"],
        "store_id": _ORDER["store_id"],
        "terminal_id": _ORDER["terminal_id"],
        "payment_transaction_id": _ORDER["payment"]["transaction_id"],
        "payment_amount": _ORDER["payment"]["amount"],
        "tickets": _ORDER["tickets"],
    }

    order_id: Identifier
    paid_at: Moment
    currency: Currency
    checkout_id: Identifier
    receipt_id: Identifier | None = None
    store_id: Identifier | None = None
    terminal_id: Identifier | None = None
    payment_transaction_id: Identifier
    # What was charged for the whole order, which need not be the sum of its prices. Absent: not told.
    payment_amount: MinorUnits | None = None
    tickets: Tickets


class TicketCancellationRequested(CustomerEvent):
    """An agent cancels a ticket; accounts is to credit its price back, once."""

    type: ClassVar[str] = "recourse.ticket.cancellation_requested.v1"
    topic: ClassVar[str] = "tickets"
    example: ClassVar[dict[str, Any]] = _PLACE | {
        "cancellation_id": "0199a1f0-0000-7000-8000-000000000001",
        "ticket_id": "tic-1",
        "price": 1000,
        "currency": "AUD",
        "reason": "Customer bought the wrong draw",
        "requested_by": "agent-7",
        "requested_at": "2026-11-22T10:00:00Z",
    }

    cancellation_id: Identifier
    order_id: Identifier
    ticket_id: Identifier
    price: MinorUnits
    currency: Currency
    reason: LongText
    requested_by: ShortText
    requested_at: Moment


class TicketCancelled(CustomerEvent):
    """A cancellation is complete: the price is back on the customer's balance; with `credited` 0 it was never taken."""

    type: ClassVar[str] = "recourse.ticket.cancelled.v1"
    topic: ClassVar[str] = "tickets"
    example: ClassVar[dict[str, Any]] = _PLACE | {
        "cancellation_id": "0199a1f0-0000-7000-8000-000000000001",
        "cancelled_at": "2026-11-22T10:00:01Z",
        "ticket": _ORDER["tickets"][0],
        "currency": "AUD",
        "reason": "Customer bought the wrong draw",
    }

    cancellation_id: Identifier
    order_id: Identifier
    cancelled_at: Moment
    ticket: PurchasedTicket
    currency: Currency
    reason: LongText
    # Absent: the price.
    credited: MinorUnits | None = None
    # Whether `recourse.tickets.paid.v1` told of the ticket before; absent: it may have.
    was_paid: bool | None = None


class TicketsInLimbo(CustomerEvent):
    """Tickets need an agent: their payment or their cancellation could not be settled."""

    type: ClassVar[str] = "recourse.tickets.limbo.v1"
    topic: ClassVar[str] = "tickets"
    example: ClassVar[dict[str, Any]] = _PLACE | {
        "since": "2026-11-22T09:30:01Z",
        "code": "insufficient_balance",
        "reason": "The balance of 5.00 does not cover 20.00",
        "ticket_ids": ["tic-1", "tic-2"],
    }

    order_id: Identifier
    since: Moment
    code: Identifier
    reason: LongText
    ticket_ids: Annotated[list[Identifier], Field(min_length=1, max_length=1000)]


class TicketsPaymentRetried(CustomerEvent):
    """An agent has the refused or overdue payment of an order decided anew; `retry_id` is new with each time."""

    type: ClassVar[str] = "recourse.tickets.payment_retried.v1"
    topic: ClassVar[str] = "tickets"
    example: ClassVar[dict[str, Any]] = _PLACE | {
        "retry_id": "0199a1f0-0000-7000-8000-000000000003",
        "occurred_at": _ORDER["occurred_at"],
        "payment": _ORDER["payment"],
        "tickets": 2,
        "reason": "The customer has paid in",
        "requested_by": "supervisor-3",
        "requested_at": "2026-11-22T11:00:00Z",
    }

    retry_id: Identifier
    order_id: Identifier
    occurred_at: Moment
    payment: Payment
    tickets: Annotated[int, Field(ge=1, le=1000, description="How many tickets the order has")]
    reason: LongText
    requested_by: ShortText
    requested_at: Moment
