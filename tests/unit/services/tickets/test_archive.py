"""A calendar month in the organisation's time zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tickets.orders.archive import archived_before

pytestmark = pytest.mark.requirement("T10")

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ZONES = st.sampled_from(["UTC", "Australia/Sydney", "America/New_York", "Pacific/Apia", "Asia/Kathmandu"]).map(ZoneInfo)


@pytest.mark.parametrize(
    ("now", "zone", "expected"),
    [
        ("2026-03-15T10:00:00+00:00", "UTC", "2026-02-15T10:00:00+00:00"),
        ("2026-03-28T10:00:00+00:00", "UTC", "2026-02-28T10:00:00+00:00"),
        # February has no such day: all of it is a month ago.
        ("2026-03-29T00:00:00+00:00", "UTC", "2026-03-01T00:00:00+00:00"),
        ("2026-03-31T10:00:00+00:00", "UTC", "2026-03-01T00:00:00+00:00"),
        ("2026-04-01T00:00:00+00:00", "UTC", "2026-03-01T00:00:00+00:00"),
        ("2028-03-31T10:00:00+00:00", "UTC", "2028-03-01T00:00:00+00:00"),
        ("2026-01-15T10:00:00+00:00", "UTC", "2025-12-15T10:00:00+00:00"),
        # Sydney put its clocks back on 5 April: ten at night there was an hour earlier in March.
        ("2026-04-10T12:00:00+00:00", "Australia/Sydney", "2026-03-10T11:00:00+00:00"),
        # Already April there, still March in London.
        ("2026-03-31T14:00:00+00:00", "Australia/Sydney", "2026-02-28T14:00:00+00:00"),
        ("2026-03-31T12:00:00+00:00", "Australia/Sydney", "2026-02-28T13:00:00+00:00"),
    ],
)
def test_a_month_ago(now: str, zone: str, expected: str) -> None:
    assert archived_before(datetime.fromisoformat(now), ZoneInfo(zone)) == datetime.fromisoformat(expected)


@given(MOMENTS, st.timedeltas(timedelta(0), timedelta(days=3)), ZONES)
def test_it_is_four_to_five_weeks_and_never_goes_back(now: datetime, later: timedelta, zone: ZoneInfo) -> None:
    before = archived_before(now, zone)
    assert timedelta(days=27) < now - before < timedelta(days=32, hours=2)
    # But where the clocks go back, or tell an hour again.
    assert archived_before(now + later, zone) >= before - timedelta(hours=1)
