"""Which draws are played: by the calendar of any time zone, over years, with their clock changes and month ends."""

import calendar
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.tickets.autoplay.schedule import (
    WEEK,
    Cadence,
    Draw,
    Schedule,
    Weekday,
    local_date,
    month_of,
    next_draw,
    start_of_day,
)

pytestmark = pytest.mark.requirement("T7")

ZONES = st.sampled_from(sorted(available_timezones() - {"localtime", "Factory"})).map(ZoneInfo)
DAYS = st.dates(date(1971, 1, 1), date(2037, 12, 31))
EPOCH = datetime(1971, 1, 2, tzinfo=UTC)
MOMENTS = st.integers(0, 66 * 365 * 24 * 60).map(lambda minutes: EPOCH + timedelta(minutes=minutes))
FEWER = settings(max_examples=40, deadline=None)
SYDNEY, NEW_YORK, SAO_PAULO, APIA = map(
    ZoneInfo, ("Australia/Sydney", "America/New_York", "America/Sao_Paulo", "Pacific/Apia")
)


def draws_every(hours: int, begin: datetime, count: int) -> list[Draw]:
    moments = [begin + timedelta(hours=hours * number) for number in range(count)]
    return [Draw("L", number, moment, moment - timedelta(hours=1)) for number, moment in enumerate(moments, 1)]


@settings(deadline=None)
@given(DAYS, ZONES)
@example(date(2018, 11, 4), SAO_PAULO)  # the clocks jump from midnight to one
@example(date(2011, 12, 30), APIA)  # a day that is left out
@example(date(1987, 10, 25), ZoneInfo("America/St_Johns"))  # back over midnight, a minute after it
@example(date(2024, 3, 31), ZoneInfo("Africa/Casablanca"))
def test_a_day_starts_when_the_calendar_first_shows_it(day: date, zone: ZoneInfo) -> None:
    start = start_of_day(day, zone)
    assert local_date(start, zone) >= day
    assert local_date(start - timedelta(seconds=1), zone) < day
    if local_date(start, zone) == day:
        assert start.astimezone(zone).hour < 3


@FEWER
@given(MOMENTS, ZONES)
def test_a_moment_is_in_its_month_and_months_have_no_gaps(moment: datetime, zone: ZoneInfo) -> None:
    begin, end = month_of(moment, zone)
    local = moment.astimezone(zone)
    if begin <= moment < end:
        assert (local_date(begin, zone).year, local_date(begin, zone).month) == (local.year, local.month)
    else:
        # Where the clocks go back over midnight, the last minutes of a month return after the next has begun.
        assert abs(moment - end) <= timedelta(hours=2)
    assert month_of(end, zone)[0] == end
    assert timedelta(days=26) < end - begin < timedelta(days=33)


@FEWER
@given(MOMENTS, ZONES, st.sets(st.sampled_from(WEEK), min_size=1), st.integers(1, 30))
def test_weekdays_are_those_of_the_zone(moment: datetime, zone: ZoneInfo, days: set[Weekday], hours: int) -> None:
    schedule = Schedule(Cadence.WEEKDAYS, weekdays=tuple(days))
    for draw in draws_every(hours, moment, 40):
        shown = draw.draw_at.astimezone(zone).strftime("%A").lower()
        assert schedule.plays(draw, [], zone) == (shown in days)


