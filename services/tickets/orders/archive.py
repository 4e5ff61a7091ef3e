"""When a ticket is archived: its draw is more than a calendar month ago where the organisation is. Not stored."""

from calendar import monthrange
from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def archived_before(now: datetime, zone: ZoneInfo) -> datetime:
    """The same wall-clock time a month ago, or on the last day of a shorter month: draws before it are archived."""
    local = now.astimezone(zone)
    year, month = (local.year, local.month - 1) if local.month > 1 else (local.year - 1, 12)
    day = min(local.day, monthrange(year, month)[1])
    return local.replace(year=year, month=month, day=day).astimezone(UTC)
