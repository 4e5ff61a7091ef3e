"""Purchases as a shop would report them, with ids that no other run has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.contracts import PurchaseCompleted
from shared.contracts.base import PaymentMethod
from shared.contracts.purchases import Customer, Payment, PurchasedTicket
from shared.ids import uuid7


@dataclass(frozen=True)
class Line:
    """One ticket to buy. `price` is in cents."""

    lottery: str
    draw_number: int
    days_to_draw: int
    offer_label: str
    price: int
    autoplay_id: str | None = None


LINES = (
    Line("Saturday Lotto", 4521, 6, "6 x ticket book $10.00", 1000),
    Line("Saturday Lotto", 4521, 6, "6 x ticket book $10.00", 1000),
    Line("Car Draw", 318, 12, "3 x ticket book $5.00", 500, autoplay_id="auto-9"),
)


def new_id(kind: str) -> str:
    """An id that nothing else has, such as `tic-0199a1f0c3d47a11`."""
    return f"{kind}-{uuid7().hex[:12]}{uuid7().hex[-6:]}"


def new_customer(first_name: str, last_name: str, *, email: str | None = None) -> Customer:
    """A customer nobody has heard of. Without an address they get one at example.com."""
    customer_id = new_id("cus")
    return Customer(
        id=customer_id,
        first_name=first_name,
        last_name=last_name,
        email=email or f"{first_name.lower()}.{customer_id[-8:]}@example.com",
        phone="+61 491 570 156",
        language="en",
    )


def new_purchase(
    customer: Customer, lines: Sequence[Line] = LINES, *, method: PaymentMethod = "card", currency: str = "AUD"
) -> PurchaseCompleted:
    """An order of these tickets, paid by `method`."""
    now = datetime.now(UTC)
    return PurchaseCompleted(
        purchase_id=new_id("pur"),
        occurred_at=now,
        customer=customer,
        checkout_id=new_id("chk"),
        receipt_id=new_id("rcp"),
        store_id="store-17",
        terminal_id="term-3",
        payment=Payment(
            transaction_id=new_id("txn"), method=method, amount=sum(line.price for line in lines), currency=currency
        ),
        tickets=[_ticket(line, now) for line in lines],
    )


def _ticket(line: Line, now: datetime) -> PurchasedTicket:
    draw_at = now.replace(minute=30, second=0, microsecond=0) + timedelta(days=line.days_to_draw)
    return PurchasedTicket(
        id=new_id("tic"),
        lottery=line.lottery,
        draw_number=line.draw_number,
        draw_at=draw_at,
        draw_closes_at=draw_at - timedelta(hours=1),
        offer_id=line.offer_label.split(" ", maxsplit=1)[0] + "-book",
        offer_label=line.offer_label,
        price=line.price,
        autoplay_id=line.autoplay_id,
    )
