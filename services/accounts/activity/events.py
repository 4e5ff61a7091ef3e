"""What other systems and services tell of a customer's doings, as rows of the timeline."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from services.accounts.activity import store
from services.accounts.activity.autoplays import AUTOPLAYS
from services.accounts.activity.domain import Activity, Cart, Kind
from shared.contracts import (
    CartChanged,
    CheckoutCompleted,
    CorrespondenceRequested,
    DeliveryReported,
    Event,
    FeedbackLeft,
    LoginFailed,
    LoginSucceeded,
    PointsAwarded,
    PointsClawedBack,
    PrizePaid,
    TicketCancellationRequested,
    TicketCancelled,
    TicketsInLimbo,
    TicketsPaid,
    VisitMade,
)
from shared.contracts.activity import WantedTicket
from shared.messaging import AnyHandler, Batch, Handler


async def record(batch: Batch[Any]) -> None:
    """Write a row for each event; what is on record already stays as it is."""
    await store.add(batch.connection, [_ACTIVITIES[type(event.data)](event.data) for event in batch.events])


async def change_carts(batch: Batch[CartChanged]) -> None:
    """Keep the latest cart of each customer, and a row for every change."""
    await record(batch)
    await store.save_carts(batch.connection, [_cart(event.data) for event in batch.events])


def handlers() -> list[AnyHandler]:
    """What this feature alone consumes. Rows sort themselves, so that one which cannot be read holds up no other."""
    recorded: list[AnyHandler] = [
        Handler(contract, record, ordered=False) for contract in _ACTIVITIES if contract not in _WITH_OTHER_EFFECTS
    ]
    return [*recorded, Handler(CartChanged, change_carts, ordered=False)]


def _activity(event: Any, kind: Kind, reference: str, *, at: str = "occurred_at", **details: object) -> Activity:
    told = {name: value for name, value in details.items() if value is not None}
    return Activity(event.customer_id, kind, getattr(event, at), reference, told)


def _login(event: LoginSucceeded | LoginFailed, kind: Kind, **details: str) -> Activity:
    return _activity(
        event, kind, event.login_id,
        channel=event.channel, ip_address=event.ip_address, device=event.device, **details,
    )  # fmt: skip


def _login_succeeded(event: LoginSucceeded) -> Activity:
    return _login(event, "login_succeeded")


def _login_failed(event: LoginFailed) -> Activity:
    return _login(event, "login_failed", reason=event.reason)


def _visit(event: VisitMade) -> Activity:
    return _activity(
        event, "visit_made", event.visit_id,
        channel=event.channel, page=event.page, device=event.device, store_id=event.store_id,
    )  # fmt: skip


def _feedback(event: FeedbackLeft) -> Activity:
    return _activity(
        event, "feedback_left", event.feedback_id, channel=event.channel, rating=event.rating, text=event.text
    )


def _checkout(event: CheckoutCompleted) -> Activity:
    return _activity(
        event, "checkout_completed", event.checkout_id,
        channel=event.channel, amount=event.amount, currency=event.currency, tickets=_number(event.items),
        purchase_id=event.purchase_id, items=_plain(event.items),
    )  # fmt: skip


def _cart_change(event: CartChanged) -> Activity:
    return _activity(
        event, "cart_changed", event.change_id,
        channel=event.channel, amount=sum(each.price * each.quantity for each in event.tickets),
        currency=event.currency, tickets=_number(event.tickets),
    )  # fmt: skip


def _paid(event: TicketsPaid) -> Activity:
    return _activity(
        event, "tickets_paid", event.order_id, at="paid_at",
        amount=sum(ticket.price for ticket in event.tickets), currency=event.currency, tickets=len(event.tickets),
    )  # fmt: skip


def _limbo(event: TicketsInLimbo) -> Activity:
    # Not the order: several of its tickets may go to limbo at one moment, each for itself.
    return _activity(
        event, "tickets_limbo", event.ticket_ids[0], at="since",
        order_id=event.order_id, tickets=len(event.ticket_ids), code=event.code, reason=event.reason,
    )  # fmt: skip


def _prize(event: PrizePaid) -> Activity:
    return _activity(
        event, "prize_paid", event.prize_id, at="paid_at",
        ticket_id=event.ticket_id, amount=event.amount, currency=event.currency,
    )  # fmt: skip


def _cancellation_requested(event: TicketCancellationRequested) -> Activity:
    return _activity(
        event, "cancellation_requested", event.cancellation_id, at="requested_at",
        order_id=event.order_id, ticket_id=event.ticket_id, amount=event.price, currency=event.currency,
        reason=event.reason, actor=event.requested_by,
    )  # fmt: skip


def _cancelled(event: TicketCancelled) -> Activity:
    return _activity(
        event, "ticket_cancelled", event.cancellation_id, at="cancelled_at",
        order_id=event.order_id, ticket_id=event.ticket.id, currency=event.currency, reason=event.reason,
        amount=event.ticket.price if event.credited is None else event.credited,
    )  # fmt: skip


def _correspondence(event: CorrespondenceRequested) -> Activity:
    return _activity(
        event, "correspondence_requested", event.idempotency_key, at="requested_at",
        template=event.template, channels=event.channels,
    )  # fmt: skip


_DELIVERIES: Mapping[str, Kind] = {
    "accepted": "correspondence_sent",
    "deferred": "correspondence_deferred",
    "delivered": "correspondence_delivered",
    "soft_bounce": "correspondence_bounced",
    "hard_bounce": "correspondence_bounced",
    "complaint": "correspondence_complained",
}


def _delivery(event: DeliveryReported) -> Activity:
    return _activity(
        event, _DELIVERIES[event.state], event.message_id,
        state=event.state, provider=event.provider, status_code=event.code,
    )  # fmt: skip


def _points(event: PointsAwarded | PointsClawedBack, kind: Kind) -> Activity:
    return _activity(
        event, kind, event.entry_id,
        points=event.points, balance=event.balance, order_id=event.order_id, ticket_id=event.ticket_id,
    )  # fmt: skip


def _points_awarded(event: PointsAwarded) -> Activity:
    return _points(event, "points_awarded")


def _points_clawed_back(event: PointsClawedBack) -> Activity:
    return _points(event, "points_clawed_back")


def _cart(event: CartChanged) -> Cart:
    return Cart(
        event.customer_id, event.occurred_at, event.change_id, event.channel, event.currency, _plain(event.tickets)
    )


def _number(tickets: Iterable[WantedTicket]) -> int:
    return sum(ticket.quantity for ticket in tickets)


def _plain(tickets: Iterable[WantedTicket]) -> list[dict[str, Any]]:
    return [ticket.model_dump(mode="json", exclude_none=True) for ticket in tickets]


_ACTIVITIES: Mapping[type[Event], Callable[[Any], Activity]] = {
    LoginSucceeded: _login_succeeded,
    LoginFailed: _login_failed,
    VisitMade: _visit,
    FeedbackLeft: _feedback,
    CheckoutCompleted: _checkout,
    CartChanged: _cart_change,
    TicketsPaid: _paid,
    TicketsInLimbo: _limbo,
    PrizePaid: _prize,
    TicketCancellationRequested: _cancellation_requested,
    TicketCancelled: _cancelled,
    CorrespondenceRequested: _correspondence,
    DeliveryReported: _delivery,
    PointsAwarded: _points_awarded,
    PointsClawedBack: _points_clawed_back,
    **AUTOPLAYS,
}
_WITH_OTHER_EFFECTS = {CartChanged, CheckoutCompleted, TicketCancellationRequested, TicketCancelled}
