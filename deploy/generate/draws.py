"""The lotteries that are played, with a draw each week."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_EPOCH = datetime(2015, 1, 5, tzinfo=UTC)
_WEEK = timedelta(days=7)


class Lottery(NamedTuple):
    """A lottery: when its week's draw is, and what a ticket costs, in minor units."""

    name: str
    offset: timedelta
    offer_id: str
    offer_label: str
    price: int


LOTTERIES = (
    Lottery("Saturday Lotto", timedelta(days=5, hours=9, minutes=30), "book-6", "6 x ticket book $10.00", 1000),
    Lottery("Wednesday Lotto", timedelta(days=2, hours=9, minutes=30), "single", "Single ticket $5.00", 500),
    Lottery("Car Draw", timedelta(days=4, hours=9), "book-3", "3 x ticket book $20.00", 2000),
    Lottery("House Draw", timedelta(days=6, hours=9), "book-1", "Ticket book $15.00", 1500),
)


class Draw(NamedTuple):
    """A draw of a lottery."""

    number: int
    draw_at: datetime
    closes_at: datetime


def next_draw(lottery: Lottery, after: datetime) -> Draw:
    """The first draw that is still open at a moment."""
    hour = timedelta(hours=1)
    number = (after - _EPOCH - lottery.offset + hour) // _WEEK + 1
    draw_at = _EPOCH + lottery.offset + number * _WEEK
    return Draw(number, draw_at, draw_at - hour)


def draws_between(lottery: Lottery, start: datetime, end: datetime) -> list[Draw]:
    """All draws for which tickets can be bought from `start` to `end`."""
    draws = [next_draw(lottery, start)]
    while draws[-1].closes_at <= end:
        draws.append(next_draw(lottery, draws[-1].closes_at + timedelta(hours=2)))
    return draws
