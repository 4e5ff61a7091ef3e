"""What the ledger keeps: lines, accounts, and what became of orders' payments. Amounts are in minor units."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

Kind = Literal["deposit", "purchase", "reversal", "withdrawal", "adjustment"]
# An erased customer is closed, and nobody knows who it was.
CustomerStatus = Literal["active", "suspended", "closed", "erased"]
Status = Literal["booked", "refused", "failed", "pending"]
CauseKind = Literal["order", "cancellation", "withdrawal", "adjustment", "hold"]
# (customer id, id of the order, cancellation or ticket)
Key = tuple[str, str]


class Entry(NamedTuple):
    """A line of the ledger. Amounts in minor units; `balance` is the account's after it."""

    customer_id: str
    seq: int
    entry_id: UUID
    occurred_at: datetime
    recorded_at: datetime
    kind: Kind
    status: Status
    method: str | None
    amount_in: int
    amount_out: int
    currency: str
    balance: int
    cause_kind: CauseKind
    cause_id: str
    order_id: str | None
    ticket_id: str | None
    actor: str | None
    code: str | None
    reason: str | None
    description: str
    internal_note: str | None


class Refusal(NamedTuple):
    """Why something is not booked: `code` is stable, `reason` is for people."""

    code: str
    reason: str


# Where `Account.moved` has the sum of a kind; its number of entries follows.
_PLACES: dict[Kind, int] = {"deposit": 0, "purchase": 2, "reversal": 4, "withdrawal": 6, "adjustment": 8}
NOT_MOVED = (0,) * 10


@dataclass(slots=True)
class Account:
    """An account. `last_seq` is the number of its last entry; no `currency` before the first booked movement.

    `held` is the part of the balance that pending withdrawals hold, `head` the hash of the last entry. `moved` has what
    was booked since it was read: sum and number of entries for each kind, None when nothing was.
    """

    customer_id: str
    currency: str | None = None
    balance: int = 0
    last_seq: int = 0
    held: int = 0
    head: bytes = b""
    customer_status: CustomerStatus = "active"
    moved: list[int] | None = None

    @property
    def available(self) -> int:
        """What may be spent."""
        return self.balance - self.held

    @property
    def payouts_are_blocked(self) -> bool:
        """Whether no money may be paid out to the customer; to a closed one what is left may."""
        return self.customer_status in {"suspended", "erased"}

    def book(self, kind: Kind, amount_in: int, amount_out: int) -> None:
        """Move money."""
        self.balance += amount_in - amount_out
        if self.moved is None:
            self.moved = [*NOT_MOVED]
        place = _PLACES[kind]
        self.moved[place] += amount_in - amount_out if kind == "adjustment" else amount_in or amount_out
        self.moved[place + 1] += 1


@dataclass(slots=True)
class Charge:
    """What became of an order's payment: `amount` was charged, or refused; `reversed_amount` of it went back."""

    customer_id: str
    order_id: str
    charged: bool
    amount: int
    currency: str
    reversed_amount: int = 0
