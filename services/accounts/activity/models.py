"""Bodies of the operations on activities."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from services.accounts.activity.domain import Activity, Cart, CustomerEventKind, Kind, Origin
from shared.contracts.activity import ActivityChannel, Rating
from shared.web import Instant, PageQuery, Personal, ResponseModel, require_order


class PeriodQuery(PageQuery):
    """A part of a timeline by time."""

    since: Instant | None = Field(default=None, description="From this moment on.")
    until: Instant | None = Field(default=None, description="Before this moment.")

    _in_order = require_order(("since", "until"))


class ActivityQuery(PeriodQuery):
    """Filters of the timeline."""

    kind: list[Kind] = Field(default_factory=list, max_length=50, description="Any of these; all when absent.")


class CustomerEventQuery(PeriodQuery):
    """Filters of the customer events."""

    kind: list[CustomerEventKind] = Field(
        default_factory=list, max_length=50, description="Any of these; all when absent."
    )


class LoginQuery(PeriodQuery):
    """Filters of the login history."""

    outcome: Literal["succeeded", "failed", "any"] = "succeeded"
    channel: ActivityChannel | None = None


class FeedbackQuery(PeriodQuery):
    """Filters of the feedback."""

    channel: Literal["website", "app"] | None = None
    rating: list[Rating] = Field(default_factory=list, max_length=5, description="Any of these; all when absent.")


class ActivityView(ResponseModel):
    """Something that a customer did or that was done for one.

    `origin` is who told of it, `reference` the id of what it speaks of: an order, a login, a message.
    """

    kind: Kind
    origin: Origin
    occurred_at: datetime
    reference: str
    details: Annotated[dict[str, Any], Personal("details")]


class LoginView(ResponseModel):
    """A login, or a failed try of one with its `reason`."""

    login_id: str
    occurred_at: datetime
    outcome: Literal["succeeded", "failed"]
    channel: str
    ip_address: Annotated[str | None, Personal("text")]
    device: str | None
    reason: str | None

    @classmethod
    def of(cls, activity: Activity) -> Self:
        """The view of a stored login."""
        told = activity.details
        return cls(
            login_id=activity.reference,
            occurred_at=activity.occurred_at,
            outcome="failed" if activity.kind == "login_failed" else "succeeded",
            channel=told["channel"],
            ip_address=told.get("ip_address"),
            device=told.get("device"),
            reason=told.get("reason"),
        )


class FeedbackView(ResponseModel):
    """A customer's opinion: `rating` from 1, the worst, to 5."""

    feedback_id: str
    occurred_at: datetime
    channel: str
    rating: int | None
    text: Annotated[str | None, Personal("prose")]

    @classmethod
    def of(cls, activity: Activity) -> Self:
        """The view of a stored feedback."""
        told = activity.details
        return cls(
            feedback_id=activity.reference,
            occurred_at=activity.occurred_at,
            channel=told["channel"],
            rating=told.get("rating"),
            text=told.get("text"),
        )


class WantedTicketView(ResponseModel):
    """Tickets of one kind. `price` is that of one of them, in minor units."""

    lottery: str
    draw_number: int
    draw_at: datetime | None = None
    offer_id: str
    offer_label: str
    price: int
    quantity: int


class CheckoutView(ResponseModel):
    """A checkout that went through. `amount` is in minor units of `currency`."""

    checkout_id: str
    occurred_at: datetime
    channel: str | None
    amount: int
    currency: str
    purchase_id: str | None
    items: list[WantedTicketView]

    @classmethod
    def of(cls, activity: Activity) -> Self:
        """The view of a stored checkout."""
        told = activity.details
        return cls(
            checkout_id=activity.reference,
            occurred_at=activity.occurred_at,
            channel=told.get("channel"),
            amount=told["amount"],
            currency=told["currency"],
            purchase_id=told.get("purchase_id"),
            items=[WantedTicketView.model_validate(item) for item in told["items"]],
        )


class CartView(ResponseModel):
    """The cart as it is now; `changed_at` is null when nothing was ever put into it."""

    changed_at: datetime | None
    channel: str | None
    currency: str | None
    amount: int = Field(description="What the tickets cost together, in minor units of `currency`.")
    tickets: list[WantedTicketView]

    @classmethod
    def of(cls, cart: Cart | None) -> Self:
        """The view of a stored cart, or of none."""
        if cart is None:
            return cls(changed_at=None, channel=None, currency=None, amount=0, tickets=[])
        tickets = [WantedTicketView.model_validate(ticket) for ticket in cart.tickets]
        return cls(
            changed_at=cart.changed_at,
            channel=cart.channel,
            currency=cart.currency,
            amount=sum(ticket.price * ticket.quantity for ticket in tickets),
            tickets=tickets,
        )
