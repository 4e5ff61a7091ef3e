"""What a line measures, and how the rounds become one figure."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.environment import Bench

# One round: each figure that was taken in it, by name.
Round = dict[str, float]


@dataclass(frozen=True)
class Target:
    """What a figure must reach: a least or a greatest value of it."""

    limit: float
    unit: str
    least: bool

    def met_by(self, figure: float) -> bool:
        """Whether the figure is good enough; one that is no number never is."""
        return figure >= self.limit if self.least else figure <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.least else '≤'} {self.limit:g}{'×' if self.unit == 'ratio' else ' ' + self.unit}"


def at_least(limit: float, unit: str = "ratio") -> Target:
    """A target that larger figures meet."""
    return Target(limit, unit, least=True)


def at_most(limit: float, unit: str = "ratio") -> Target:
    """A target that smaller figures meet."""
    return Target(limit, unit, least=False)


@dataclass(frozen=True)
class Measured:
    """The outcome of a line. `conditions` are what must hold besides the target, each with whether it does."""

    figure: float
    rounds: Sequence[Round]
    conditions: dict[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """A line of the table."""

    id: str
    what: str
    target: Target
    run: Callable[[Bench], Awaitable[Measured]]

    def result(self, measured: Measured) -> dict[str, Any]:
        """The line as `results.json` has it."""
        return {
            "id": self.id,
            "what": self.what,
            "figure": round(measured.figure, 3),
            "unit": self.target.unit,
            "target": ", ".join([str(self.target), *measured.conditions]),
            "holds": self.target.met_by(measured.figure) and all(measured.conditions.values()),
            "rounds": [{name: round(value, 3) for name, value in each.items()} for each in measured.rounds],
        }

    def failure(self, error: Exception) -> dict[str, Any]:
        """The line when it could not be measured: a figure of None, which holds nothing."""
        return {
            "id": self.id, "what": self.what, "figure": None, "unit": self.target.unit, "target": str(self.target),
            "holds": False, "rounds": [], "error": str(error),
        }  # fmt: skip


def middle(rounds: Sequence[Round], name: str) -> float:
    """The median of a figure over the rounds."""
    return median(each[name] for each in rounds)


def ratio(rounds: Sequence[Round], name: str, to: str) -> float:
    """The median of one figure over the median of another."""
    return middle(rounds, name) / middle(rounds, to)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that at least `share` (0 to 1) of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
