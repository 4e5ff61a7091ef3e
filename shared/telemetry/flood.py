"""A limit to how often a library says the same thing: aiokafka repeats itself many times a second without Kafka."""

import logging
import time
from collections.abc import Callable

INTERVAL_SECONDS = 10.0
_MOST_TEMPLATES = 1000


class FloodFilter(logging.Filter):
    """Lets a line of each message template of a logger pass, then none for a while; the next says how many were not.

    Only for libraries, whose messages are templates with arguments: what this code logs are events, and each counts.
    """

    def __init__(
        self, interval_seconds: float = INTERVAL_SECONDS, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._interval = interval_seconds
        self._clock = clock
        # By template: when the last line passed, and how many were held back since.
        self._seen: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written. One with a traceback always is: the same words may stand for another fault.

        So is what is below a warning: it tells what happened, not what goes on.
        """
        if record.levelno < logging.WARNING or not isinstance(record.msg, str) or record.exc_info:
            return True
        template, now = (record.name, record.levelno, record.msg), self._clock()
        last, suppressed = self._seen.get(template, (None, 0))
        if last is not None and now - last < self._interval:
            self._seen[template] = (last, suppressed + 1)
            return False
        if template not in self._seen and len(self._seen) >= _MOST_TEMPLATES:
            self._seen.clear()
        self._seen[template] = (now, 0)
        if suppressed:
            record.msg = f"{record.msg} (and {suppressed} more like it)"
        return True
