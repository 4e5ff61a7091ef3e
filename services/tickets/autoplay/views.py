"""AutoPlays, their runs and their timelines as HTTP shows them."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field

from services.tickets.autoplay.domain import Autoplay, PaymentMethod, State
from services.tickets.autoplay.outlook import Outlook
from services.tickets.autoplay.runs import Run, RunState
from services.tickets.autoplay.schedule import Cadence, Schedule, Weekday
from services.tickets.autoplay.store import TimelineEntry
from shared.web import Personal, ResponseModel


class ScheduleView(ResponseModel):
    """Which draws are played; what its cadence does not use is null."""

    cadence: Cadence
    weekdays: list[Weekday] | None
    every: int | None
    first_draw_number: int | None
    day_of_month: int | None

    @classmethod
    def of(cls, schedule: Schedule) -> Self:
        """The schedule as it is shown."""
        cadence = schedule.cadence
        nth = cadence is Cadence.EVERY_NTH
        return cls(
            cadence=cadence,
            weekdays=list(schedule.weekdays) if cadence is Cadence.WEEKDAYS else None,
            every=schedule.every if nth else None,
            first_draw_number=schedule.first_draw_number if nth else None,
            day_of_month=schedule.day_of_month if cadence is Cadence.MONTHLY else None,
        )


class AutoplaySummary(ResponseModel):
    """An AutoPlay as it stands. `code` and `reason` say why it does not run; `resumes_at` ends a pause."""

    autoplay_id: str
    customer_id: str
    status: State
    lottery: str
    offer_id: str
    games: int
    schedule: ScheduleView
    payment_method: PaymentMethod
    spending_limit: int | None
    created_at: datetime
    resumes_at: datetime | None
    code: str | None
    reason: Annotated[str | None, Personal("prose")]


class NextRun(ResponseModel):
    """The draw that is bought next, since when it is due, and what it costs at today's price, in minor units."""

    draw_number: int
    draw_at: datetime
    draw_closes_at: datetime
    runs_at: datetime
    cost: int | None = Field(description="Null while the offer is not sold.")
    currency: str | None
    exceeds_spending_limit: bool


class AutoplayDetail(AutoplaySummary):
    """An AutoPlay with what comes next; `next_run` is null when it does not run or no draw is known."""

    time_zone: str = Field(description="The one that counts: its own, its customer's or the default.")
    spent_this_month: int = Field(description="Minor units, in the calendar month of the time zone.")
    next_run: NextRun | None


class RunView(ResponseModel):
    """One draw that was bought, missed or skipped. `cost` is in minor units; `code` and `reason` say why not paid."""

    draw_number: int
    draw_at: datetime
    draw_closes_at: datetime
    status: RunState
    at: datetime
    attempts: int
    order_id: str | None = Field(description="Of the latest attempt.")
    cost: int
    currency: str | None
    next_attempt_at: datetime | None
    code: str | None
    reason: Annotated[str | None, Personal("prose")]

    @classmethod
    def of(cls, run: Run) -> Self:
        """The run as it is shown."""
        return cls(
            draw_number=run.draw.number,
            draw_at=run.draw.draw_at,
            draw_closes_at=run.draw.closes_at,
            status=run.state,
            at=run.at,
            attempts=run.attempts,
            order_id=run.order_id,
            cost=run.cost,
            currency=run.currency,
            next_attempt_at=run.next_attempt_at,
            code=run.code,
            reason=run.reason,
        )


class AutoplayTimelineItem(ResponseModel):
    """One thing that happened to an AutoPlay; the draw and the order are there when it is about one."""

    sequence: int
    status: State
    event: str = Field(description="`created`, or what happened afterwards.")
    occurred_at: datetime
    recorded_at: datetime
    actor: str = Field(description="The agent who did it, or the system that reported it.")
    code: str | None
    reason: Annotated[str | None, Personal("prose")]
    draw_number: int | None
    order_id: str | None
    before: dict[str, Any] = Field(description="What a change, or a pause, made different, as it was.")
    after: dict[str, Any] = Field(description="The same as it is since; of a new one all its terms.")

    @classmethod
    def of(cls, entry: TimelineEntry) -> Self:
        """The entry as it is shown."""
        return cls(
            sequence=entry.version,
            status=entry.state,
            event=entry.event,
            occurred_at=entry.occurred_at,
            recorded_at=entry.recorded_at,
            actor=entry.actor,
            code=entry.code,
            reason=entry.reason,
            draw_number=entry.draw_number,
            order_id=entry.order_id,
            before=entry.before,
            after=entry.after,
        )


def summary_of(autoplay: Autoplay) -> AutoplaySummary:
    """The AutoPlay as a list shows it."""
    terms = autoplay.terms
    return AutoplaySummary(
        autoplay_id=autoplay.autoplay_id,
        customer_id=autoplay.customer_id,
        status=autoplay.state,
        lottery=terms.lottery,
        offer_id=terms.offer_id,
        games=terms.games,
        schedule=ScheduleView.of(terms.schedule),
        payment_method=terms.payment_method,
        spending_limit=terms.spending_limit,
        created_at=autoplay.created_at,
        resumes_at=autoplay.resume_at,
        code=autoplay.code,
        reason=autoplay.reason,
    )


def detail_of(autoplay: Autoplay, outlook: Outlook) -> AutoplayDetail:
    """The AutoPlay in full."""
    return AutoplayDetail(
        **dict(summary_of(autoplay)),
        time_zone=outlook.zone.key,
        spent_this_month=outlook.spent,
        next_run=NextRun.model_validate(outlook.next_run) if outlook.next_run else None,
    )
