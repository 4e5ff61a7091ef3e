"""How far the consumer of this process is behind, of each of its partitions."""

from collections.abc import Callable, Mapping
from typing import Any

from shared.telemetry.metrics import gauge

_lag = gauge("recourse_consumer_lag_records", "Records behind the end of the partition", ("topic", "partition"))


class Lag:
    """Sets the gauge from what the client knows of the ends. `topic_of` gives the name without the prefix."""

    def __init__(self, topic_of: Callable[[str], str]) -> None:
        self._topic_of = topic_of
        self._offsets: dict[Any, int] = {}

    def show(self, client: Any, offsets: Mapping[Any, int]) -> None:
        """`offsets` is how far each partition is applied; one whose place is being looked up is where it was."""
        self._offsets |= offsets
        assigned = client.assignment()
        for partition, offset in self._offsets.items():
            end = client.highwater(partition) if partition in assigned else None
            if end is not None:
                _lag.labels(self._topic_of(partition.topic), partition.partition).set(max(end - offset, 0))

    def forget(self) -> None:
        """The partitions are another's: what they showed last would stay for ever."""
        self._offsets.clear()
        _lag.clear()
