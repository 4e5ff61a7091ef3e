"""The states of a draw: a total table, and the clock that moves it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tickets.draws.domain import (
    DRAW_TRANSITIONS,
    Draw,
    DrawEvent,
    DrawRefused,
    DrawState,
    decide,
)

pytestmark = pytest.mark.requirement("T9")

START = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = st.integers(min_value=-100, max_value=100).map(lambda hours: START + timedelta(hours=hours))


def draw(opens_at: datetime | None, closes_at: datetime, outcome: DrawState | None = None) -> Draw:
    decided = START if outcome else None
    return Draw(
        "Saturday Lotto", 1, opens_at, closes_at, closes_at + timedelta(hours=1), outcome, decided,
        "agent" if outcome else None, None, "api", 1, START, START,
    )  # fmt: skip


def test_every_state_has_an_answer_to_every_event() -> None:
    assert {state: set(events) for state, events in DRAW_TRANSITIONS.items()} == {
        state: set(DrawEvent) for state in DrawState
    }


@given(opens_at=st.none() | HOURS, closes_at=HOURS, now=HOURS)
def test_the_clock_says_where_an_undecided_draw_stands(
    opens_at: datetime | None, closes_at: datetime, now: datetime
) -> None:
    if now >= closes_at:
        expected = DrawState.CLOSED
    elif opens_at is not None and now < opens_at:
        expected = DrawState.SCHEDULED
    else:
        expected = DrawState.OPEN
    assert draw(opens_at, closes_at).state(now) is expected


@given(
    opens_at=st.none() | HOURS, closes_at=HOURS, now=HOURS,
    outcome=st.sampled_from([DrawState.DRAWN, DrawState.CANCELLED]),
)  # fmt: skip
def test_what_was_decided_no_clock_changes(
    opens_at: datetime | None, closes_at: datetime, now: datetime, outcome: DrawState
) -> None:
    assert draw(opens_at, closes_at, outcome).state(now) is outcome


@given(opens_at=st.none() | HOURS, closes_at=HOURS, moments=st.lists(HOURS, min_size=2))
def test_time_moves_a_draw_forward_only(
    opens_at: datetime | None, closes_at: datetime, moments: list[datetime]
) -> None:
    order = [DrawState.SCHEDULED, DrawState.OPEN, DrawState.CLOSED]
    places = [order.index(draw(opens_at, closes_at).state(moment)) for moment in sorted(moments)]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("outcome", "now", "event", "refusal"),
    [
        (None, -2, DrawEvent.DRAWN, DrawRefused.NOT_CLOSED),
        (None, -1, DrawEvent.DRAWN, DrawRefused.NOT_CLOSED),
        (None, 0, DrawEvent.DRAWN, None),
        (None, -2, DrawEvent.CANCELLED, None),
        (None, 0, DrawEvent.CANCELLED, None),
        (None, 0, DrawEvent.RESCHEDULED, None),
        (DrawState.DRAWN, 0, DrawEvent.CANCELLED, DrawRefused.ALREADY_DRAWN),
        (DrawState.DRAWN, 0, DrawEvent.DRAWN, DrawRefused.ALREADY_DRAWN),
        (DrawState.CANCELLED, 0, DrawEvent.RESCHEDULED, DrawRefused.ALREADY_CANCELLED),
        (DrawState.CANCELLED, 0, DrawEvent.CANCELLED, DrawRefused.ALREADY_CANCELLED),
    ],
)
def test_what_somebody_wants_is_refused_by_the_table(
    outcome: DrawState | None, now: int, event: DrawEvent, refusal: DrawRefused | None
) -> None:
    moment = START + timedelta(hours=now)
    assert decide(draw(START - timedelta(hours=1), START, outcome), event, moment) is refusal
