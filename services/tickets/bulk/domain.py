"""A bulk cancellation and how far it has come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class BulkKind(StrEnum):
    """Whose tickets are cancelled."""

    ORDER = "order"
    DRAW = "draw"


class BulkState(StrEnum):
    """Where the job stands: its tickets are looked for, cancelled, waited for at accounts; it is completed."""

    COLLECTING = "collecting"
    CANCELLING = "cancelling"
    SETTLING = "settling"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class Bulk:
    """A bulk cancellation. `refunded` and `refused_by_accounts` are as of the last look at the answers of accounts."""

    bulk_id: str
    kind: BulkKind
    order_id: str | None
    lottery: str | None
    draw_number: int | None
    reason: str
    requested_by: str
    requested_at: datetime
    state: BulkState = BulkState.COLLECTING
    refunded: int = 0
    refused_by_accounts: int = 0
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How many tickets there are, how many were accepted for cancellation, how many refused by code."""

    total: int = 0
    accepted: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)


class Target(NamedTuple):
    """Whose tickets: those of an order, or of a draw."""

    order_id: str | None = None
    lottery: str | None = None
    draw_number: int | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a bulk cancellation would do now: to `total` tickets, of which it would refuse some, by code.

    `amounts` is what it would credit back in each currency, in minor units.
    """

    total: int
    amounts: Mapping[str, int]
    refused: Mapping[str, int]

    @property
    def accepted(self) -> int:
        """How many tickets it would cancel."""
        return self.total - sum(self.refused.values())


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a bulk cancellation: ticket ids in the order of their customers."""

    number: int
    tickets: list[str]


@dataclass(frozen=True, slots=True)
class TicketRefused:
    """A ticket that the job could not cancel, and why."""

    customer_id: str
    ticket_id: str
    code: str
    detail: str
    refused_at: datetime | None = None
