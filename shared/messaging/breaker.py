"""The breaker: a deploy that fails at everything stops, instead of making dead letters of everything."""

from collections import Counter
from collections.abc import Iterable


class BreakerOpenError(Exception):
    """Too many events of a type failed in a row: the fault is more likely ours than theirs."""


class Breaker:
    """Counts, per event type, handlers' failures without a success between them; opens at a limit.

    While it is open, a failure raises BreakerOpenError before the event is made a dead letter; the first event of
    that type that succeeds closes it.
    """

    def __init__(self, *, limit: int = 50) -> None:
        self._limit = limit
        self._failures: Counter[str] = Counter()

    def open_for(self) -> list[str]:
        """The event types that failed as often in a row as the limit says."""
        return sorted(name for name, count in self._failures.items() if count >= self._limit)

    def succeeded(self, event_types: Iterable[str]) -> None:
        """Events of these types were applied."""
        for event_type in event_types:
            self._failures.pop(event_type, None)

    def failed(self, event_type: str) -> None:
        """An event failed in its handler. Raises BreakerOpenError when the limit was reached before."""
        if self._failures[event_type] >= self._limit:
            raise BreakerOpenError(f"{self._failures[event_type]} events of type {event_type} failed in a row")
        self._failures[event_type] += 1
