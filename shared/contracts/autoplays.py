"""Topic `tickets`: what happens to AutoPlays, the recurring purchases. Written by the tickets service."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from shared.contracts.base import (
    Contract,
    Currency,
    CustomerEvent,
    Identifier,
    LongText,
    MinorUnits,
    Moment,
    PaymentMethod,
    ShortText,
)

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
DrawNumber = Annotated[int, Field(ge=0, le=2_000_000_000)]


class AutoplaySchedule(Contract):
    """Which draws are played; only the fields of its cadence are there."""

    cadence: Literal["every_draw", "weekdays", "every_nth", "monthly"]
    weekdays: list[Weekday] | None = None
    every: Annotated[int, Field(ge=1, le=1000)] | None = None
    day_of_month: Annotated[int, Field(ge=1, le=31)] | None = None


class AutoplayTerms(Contract):
    """What an AutoPlay buys: `games` tickets for each draw. The spending limit is for a calendar month."""

    lottery: ShortText
    offer_id: Identifier
    games: Annotated[int, Field(ge=1, le=1000)]
    schedule: AutoplaySchedule
    payment_method: PaymentMethod
    spending_limit: MinorUnits | None = None


class _Autoplay(CustomerEvent):
    autoplay_id: Identifier
    occurred_at: Moment
    actor: ShortText


_BASE: dict[str, Any] = {
    "customer_id": "cus-1001",
    "autoplay_id": "auto-0199a1f0-0000-7000-8000-000000000004",
    "occurred_at": "2026-11-22T10:00:00Z",
    "actor": "agent-7",
}
_TERMS: dict[str, Any] = {
    "lottery": "Saturday Lotto",
    "offer_id": "book-6",
    "games": 1,
    "schedule": {"cadence": "weekdays", "weekdays": ["saturday"]},
    "payment_method": "card",
    "spending_limit": 5000,
}
_DRAW: dict[str, Any] = {"lottery": "Saturday Lotto", "draw_number": 4521}
_ORDER_ID = "ap-5f1f6c1e-7a41-5a39-8a52-2f8a2f4b9c11"
_BY_SERVICE = _BASE | {"actor": "recourse/tickets"}


class AutoplayCreated(_Autoplay):
    """A customer's purchases repeat themselves from now on."""

    type: ClassVar[str] = "recourse.autoplay.created.v1"
    topic: ClassVar[str] = "tickets"
    example: ClassVar[dict[str, Any]] = _BASE | {"terms": _TERMS}

    terms: AutoplayTerms


class AutoplayChanged(_Autoplay):
    """The terms are others from now on."""

    type: ClassVar[str] = "recourse.autoplay.changed.v1"
    topic: ClassVar[str] = "tickets"
    example: ClassVar[dict[str, Any]] = _BASE | {"terms": _TERMS | {"games": 2}, "reason": "Customer asked for it"}

    terms: AutoplayTerms
    reason: LongText | None = None


class AutoplayPaused(_Autoplay):
    """Nothing is bought until `until`, or until somebody resumes it. `code` is `paused` or `payment_failed`."""

    type: ClassVar[str] = "recourse.autoplay.paused.v1"
    topic: ClassVar[str] = "tickets"
    example: ClassVar[dict[str, Any]] = _BASE | {
        "code": "paused",
        "reason": "Customer is on holiday",
        "until": "2026-12-31T14:00:00Z",
    }

    code: Identifier
    reason: LongText | None = None
    until: Moment | None = None


class AutoplayResumed(_Autoplay):
    """It buys again: somebody resumed it, or its pause has ended."""

    type: ClassVar[str] = "recourse.autoplay.resumed.v1"
    topic: ClassVar[str] = "tickets"
    example: ClassVar[dict[str, Any]] = _BASE | {"reason": "Back from holiday"}

    reason: LongText | None = None


class AutoplaySkipped(_Autoplay):
    """One draw is left out at the customer's wish."""

    type: ClassVar[str] = "recourse.autoplay.skipped.v1"
    topic: ClassVar[str] = "tickets"
    example: ClassVar[dict[str, Any]] = _BASE | _DRAW | {"reason": "Customer asked for it"}

    lottery: ShortText
    draw_number: DrawNumber
    reason: LongText | None = None


class AutoplayCancelled(_Autoplay):
    """It has ended for good. `code` is `cancelled` or `payment_failed`."""

    type: ClassVar[str] = "recourse.autoplay.cancelled.v1"
    topic: ClassVar[str] = "tickets"
    example: ClassVar[dict[str, Any]] = _BASE | {"code": "cancelled", "reason": "Customer moves abroad"}

    code: Identifier
    reason: LongText | None = None


class AutoplayRan(_Autoplay):
    """Tickets of a draw are ordered under `order_id`; `attempt` counts from 1. The order has its own events."""

    type: ClassVar[str] = "recourse.autoplay.ran.v1"
    topic: ClassVar[str] = "tickets"
    example: ClassVar[dict[str, Any]] = (
        _BY_SERVICE | _DRAW | {"order_id": _ORDER_ID, "attempt": 1, "cost": 1000, "currency": "AUD"}
    )

    lottery: ShortText
    draw_number: DrawNumber
    order_id: Identifier
    attempt: Annotated[int, Field(ge=1, le=1000)]
    cost: MinorUnits
    currency: Currency


class AutoplayNotRun(_Autoplay):
    """A draw that it plays was not bought: `code` is stable, `reason` is for people."""

    type: ClassVar[str] = "recourse.autoplay.not_run.v1"
    topic: ClassVar[str] = "tickets"
    example: ClassVar[dict[str, Any]] = (
        _BY_SERVICE | _DRAW | {"code": "draw_closed", "reason": "Draw 4521 closed before its tickets were bought"}
    )

    lottery: ShortText
    draw_number: DrawNumber
    code: Identifier
    reason: LongText


class AutoplayPaymentFailed(_Autoplay):
    """Accounts refused to book an order of it. Without `next_attempt_at` it is not tried again."""

    type: ClassVar[str] = "recourse.autoplay.payment_failed.v1"
    topic: ClassVar[str] = "tickets"
    example: ClassVar[dict[str, Any]] = (
        _BY_SERVICE
        | _DRAW
        | {
            "order_id": _ORDER_ID,
            "attempt": 1,
            "code": "insufficient_balance",
            "reason": "The balance of 5.00 does not cover 10.00",
            "next_attempt_at": "2026-11-22T11:00:00Z",
        }
    )

    lottery: ShortText
    draw_number: DrawNumber
    order_id: Identifier
    attempt: Annotated[int, Field(ge=1, le=1000)]
    code: Identifier
    reason: LongText
    next_attempt_at: Moment | None = None
