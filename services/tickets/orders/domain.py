"""Orders and the tickets in them, as they were bought: facts that do not change."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Outcome(StrEnum):
    """Whether the order was taken."""

    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Order:
    """An order, under the id of its purchase. `payment_amount` is in minor units of `currency`."""

    order_id: str
    customer_id: str
    ordered_at: datetime
    outcome: Outcome
    failure_reason: str | None
    checkout_id: str
    receipt_id: str | None
    store_id: str | None
    terminal_id: str | None
    transaction_id: str
    payment_method: str
    payment_amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class BoughtTicket:
    """One ticket of an order: `position` is its place there, `price` is in minor units of the order's currency.

    When it is read again the times of the draw are those that somebody set since, if anybody did.
    """

    ticket_id: str
    position: int
    lottery: str
    draw_number: int
    draw_at: datetime
    draw_closes_at: datetime
    offer_id: str
    offer_label: str
    price: int
    autoplay_id: str | None


@dataclass(frozen=True, slots=True)
class NewOrder:
    """A completed order that is to be recorded, with its tickets."""

    order: Order
    tickets: Sequence[BoughtTicket]


def contested_orders(orders: Iterable[NewOrder], holders: Mapping[str, str]) -> tuple[list[NewOrder], list[NewOrder]]:
    """The orders that did not get all of their tickets: those that never will, and those to try again.

    `holders` has the order that holds each ticket id. An order is lost when another holds a ticket that does not
    itself give way; one whose rivals all give way is tried again. Tried in order, at least the first is lost.
    """
    contested = [new for new in orders if any(_rivals(new, holders))]
    giving_way = {new.order.order_id for new in contested}
    lost = [new for new in contested if any(rival not in giving_way for rival in _rivals(new, holders))]
    lost_ids = {new.order.order_id for new in lost}
    return lost, [new for new in contested if new.order.order_id not in lost_ids]


def _rivals(new: NewOrder, holders: Mapping[str, str]) -> list[str]:
    held = (holders.get(ticket.ticket_id) for ticket in new.tickets)
    return [holder for holder in held if holder is not None and holder != new.order.order_id]