@FEWER
@given(MOMENTS, ZONES, st.integers(1, 31), st.integers(12, 200))
def test_monthly_plays_one_draw_of_each_period_the_first(
    moment: datetime, zone: ZoneInfo, day_of_month: int, hours: int
) -> None:
    schedule = Schedule(Cadence.MONTHLY, day_of_month=day_of_month)
    draws = draws_every(hours, moment, 2000 // hours)
    played = [draw for draw in draws if schedule.plays(draw, draws, zone)]
    by_model: dict[date, Draw] = {}
    for draw in draws:
        by_model.setdefault(_model_period(local_date(draw.draw_at, zone), day_of_month), draw)
    assert played == list(by_model.values())


def _model_period(day: date, day_of_month: int) -> date:
    """Walk back day by day to the last one on which a period begins."""
    while day.day != min(day_of_month, calendar.monthrange(day.year, day.month)[1]):
        day -= timedelta(days=1)
    return day


@FEWER
@given(ZONES, st.integers(1, 31), st.integers(1972, 2036))
def test_daily_draws_are_played_monthly_twelve_times_a_year_on_the_day(
    zone: ZoneInfo, day_of_month: int, year: int
) -> None:
    noon = datetime(year, 1, 1, 12, tzinfo=zone)
    draws = [
        Draw("L", number, (noon + timedelta(days=number)).astimezone(UTC), noon.astimezone(UTC))
        for number in range(-31, 366)
    ]
    schedule = Schedule(Cadence.MONTHLY, day_of_month=day_of_month)
    days = [local_date(draw.draw_at, zone) for draw in draws[1:] if schedule.plays(draw, draws, zone)]
    of_year = Counter(day.month for day in days if day.year == year)
    assert set(of_year.values()) == {1}
    assert len(of_year) == 12
    for day in days:
        # A day that the clocks left out is made up for on the next.
        expected = min(day_of_month, calendar.monthrange(day.year, day.month)[1])
        assert day.day in {expected, expected + 1} or zone.key in {"Pacific/Apia", "Pacific/Fakaofo"}


@given(st.integers(1, 9), st.integers(0, 50), st.integers(0, 60))
def test_every_nth_counts_from_its_first_draw(every: int, first: int, number: int) -> None:
    draw = Draw("L", number, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
    schedule = Schedule(Cadence.EVERY_NTH, every=every, first_draw_number=first)
    assert schedule.plays(draw, [], NEW_YORK) == (number in range(first, 1000, every))
    counted = Schedule(Cadence.EVERY_NTH, every=every).anchored(draw)
    assert counted.first_draw_number == number
    assert counted.anchored(Draw("L", 99, draw.draw_at, draw.closes_at)) == counted


@pytest.mark.parametrize(
    ("zone", "utc", "expected"),
    [
        (SYDNEY, datetime(2026, 10, 3, 14, 30, tzinfo=UTC), Weekday.SUNDAY),  # half past midnight before the change
        (SYDNEY, datetime(2026, 10, 4, 12, 30, tzinfo=UTC), Weekday.SUNDAY),  # half past eleven after it
        (SYDNEY, datetime(2026, 10, 4, 13, 30, tzinfo=UTC), Weekday.MONDAY),
        (NEW_YORK, datetime(2026, 11, 1, 3, 59, tzinfo=UTC), Weekday.SATURDAY),
        (NEW_YORK, datetime(2026, 11, 2, 4, 59, tzinfo=UTC), Weekday.SUNDAY),  # the day has 25 hours
        (NEW_YORK, datetime(2026, 11, 2, 5, 0, tzinfo=UTC), Weekday.MONDAY),
    ],
)
def test_clock_changes_move_the_end_of_the_day(zone: ZoneInfo, utc: datetime, expected: Weekday) -> None:
    draw = Draw("L", 1, utc, utc)
    played = [day for day in WEEK if Schedule(Cadence.WEEKDAYS, weekdays=(day,)).plays(draw, [], zone)]
    assert played == [expected]


def test_month_ends_clamp_to_the_last_day() -> None:
    schedule = Schedule(Cadence.MONTHLY, day_of_month=31)
    assert schedule.period(date(2024, 2, 28)) == date(2024, 1, 31)
    assert schedule.period(date(2024, 2, 29)) == date(2024, 2, 29)
    assert schedule.period(date(2026, 2, 28)) == date(2026, 2, 28)
    assert schedule.period(date(2026, 1, 1)) == date(2025, 12, 31)


def test_the_next_draw_is_the_first_that_is_played_still_open_and_not_taken() -> None:
    draws = draws_every(24, datetime(2026, 11, 22, 12, tzinfo=UTC), 10)
    now = draws[2].closes_at
    schedule = Schedule(Cadence.EVERY_NTH, every=3)
    assert next_draw(schedule, draws, NEW_YORK, after=now, taken={}) == draws[3]
    # It counts from what it meets first, and what it has bought it does not meet again.
    assert next_draw(schedule, draws, NEW_YORK, after=now, taken={4: None}) == draws[4]
    assert next_draw(schedule.anchored(draws[3]), draws, NEW_YORK, after=now, taken={4: None}) == draws[6]
    assert next_draw(Schedule(), draws, NEW_YORK, after=now, taken={4: None}) == draws[4]
    assert next_draw(Schedule(), draws, NEW_YORK, after=draws[-1].closes_at, taken={}) is None


def test_tickets_are_bought_when_the_draw_is_open_and_near() -> None:
    closes_at = datetime(2026, 11, 28, 8, 30, tzinfo=UTC)
    lead = timedelta(hours=24)
    assert Draw("L", 1, closes_at, closes_at).due_at(lead) == closes_at - lead
    opens_at = closes_at - timedelta(hours=2)
    assert Draw("L", 1, closes_at, closes_at, opens_at).due_at(lead) == opens_at
