"""Names of time zones."""

from functools import lru_cache
from zoneinfo import ZoneInfo


@lru_cache(maxsize=1000)
def zone_named(name: str | None) -> ZoneInfo | None:
    """The time zone of that IANA name, None when there is none."""
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):
        return None
