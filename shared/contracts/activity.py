"""Topic `activity`: what customers do in shops, on the web site and in the app. Written by other systems."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from shared.contracts.base import (
    Contract,
    CustomerEvent,
    Identifier,
    KnownCurrency,
    LongText,
    MinorUnits,
    Moment,
    ShortText,
)

ActivityChannel = Literal["website", "app", "phone", "store", "other"]
IpAddress = Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f:.]{2,45}$")]
Rating = Annotated[int, Field(ge=1, le=5, description="1 is worst, 5 is best.")]


class WantedTicket(Contract):
    """Tickets of one kind in a cart or a checkout: `price` is that of one of them."""

    lottery: ShortText
    draw_number: Annotated[int, Field(ge=0, le=2_000_000_000)]
    draw_at: Moment | None = None
    offer_id: Identifier
    offer_label: ShortText
    price: MinorUnits
    quantity: Annotated[int, Field(ge=1, le=1000)] = 1


class _Login(CustomerEvent):
    login_id: Identifier
    occurred_at: Moment
    channel: ActivityChannel
    ip_address: IpAddress | None = None
    device: LongText | None = None


_LOGIN: dict[str, Any] = {
    "customer_id": "cus-1001",
    "login_id": "log-5501",
    "occurred_at": "2026-11-22T09:25:00Z",
    "channel": "website",
    "ip_address": "203.0.113.7",
    "device": "Firefox on Windows",
}
_TICKETS: list[dict[str, Any]] = [
    {
        "lottery": "Saturday Lotto",
        "draw_number": 4521,
        "draw_at": "2026-11-28T09:30:00Z",
        "offer_id": "book-6",
        "offer_label": "6 x ticket book $10.00",
        "price": 1000,
        "quantity": 2,
    }
]


class LoginSucceeded(_Login):
    """A customer logged in. `login_id` is the attempt's own, unique for ever."""

    type: ClassVar[str] = "recourse.login.succeeded.v1"
    topic: ClassVar[str] = "activity"
    example: ClassVar[dict[str, Any]] = _LOGIN


class LoginFailed(_Login):
    """Somebody tried to log in as a customer and was not let in."""

    type: ClassVar[str] = "recourse.login.failed.v1"
    topic: ClassVar[str] = "activity"
    example: ClassVar[dict[str, Any]] = _LOGIN | {"login_id": "log-5500", "reason": "wrong password"}

    reason: ShortText


class FeedbackLeft(CustomerEvent):
    """A customer's opinion: a rating, a text, or both."""

    type: ClassVar[str] = "recourse.feedback.left.v1"
    topic: ClassVar[str] = "activity"
    example: ClassVar[dict[str, Any]] = {
        "customer_id": "cus-1001",
        "feedback_id": "fdb-310",
        "occurred_at": "2026-11-22T09:40:00Z",
        "channel": "app",
        "rating": 4,
        "text": "Easy to use, but the draw closed while I was paying.",
    }

    feedback_id: Identifier
    occurred_at: Moment
    channel: Literal["website", "app"]
    rating: Rating | None = None
    text: LongText | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.rating is None and self.text is None:
            raise ValueError("one of rating and text is required")
        return self


class CheckoutCompleted(CustomerEvent):
    """A checkout went through. `checkout_id` is the one that the purchase names."""

    type: ClassVar[str] = "recourse.checkout.completed.v1"
    topic: ClassVar[str] = "activity"
    example: ClassVar[dict[str, Any]] = {
        "customer_id": "cus-1001",
        "checkout_id": "chk-7f3a",
        "occurred_at": "2026-11-22T09:29:58Z",
        "channel": "website",
        "amount": 2000,
        "currency": "AUD",
        "items": _TICKETS,
        "purchase_id": "pur-20261122-0001",
    }

    checkout_id: Identifier
    occurred_at: Moment
    channel: ActivityChannel | None = None
    amount: MinorUnits
    currency: KnownCurrency
    items: Annotated[list[WantedTicket], Field(min_length=1, max_length=1000)]
    purchase_id: Identifier | None = None


class CartChanged(CustomerEvent):
    """The whole cart as it is after a change; without tickets it is empty.

    The change with the latest `occurred_at` is the cart, whatever the order of arrival; of two at the same moment the
    one with the greater `change_id`, compared character by character. Ids that grow with time make that the later one.
    """

    type: ClassVar[str] = "recourse.cart.changed.v1"
    topic: ClassVar[str] = "activity"
    example: ClassVar[dict[str, Any]] = {
        "customer_id": "cus-1001",
        "change_id": "0199a1f0-0000-7000-8000-000000000006",
        "occurred_at": "2026-11-22T09:28:00Z",
        "channel": "website",
        "currency": "AUD",
        "tickets": _TICKETS,
    }

    change_id: Identifier
    occurred_at: Moment
    channel: ActivityChannel | None = None
    currency: KnownCurrency
    tickets: Annotated[list[WantedTicket], Field(max_length=1000)]


class VisitMade(CustomerEvent):
    """A known customer came to the web site, into the app or into a shop."""

    type: ClassVar[str] = "recourse.visit.made.v1"
    topic: ClassVar[str] = "activity"
    example: ClassVar[dict[str, Any]] = {
        "customer_id": "cus-1001",
        "visit_id": "vis-90210",
        "occurred_at": "2026-11-22T09:24:00Z",
        "channel": "app",
        "page": "/results/saturday-lotto",
        "device": "iPhone",
    }

    visit_id: Identifier
    occurred_at: Moment
    channel: ActivityChannel
    page: ShortText | None = None
    device: LongText | None = None
    store_id: Identifier | None = None
