"""Events for tests of loyalty, and what the service makes of them."""

from datetime import UTC, datetime
from typing import Any

import orjson

from shared.contracts import TicketCancelled, TicketsPaid
from tests.support.partition import Partition

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def ticket(ticket_id: str, price: int) -> dict[str, Any]:
    """A ticket as the events carry it."""
    return TicketsPaid.example["tickets"][0] | {"id": ticket_id, "price": price}  # type: ignore[no-any-return]


def paid(customer: str, tickets: dict[str, int], *, order: str = "order-1", currency: str = "AUD") -> TicketsPaid:
    """An order of tickets (id to price) that is paid."""
    data = TicketsPaid.example | {
        "customer_id": customer,
        "order_id": order,
        "paid_at": NOON.isoformat(),
        "currency": currency,
        "tickets": [ticket(*each) for each in tickets.items()],
    }
    return TicketsPaid.model_validate_json(orjson.dumps(data))


def cancelled(
    customer: str, ticket_id: str, price: int, *, order: str = "order-1", currency: str = "AUD", **changes: Any
) -> TicketCancelled:
    """A ticket that was cancelled."""
    data = TicketCancelled.example | {
        "customer_id": customer,
        "order_id": order,
        "cancelled_at": NOON.isoformat(),
        "currency": currency,
        "ticket": ticket(ticket_id, price),
    }
    data |= changes
    return TicketCancelled.model_validate_json(orjson.dumps(data))


async def account(partition: Partition, customer: str) -> tuple[int, int, int]:
    """Balance, lifetime earned, lifetime clawed back."""
    rows = await partition.fetch(
        "select balance, lifetime_earned, lifetime_clawed_back from point_accounts where customer_id = $1", customer
    )
    return rows[0] if rows else (0, 0, 0)


async def entries(partition: Partition, customer: str) -> list[tuple[str, str, int, int]]:
    """(kind, ticket id, points, balance) of each entry, in order."""
    return await partition.fetch(
        "select kind, ticket_id, points, balance from point_entries where customer_id = $1 order by seq", customer
    )
