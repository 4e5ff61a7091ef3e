"""The runs of an AutoPlay, one for each draw that it meets: bought, settled, tried again, or not bought and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from services.tickets.autoplay.domain import Autoplay
from services.tickets.autoplay.schedule import Draw
from services.tickets.draws.domain import Offer

ORDER_PREFIX = "ap-"
DRAW_CLOSED = "draw_closed"
# What one order may cost at most, in minor units: the bound of amounts in events.
MOST = 1_000_000_000_000
_ORDERS = UUID("0199a1f0-5e2b-7c3d-9a41-6b1f0c8e2d55")


class RunState(StrEnum):
    """What became of an AutoPlay's draw: `pending` is bought and not settled, `retrying` is to be bought again."""

    PENDING = "pending"
    RETRYING = "retrying"
    PAID = "paid"
    FAILED = "failed"
    MISSED = "missed"
    SKIPPED = "skipped"


class RunEvent(StrEnum):
    """What can happen to a run. A refusal is that of its latest attempt; a payment counts whichever it is of."""

    CONFIRMED = "confirmed"
    REFUSED = "refused"
    REFUSED_FOR_GOOD = "refused_for_good"
    BOUGHT_AGAIN = "bought_again"
    GIVEN_UP = "given_up"
    DRAW_CLOSED = "draw_closed"


# None: nothing changes. Only what is refused is bought again, so nothing is paid twice.
RUN_TRANSITIONS: Mapping[RunState, Mapping[RunEvent, RunState | None]] = {
    RunState.PENDING: {
        RunEvent.CONFIRMED: RunState.PAID,
        RunEvent.REFUSED: RunState.RETRYING,
        RunEvent.REFUSED_FOR_GOOD: RunState.FAILED,
        RunEvent.BOUGHT_AGAIN: None,
        RunEvent.GIVEN_UP: None,
        RunEvent.DRAW_CLOSED: None,
    },
    RunState.RETRYING: {
        RunEvent.CONFIRMED: RunState.PAID,
        RunEvent.REFUSED: None,
        RunEvent.REFUSED_FOR_GOOD: None,
        RunEvent.BOUGHT_AGAIN: RunState.PENDING,
        RunEvent.GIVEN_UP: RunState.FAILED,
        RunEvent.DRAW_CLOSED: RunState.MISSED,
    },
    RunState.PAID: dict.fromkeys(RunEvent),
    RunState.FAILED: dict.fromkeys(RunEvent) | {RunEvent.CONFIRMED: RunState.PAID},
    RunState.MISSED: dict.fromkeys(RunEvent) | {RunEvent.CONFIRMED: RunState.PAID},
    RunState.SKIPPED: dict.fromkeys(RunEvent),
}


@dataclass(frozen=True, slots=True)
class Run:
    """One draw of an AutoPlay. `cost` is in minor units; `order_id` is the latest of its `attempts`, if any.

    `code` and `reason` say why it was not bought or not paid.
    """

    autoplay_id: str
    customer_id: str
    draw: Draw
    state: RunState
    at: datetime
    attempts: int = 0
    order_id: str | None = None
    cost: int = 0
    currency: str | None = None
    next_attempt_at: datetime | None = None
    code: str | None = None
    reason: str | None = None

    @property
    def came_too_late(self) -> bool:
        """Whether it was missed because its draw had closed: it is bought when the draw takes tickets again."""
        return self.state is RunState.MISSED and self.code == DRAW_CLOSED and self.attempts == 0

    def bought(self, at: datetime, cost: int, currency: str) -> "Run":
        """The run with one more attempt, whose order has an id that nothing else can have."""
        attempt = self.attempts + 1
        order_id = order_id_of(self.autoplay_id, self.draw, attempt)
        return replace(
            self, state=RunState.PENDING, at=at, attempts=attempt, order_id=order_id, cost=cost, currency=currency,
            next_attempt_at=None, code=None, reason=None,
        )  # fmt: skip

    def after(self, event: RunEvent, *, code: str | None = None, reason: str | None = None) -> "Run | None":
        """The run after the event, None when that changes nothing."""
        state = RUN_TRANSITIONS[self.state][event]
        return None if state is None else replace(self, state=state, next_attempt_at=None, code=code, reason=reason)


class AfterFailure(StrEnum):
    """What becomes of an AutoPlay whose payment is refused for the last time."""

    PAUSE = "pause"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a refused payment is tried again: so long after each refusal, as long as the draw takes tickets."""

    delays: tuple[timedelta, ...]
    after_failure: AfterFailure = AfterFailure.PAUSE

    def next_attempt_at(self, run: Run, refused_at: datetime) -> datetime | None:
        """When to buy again after the latest attempt was refused, None for never."""
        if run.attempts > len(self.delays):
            return None
        moment = refused_at + self.delays[run.attempts - 1]
        return moment if moment < run.draw.closes_at else None

    def refuse(
        self, run: Run, attempt: int, refused_at: datetime, *, code: str, reason: str, stopped: bool
    ) -> Run | None:
        """The run after accounts refused an attempt, None when that is not its latest one or is known.

        It is tried no more when the AutoPlay has `stopped` for good.
        """
        if attempt != run.attempts:
            return None
        again = None if stopped else self.next_attempt_at(run, refused_at)
        event = RunEvent.REFUSED_FOR_GOOD if again is None else RunEvent.REFUSED
        after = run.after(event, code=code, reason=reason)
        return None if after is None else replace(after, next_attempt_at=again)


@dataclass(frozen=True, slots=True)
class RunContext:
    """What a decision about one AutoPlay needs to know besides it; `spent` is that of its calendar month.

    `met` are the draws around now that it bought or skipped, or that were left out; only a monthly schedule asks.
    """

    now: datetime
    zone: ZoneInfo
    draws: Sequence[Draw]
    offer: Offer | None
    spent: int
    customer_active: bool
    met: Sequence[Draw] = ()


@dataclass(frozen=True, slots=True)
class NotRun:
    """Why a draw that the schedule plays is not bought: `code` is stable, `reason` is for people."""

    code: str
    reason: str


def order_id_of(autoplay_id: str, draw: Draw, attempt: int) -> str:
    """The purchase id of an attempt: whoever computes it gets the same."""
    return f"{ORDER_PREFIX}{uuid5(_ORDERS, f'{autoplay_id}/{draw.lottery}/{draw.number}/{attempt}')}"


def plays(autoplay: Autoplay, draw: Draw, context: RunContext) -> bool:
    """Whether the draw is one of the AutoPlay's: it runs since before the draw closed, and its schedule says so."""
    return (
        autoplay.runs
        and draw.closes_at > autoplay.running_since
        and autoplay.terms.schedule.plays(draw, context.draws, context.zone, met=context.met)
    )


def offer_for(autoplay: Autoplay, draw: Draw, context: RunContext) -> Offer | NotRun:
    """The offer to buy for a draw that is played, or why it is not bought."""
    if draw.closes_at <= context.now:
        return NotRun(DRAW_CLOSED, f"Draw {draw.number} closed before its tickets were bought")
    if not context.customer_active:
        return NotRun("customer_not_active", "The customer is suspended or closed")
    offer, limit = context.offer, autoplay.terms.spending_limit
    if offer is None or not offer.active:
        return NotRun("offer_unavailable", f"The offer {autoplay.terms.offer_id} is not sold")
    cost = offer.price * autoplay.terms.games
    if cost > MOST or (limit is not None and context.spent + cost > limit):
        return NotRun("spending_limit", "The cost exceeds what is left of the spending limit of this calendar month")
    return offer
