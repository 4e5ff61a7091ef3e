"""How much is made, and how it is shared out: most customers do little, a few do very much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from random import Random

CHUNK = 4000
_STEEPNESS, _MOST = 1.3, 3000.0


@dataclass(frozen=True)
class Plan:
    """Numbers of customers, tickets and ledger lines; equal plans make equal data."""

    customers: int
    tickets: int
    entries: int
    seed: int
    until: datetime

    def chunks(self) -> Iterator[Chunk]:
        """The customers in portions that are made independently."""
        rng = Random(self.seed)  # noqa: S311 - made-up data, the same every time
        weights = [min(rng.paretovariate(_STEEPNESS), _MOST) for _ in range(self.customers)]
        total = sum(weights)
        shares = [0.0, *(upto / total for upto in accumulate(weights))]
        shares[-1] = 1.0
        for first in range(0, self.customers, CHUNK):
            yield Chunk(self, first, shares[first : first + CHUNK + 1])


@dataclass(frozen=True)
class Chunk:
    """Customers from number `first` on. `shares` has, for each, which part of all is made before it, then the end."""

    plan: Plan
    first: int
    shares: list[float]

    def quotas(self) -> Iterator[tuple[int, int, int]]:
        """(number, tickets up to and with this customer, entries so), counted from the beginning of the chunk."""
        plan, start = self.plan, self.shares[0]
        tickets, entries = int(plan.tickets * start), int(plan.entries * start)
        for place, share in enumerate(self.shares[1:]):
            yield self.first + place, int(plan.tickets * share) - tickets, int(plan.entries * share) - entries
