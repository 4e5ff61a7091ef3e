"""When a ticket is archived: its draw is more than a calendar month ago where the organisation is. Not stored."""

from calendar import monthrange
from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def archived_before(now: datetime, zone: ZoneInfo) -> datetime:
    """The same wall-clock time a month ago: draws before it are archived.

    On a day that the month before does not have, all of that month is: what is archived stays so.
    """
    local = now.astimezone(zone)
    year, month = (local.year, local.month - 1) if local.month > 1 else (local.year - 1, 12)
    if local.day <= monthrange(year, month)[1]:
        return local.replace(year=year, month=month).astimezone(UTC)
    return datetime(local.year, local.month, 1, tzinfo=zone).astimezone(UTC)
