"""Names of time zones, the same on every machine."""

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

# They stand beside the zones of the IANA database and are none: what the machine is set to, and a placeholder.
_NO_ZONES = {"localtime", "Factory"}


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones() - _NO_ZONES)


def zone_named(name: str | None) -> ZoneInfo | None:
    """The time zone of that IANA name, None when there is none.

    `ZoneInfo` alone takes any file of the database's folder: `right/Europe/London` counts leap seconds.
    """
    return ZoneInfo(name) if name is not None and name in _names() else None
