"""Which draws of its lottery an AutoPlay plays, by the calendar of its customer's time zone."""

import calendar
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

# How far back the draws of the same monthly period can lie: 31 days, and the hours between time zones.
PERIOD = timedelta(days=33)


class Cadence(StrEnum):
    """The kinds of schedules."""

    EVERY_DRAW = "every_draw"
    WEEKDAYS = "weekdays"
    EVERY_NTH = "every_nth"
    MONTHLY = "monthly"


class Weekday(StrEnum):
    """The days of the week, in the order of `date.weekday`."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


WEEK = tuple(Weekday)


@dataclass(frozen=True, slots=True)
class Draw:
    """A draw of a lottery that is not cancelled. Tickets are sold from `opens_at`, None for always, to `closes_at`."""

    lottery: str
    number: int
    draw_at: datetime
    closes_at: datetime
    opens_at: datetime | None = None

    def due_at(self, lead: timedelta) -> datetime:
        """When its tickets are to be bought: so long before it closes, or later when it opens."""
        moment = self.closes_at - lead
        return moment if self.opens_at is None else max(moment, self.opens_at)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which draws to play; the fields that its cadence does not use keep their defaults.

    `weekdays`: draws held on these days. `every`: with EVERY_NTH each draw whose number is a multiple of it away from
    `first_draw_number`, which is the first draw met when it is None. `day_of_month`: with MONTHLY the first draw held
    on that day or later, before the day comes again; where a month is shorter its last day counts.
    """

    cadence: Cadence = Cadence.EVERY_DRAW
    weekdays: tuple[Weekday, ...] = ()
    every: int = 1
    first_draw_number: int | None = None
    day_of_month: int = 1

    def anchored(self, draw: Draw) -> "Schedule":
        """The same, counting from this draw when nothing says from which."""
        if self.cadence is not Cadence.EVERY_NTH or self.first_draw_number is not None:
            return self
        return replace(self, first_draw_number=draw.number)

    def plays(self, draw: Draw, draws: Iterable[Draw], zone: ZoneInfo, *, met: Iterable[Draw] = ()) -> bool:
        """Whether the draw is played; `draws` holds at least those of the `PERIOD` before it.

        `met` are draws that had their turn: they may have been moved since, and a month has one.
        """
        match self.cadence:
            case Cadence.EVERY_DRAW:
                return True
            case Cadence.WEEKDAYS:
                return WEEK[local_date(draw.draw_at, zone).weekday()] in self.weekdays
            case Cadence.EVERY_NTH:
                first = draw.number if self.first_draw_number is None else self.first_draw_number
                return draw.number >= first and (draw.number - first) % self.every == 0
            case Cadence.MONTHLY:
                return self._is_first_of_period(draw, draws, zone) and not self._had_its_turn(draw, met, zone)

    def _is_first_of_period(self, draw: Draw, draws: Iterable[Draw], zone: ZoneInfo) -> bool:
        period = self.period(local_date(draw.draw_at, zone))
        # Its calendar is asked only for draws that may be in it; the first one that is ends the search.
        earliest = start_of_day(period, zone) - timedelta(days=1)
        return not any(
            earliest < other.draw_at
            and (other.draw_at, other.number) < (draw.draw_at, draw.number)
            and self.period(local_date(other.draw_at, zone)) == period
            for other in draws
        )

    def _had_its_turn(self, draw: Draw, met: Iterable[Draw], zone: ZoneInfo) -> bool:
        period = self.period(local_date(draw.draw_at, zone))
        return any(
            other.number != draw.number and self.period(local_date(other.draw_at, zone)) == period for other in met
        )

    def period(self, day: date) -> date:
        """The day on which the monthly period began that holds `day`."""
        begin = _day_in_month(day.year, day.month, self.day_of_month)
        if begin <= day:
            return begin
        earlier = day.replace(day=1) - timedelta(days=1)
        return _day_in_month(earlier.year, earlier.month, self.day_of_month)


def next_draw(
    schedule: Schedule,
    draws: Sequence[Draw],
    zone: ZoneInfo,
    *,
    after: datetime,
    taken: Mapping[int, object],
    met: Sequence[Draw] = (),
) -> Draw | None:
    """The draw that is played next among those that close after `after` and are not `taken` (by number).

    `met` as in `Schedule.plays`.
    """
    for draw in sorted(draws, key=lambda draw: (draw.closes_at, draw.number)):
        if draw.closes_at <= after or draw.number in taken:
            continue
        schedule = schedule.anchored(draw)
        if schedule.plays(draw, draws, zone, met=met):
            return draw
    return None


def local_date(moment: datetime, zone: ZoneInfo) -> date:
    """The date that the calendar shows there at that moment."""
    return moment.astimezone(zone).date()


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first moment, in UTC, at which it is that day there, or a later one where clocks leave the day out."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    latest = midnight.astimezone(UTC)
    if latest.astimezone(zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return latest
    # The clocks jump over midnight, somewhere between what the two offsets make of it.
    earliest = midnight.replace(fold=1).astimezone(UTC)
    while latest - earliest > timedelta(seconds=1):
        middle = earliest + timedelta(seconds=(latest - earliest) // timedelta(seconds=2))
        if local_date(middle, zone) >= day:
            latest = middle
        else:
            earliest = middle
    return latest


def month_of(moment: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Begin and end, in UTC, of the calendar month there that holds the moment."""
    first = local_date(moment, zone).replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    return start_of_day(first, zone), start_of_day(following, zone)


def _day_in_month(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))
