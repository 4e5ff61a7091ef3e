"""What a run led to by chance, looked for in what was observed of it."""

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


class NeverHappenedError(Exception):
    """The run had no such situation."""


def first(found: Iterable[T], situation: str) -> T:
    """The first of them. Raises NeverHappenedError."""
    for each in found:
        return each
    raise NeverHappenedError(situation)
