"""A cancellation: what an agent asked for, until when that is possible, and what accounts made of it."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from services.tickets.lifecycle.table import State


class CancellationState(StrEnum):
    """Whether the price has been credited back."""

    REQUESTED = "requested"
    COMPLETED = "completed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Cancellation:
    """A request to cancel one ticket. `amount` is what is to be credited back, in minor units of `currency`.

    `bulk_id` names the bulk cancellation that it is part of, `ticket_was` is the ticket's state before, if it is known.
    """

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
    bulk_id: str | None = None
    ticket_was: State | None = None

    @property
    def came_before_payment(self) -> bool:
        """Whether the ticket was never announced as paid: while it is being cancelled its payment is not."""
        return self.ticket_was in {State.PURCHASED, State.LIMBO_PAYMENT_OVERDUE}


class TooLate(StrEnum):
    """Why the draw of a ticket does not let it be cancelled any more; the code that its sender gets."""

    DRAWN = "draw_drawn"
    CLOSED = "draw_closed"
    WINDOW_OVER = "cancellation_window_over"


@dataclass(frozen=True, slots=True)
class Terms:
    """What the draw of a ticket says about cancelling it. `window` is how long before closing that ends."""

    closes_at: datetime
    window: timedelta = timedelta(0)
    drawn: bool = False
    draw_cancelled: bool = False

    @property
    def until(self) -> datetime:
        """The moment from which on it is too late."""
        return self.closes_at - self.window

    def too_late(self, now: datetime) -> TooLate | None:
        """Why it is too late now, None when it is not. A ticket of a cancelled draw can always be cancelled."""
        if self.draw_cancelled:
            return None
        if self.drawn:
            return TooLate.DRAWN
        if now >= self.closes_at:
            return TooLate.CLOSED
        return TooLate.WINDOW_OVER if now >= self.until else None


def confirmation_token(subject: str, *shown: object) -> str:
    """A digest, in hexadecimal, of what a person is shown before they confirm: the same again as long as that is.

    `shown` is what JSON can say. It has no key: it grants nothing. Whoever sends it needs the permission all the same,
    and could send `confirm` instead, so that there is nothing to gain by making one up.
    """
    return sha256(json.dumps([*shown, subject], sort_keys=True).encode()).hexdigest()
