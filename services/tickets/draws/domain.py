"""The state of a draw: one total table of states and what can happen to a draw."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class DrawState(StrEnum):
    """Where a draw stands. The clock opens and closes it; that it was drawn or cancelled somebody says."""

    SCHEDULED = "scheduled"
    OPEN = "open"
    CLOSED = "closed"
    DRAWN = "drawn"
    CANCELLED = "cancelled"


class DrawEvent(StrEnum):
    """What can happen to a draw."""

    OPENING_TIME = "opening_time"
    CLOSING_TIME = "closing_time"
    RESCHEDULED = "rescheduled"
    DRAWN = "drawn"
    CANCELLED = "cancelled"


class ByClock(StrEnum):
    """A result that only the times of the draw can tell."""

    TIMES_DECIDE = "times_decide"


class DrawKept(StrEnum):
    """Why a moment that passes changes nothing."""

    PAST = "past"
    DECIDED = "decided"


class DrawRefused(StrEnum):
    """Why an action is refused; the code that its sender gets."""

    NOT_CLOSED = "draw_not_closed"
    ALREADY_DRAWN = "draw_already_drawn"
    ALREADY_CANCELLED = "draw_already_cancelled"


DrawDecision = DrawState | ByClock | DrawKept | DrawRefused

DRAW_TRANSITIONS: Mapping[DrawState, Mapping[DrawEvent, DrawDecision]] = {
    DrawState.SCHEDULED: {
        DrawEvent.OPENING_TIME: DrawState.OPEN,
        DrawEvent.CLOSING_TIME: DrawState.CLOSED,
        DrawEvent.RESCHEDULED: ByClock.TIMES_DECIDE,
        DrawEvent.DRAWN: DrawRefused.NOT_CLOSED,
        DrawEvent.CANCELLED: DrawState.CANCELLED,
    },
    DrawState.OPEN: {
        DrawEvent.OPENING_TIME: DrawKept.PAST,
        DrawEvent.CLOSING_TIME: DrawState.CLOSED,
        DrawEvent.RESCHEDULED: ByClock.TIMES_DECIDE,
        DrawEvent.DRAWN: DrawRefused.NOT_CLOSED,
        DrawEvent.CANCELLED: DrawState.CANCELLED,
    },
    DrawState.CLOSED: {
        DrawEvent.OPENING_TIME: DrawKept.PAST,
        DrawEvent.CLOSING_TIME: DrawKept.PAST,
        DrawEvent.RESCHEDULED: ByClock.TIMES_DECIDE,
        DrawEvent.DRAWN: DrawState.DRAWN,
        DrawEvent.CANCELLED: DrawState.CANCELLED,
    },
    DrawState.DRAWN: {
        DrawEvent.OPENING_TIME: DrawKept.DECIDED,
        DrawEvent.CLOSING_TIME: DrawKept.DECIDED,
        DrawEvent.RESCHEDULED: DrawRefused.ALREADY_DRAWN,
        DrawEvent.DRAWN: DrawRefused.ALREADY_DRAWN,
        DrawEvent.CANCELLED: DrawRefused.ALREADY_DRAWN,
    },
    DrawState.CANCELLED: {
        DrawEvent.OPENING_TIME: DrawKept.DECIDED,
        DrawEvent.CLOSING_TIME: DrawKept.DECIDED,
        DrawEvent.RESCHEDULED: DrawRefused.ALREADY_CANCELLED,
        DrawEvent.DRAWN: DrawRefused.ALREADY_CANCELLED,
        DrawEvent.CANCELLED: DrawRefused.ALREADY_CANCELLED,
    },
}


@dataclass(frozen=True, slots=True)
class Lottery:
    """A lottery, known by its name. `version` grows with each edit."""

    lottery: str
    lottery_id: str
    description: str | None
    cancellation_window: timedelta
    origin: str
    version: int
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Draw:
    """A draw of a lottery: open from `opens_at` (None: always was) until `closes_at`, drawn at `draw_at`."""

    lottery: str
    draw_number: int
    opens_at: datetime | None
    closes_at: datetime
    draw_at: datetime
    outcome: DrawState | None
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None
    origin: str
    version: int
    created_at: datetime
    changed_at: datetime

    def state(self, now: datetime) -> DrawState:
        """Where the draw stands at a moment: its times let pass, one after the other."""
        state = self.outcome or (DrawState.OPEN if self.opens_at is None else DrawState.SCHEDULED)
        if self.opens_at is not None and now >= self.opens_at:
            state = _passed(state, DrawEvent.OPENING_TIME)
        if now >= self.closes_at:
            state = _passed(state, DrawEvent.CLOSING_TIME)
        return state


@dataclass(frozen=True, slots=True)
class Offer:
    """A game offer of a lottery, such as a book of six for ten dollars: `price`, in minor units, is what it costs."""

    lottery: str
    offer_id: str
    label: str
    price: int
    currency: str
    active: bool
    origin: str
    version: int
    created_at: datetime
    changed_at: datetime


def decide(draw: Draw, event: DrawEvent, now: datetime) -> DrawRefused | None:
    """Why what somebody wants to do with the draw is refused, None when it is not."""
    decision = DRAW_TRANSITIONS[draw.state(now)][event]
    return decision if isinstance(decision, DrawRefused) else None


def _passed(state: DrawState, event: DrawEvent) -> DrawState:
    decision = DRAW_TRANSITIONS[state][event]
    return decision if isinstance(decision, DrawState) else state
