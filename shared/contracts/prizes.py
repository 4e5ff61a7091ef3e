"""Topic `purchases`: what other systems paid out on tickets. Beside the purchases, so that their order is kept."""

from typing import Any, ClassVar

from shared.contracts.base import CustomerEvent, Identifier, KnownCurrency, MinorUnits, Moment


class PrizePaid(CustomerEvent):
    """A prize on a ticket was paid out. Its prize id is the customer's for ever; a ticket may win more than one."""

    type: ClassVar[str] = "recourse.prize.paid.v1"
    topic: ClassVar[str] = "purchases"
    example: ClassVar[dict[str, Any]] = {
        "customer_id": "cus-1001",
        "prize_id": "prz-4521-77",
        "ticket_id": "tic-1",
        "amount": 250000,
        "currency": "AUD",
        "paid_at": "2026-11-30T09:00:00Z",
    }

    prize_id: Identifier
    ticket_id: Identifier
    amount: MinorUnits
    currency: KnownCurrency
    paid_at: Moment
