"""What requests about AutoPlays say."""

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from services.tickets.autoplay.domain import PaymentMethod, State, Terms
from services.tickets.autoplay.schedule import Cadence, Schedule, Weekday
from shared.contracts.base import Identifier, ShortText
from shared.web import PageQuery, Prose, RequestModel, refuse_nulls

Games = Annotated[int, Field(ge=1, le=100, description="Tickets of the offer for each draw.")]
Limit = Annotated[int, Field(ge=0, le=10**12, description="Minor units for a calendar month; null for no limit.")]
ZoneName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._+/-]+$")]


class AutoplayPath(RequestModel):
    """Names an AutoPlay."""

    autoplay_id: Identifier


class AutoplayQuery(PageQuery):
    """Which AutoPlays of a customer."""

    status: State | None = Field(default=None, description="Only those of this status.")


class EveryDraw(RequestModel):
    """Every draw of the lottery."""

    cadence: Literal["every_draw"]


class OnWeekdays(RequestModel):
    """Draws held on these days of the week, by the calendar of the time zone."""

    cadence: Literal["weekdays"]
    weekdays: Annotated[set[Weekday], Field(min_length=1, max_length=7)]


class EveryNth(RequestModel):
    """Each draw whose number is a multiple of `every` away from the first, which is the next draw unless given."""

    cadence: Literal["every_nth"]
    every: Annotated[int, Field(ge=1, le=1000)]
    first_draw_number: Annotated[int, Field(ge=0, le=2_000_000_000)] | None = None


class Monthly(RequestModel):
    """Once a month the first draw held on that day or later; in a shorter month its last day counts."""

    cadence: Literal["monthly"]
    day_of_month: Annotated[int, Field(ge=1, le=31)]


ScheduleBody = Annotated[EveryDraw | OnWeekdays | EveryNth | Monthly, Field(discriminator="cadence")]


class NewAutoplay(RequestModel):
    """What is to be bought from now on. Without a time zone the customer's counts."""

    lottery: ShortText
    offer_id: Identifier
    games: Games = 1
    schedule: ScheduleBody
    payment_method: PaymentMethod
    spending_limit: Limit | None = None
    time_zone: ZoneName | None = None

    def terms(self) -> Terms:
        """The same for the domain."""
        return Terms(
            lottery=self.lottery,
            offer_id=self.offer_id,
            games=self.games,
            schedule=schedule_of(self.schedule),
            payment_method=self.payment_method,
            spending_limit=self.spending_limit,
            time_zone=self.time_zone,
        )


class AutoplayChanges(RequestModel):
    """What is to be different; what is not given stays. A null takes the limit, or the time zone, away."""

    offer_id: Identifier | None = None
    games: Games | None = None
    schedule: ScheduleBody | None = None
    payment_method: PaymentMethod | None = None
    spending_limit: Limit | None = None
    time_zone: ZoneName | None = None
    reason: Prose | None = None

    @model_validator(mode="after")
    def _some_cannot_be_taken_away(self) -> Self:
        refuse_nulls(self, "offer_id", "games", "schedule", "payment_method")
        return self

    def values(self) -> dict[str, Any]:
        """The terms that are given, by their names."""
        given = {name: getattr(self, name) for name in self.model_fields_set - {"reason"}}
        if self.schedule is not None:
            given["schedule"] = schedule_of(self.schedule)
        return given


class PauseRequest(RequestModel):
    """Why, and until when: it runs again from the beginning of that day, or when somebody resumes it."""

    reason: Prose | None = None
    until: date | None = Field(default=None, description="By the calendar of the time zone; null for open-ended.")


class ActionRequest(RequestModel):
    """Why, if there is something to say."""

    reason: Prose | None = None


class CancelRequest(RequestModel):
    """Why it ends for good."""

    reason: Prose


def schedule_of(body: EveryDraw | OnWeekdays | EveryNth | Monthly) -> Schedule:
    """The schedule that a body asks for."""
    cadence = Cadence(body.cadence)
    match body:
        case OnWeekdays():
            return Schedule(cadence, weekdays=tuple(day for day in Weekday if day in body.weekdays))
        case EveryNth():
            return Schedule(cadence, every=body.every, first_draw_number=body.first_draw_number)
        case Monthly():
            return Schedule(cadence, day_of_month=body.day_of_month)
        case _:
            return Schedule(cadence)
