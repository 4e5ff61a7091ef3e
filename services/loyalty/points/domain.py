"""The rules of points: what a ticket earns, and what a movement of points is."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from shared.money import minor_units

# The most that one ticket may earn; the contract of the events has the same bound.
MAX_POINTS = 1_000_000_000_000


class Kind(StrEnum):
    """What a movement is."""

    EARNED = "earned"
    CLAWED_BACK = "clawed_back"


@dataclass(frozen=True, slots=True)
class Movement:
    """Points that go to a customer (positive) or come back (negative), and the ticket that is the reason."""

    id: UUID
    customer_id: str
    kind: Kind
    points: int
    occurred_at: datetime
    order_id: str
    ticket_id: str
    store_id: str | None
    terminal_id: str | None
    payment_transaction_id: str | None


def points_for(price: int, currency: str, *, points_per_major_unit: int) -> int:
    """What a ticket of `price` minor units earns: the rate for each whole major unit, nothing for the rest."""
    return price // minor_units(currency) * points_per_major_unit
