"""Topic `purchases`: what shops, web sites and apps report of a purchase. Written by other systems."""

from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from shared.contracts.base import (
    Contract,
    EmailAddress,
    Event,
    Identifier,
    KnownCurrency,
    Language,
    LongText,
    MinorUnits,
    Moment,
    PaymentMethod,
    PhoneNumber,
    ShortText,
)


class Customer(Contract):
    """Who bought: enough to open the customer's record if this is the first that is heard of them."""

    id: Identifier
    first_name: ShortText
    last_name: ShortText
    email: EmailAddress | None = None
    phone: PhoneNumber | None = None
    language: Language | None = None


class Payment(Contract):
    """How the order is paid: `balance` takes it from the customer's account, the others bring it in."""

    transaction_id: Identifier
    method: PaymentMethod
    amount: MinorUnits
    currency: KnownCurrency


class PurchasedTicket(Contract):
    """One ticket of an order, for one draw."""

    id: Identifier
    lottery: ShortText
    draw_number: Annotated[int, Field(ge=0, le=2_000_000_000)]
    draw_at: Moment
    draw_closes_at: Moment
    offer_id: Identifier
    offer_label: ShortText
    price: MinorUnits
    autoplay_id: Identifier | None = None


class _Purchase(Event):
    purchase_id: Identifier
    occurred_at: Moment
    customer: Customer
    checkout_id: Identifier
    receipt_id: Identifier | None = None
    store_id: Identifier | None = None
    terminal_id: Identifier | None = None
    payment: Payment
    tickets: Annotated[list[PurchasedTicket], Field(max_length=1000)]

    def key(self) -> str:
        """The customer's id."""
        return self.customer.id

    @model_validator(mode="after")
    def _tickets_are_distinct(self) -> Self:
        if len({ticket.id for ticket in self.tickets}) != len(self.tickets):
            raise ValueError("tickets: the same ticket id stands there twice")
        return self


_EXAMPLE: dict[str, Any] = {
    "purchase_id": "pur-20261122-0001",
    "occurred_at": "2026-11-22T09:30:00Z",
    "customer": {
        "id": "cus-1001",
        "first_name": "Ada",
        "last_name": "Novák",
        "email": "ada.novak@example.com",
        "phone": "+61 491 570 156",
        "language": "en",
    },
    "checkout_id": "chk-7f3a",
    "receipt_id": "rcp-552190",
    "store_id": "store-17",
    "terminal_id": "term-3",
    "payment": {"transaction_id": "txn-88231", "method": "card", "amount": 2000, "currency": "AUD"},
    "tickets": [
        {
            "id": "tic-1",
            "lottery": "Saturday Lotto",
            "draw_number": 4521,
            "draw_at": "2026-11-28T09:30:00Z",
            "draw_closes_at": "2026-11-28T08:30:00Z",
            "offer_id": "book-6",
            "offer_label": "6 x ticket book $10.00",
            "price": 1000,
        },
        {
            "id": "tic-2",
            "lottery": "Car Draw",
            "draw_number": 318,
            "draw_at": "2026-12-04T09:00:00Z",
            "draw_closes_at": "2026-12-04T08:00:00Z",
            "offer_id": "book-6",
            "offer_label": "6 x ticket book $10.00",
            "price": 1000,
            "autoplay_id": "auto-9",
        },
    ],
}


class PurchaseCompleted(_Purchase):
    """An order was taken. Its purchase id and each ticket id are unique for ever."""

    type: ClassVar[str] = "recourse.purchase.completed.v1"
    topic: ClassVar[str] = "purchases"
    example: ClassVar[dict[str, Any]] = _EXAMPLE

    tickets: Annotated[list[PurchasedTicket], Field(min_length=1, max_length=1000)]


class PurchaseFailed(_Purchase):
    """An order was tried and not taken; no money moved. The tickets are those that were wanted, if known."""

    type: ClassVar[str] = "recourse.purchase.failed.v1"
    topic: ClassVar[str] = "purchases"
    example: ClassVar[dict[str, Any]] = _EXAMPLE | {
        "purchase_id": "pur-20261122-0002",
        "reason": "card declined: insufficient funds",
        "tickets": [],
    }

    reason: LongText
    tickets: Annotated[list[PurchasedTicket], Field(max_length=1000, default_factory=list)]
