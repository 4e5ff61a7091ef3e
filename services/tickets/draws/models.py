"""What requests about lotteries, draws and offers say, and how these are shown."""

from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from services.tickets.draws.domain import Draw, DrawState, Lottery, Offer
from shared.contracts.base import Identifier, KnownCurrency, ShortText
from shared.web import (
    ConfirmFlag,
    Instant,
    PageQuery,
    Personal,
    Prose,
    RequestModel,
    ResponseModel,
    refuse_nulls,
    require_order,
)

Minutes = Annotated[int, Field(ge=0, le=60 * 24 * 31, description="Minutes before a draw closes.")]
# What begins or ends with a space is not what a purchase will name.
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\s\x00]([^\x00]*[^\s\x00])?$")]
Price = Annotated[int, Field(ge=0, le=10**12, description="Minor units of the currency.")]
Number = Annotated[int, Field(ge=0, le=2_000_000_000)]
Origin = Literal["event", "api"]


class LotteryPath(RequestModel):
    """Names a lottery by its id."""

    lottery_id: Identifier


class DrawPath(LotteryPath):
    """Names a draw of a lottery."""

    draw_number: Number


class OfferPath(LotteryPath):
    """Names an offer of a lottery."""

    offer_id: Identifier


class LotteryView(ResponseModel):
    """A lottery. Its tickets can be cancelled until `cancellation_window_minutes` before their draw closes."""

    lottery_id: str
    name: str
    description: str | None
    cancellation_window_minutes: int
    origin: Origin = Field(description="`event`: only learned from purchases; `api`: set here.")
    created_at: datetime
    changed_at: datetime

    @classmethod
    def of(cls, lottery: Lottery) -> Self:
        """The lottery as it is shown."""
        return cls(
            lottery_id=lottery.lottery_id,
            name=lottery.lottery,
            description=lottery.description,
            cancellation_window_minutes=int(lottery.cancellation_window / timedelta(minutes=1)),
            origin="api" if lottery.origin == "api" else "event",
            created_at=lottery.created_at,
            changed_at=lottery.changed_at,
        )


class LotteryQuery(PageQuery):
    """Which lotteries to list."""

    name: ShortText | None = Field(default=None, description="Only the lottery of this exact name.")


class NewLottery(RequestModel):
    """A lottery, under the name that purchases give it."""

    name: Name
    description: Prose | None = None
    cancellation_window_minutes: Minutes = 0


class LotteryChanges(RequestModel):
    """What is to change; what is not given stays."""

    description: Prose | None = None
    cancellation_window_minutes: Minutes | None = None

    @model_validator(mode="after")
    def _some_cannot_be_taken_away(self) -> Self:
        refuse_nulls(self, "cancellation_window_minutes")
        return self


class DrawView(ResponseModel):
    """A draw. The clock opens and closes it by its times; somebody says that it was drawn or cancelled."""

    lottery_id: str
    lottery: str
    draw_number: int
    state: DrawState
    opens_at: datetime | None = Field(description="Null: it was open from the beginning.")
    closes_at: datetime
    draw_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    reason: Annotated[str | None, Personal("prose")]
    origin: Origin
    created_at: datetime
    changed_at: datetime

    @classmethod
    def of(cls, lottery: Lottery, draw: Draw, now: datetime) -> Self:
        """The draw as it stands at a moment."""
        return cls(
            lottery_id=lottery.lottery_id,
            lottery=draw.lottery,
            draw_number=draw.draw_number,
            state=draw.state(now),
            opens_at=draw.opens_at,
            closes_at=draw.closes_at,
            draw_at=draw.draw_at,
            decided_at=draw.decided_at,
            decided_by=draw.decided_by,
            reason=draw.reason,
            origin="api" if draw.origin == "api" else "event",
            created_at=draw.created_at,
            changed_at=draw.changed_at,
        )


class NewDraw(RequestModel):
    """A draw: `opens_at` before `closes_at`, and not closed later than drawn."""

    draw_number: Number
    opens_at: Instant | None = None
    closes_at: Instant
    draw_at: Instant


class DrawChanges(RequestModel):
    """Times that are to change; what is not given stays, and `opens_at` null opens it from the beginning."""

    opens_at: Instant | None = None
    closes_at: Instant | None = None
    draw_at: Instant | None = None

    @model_validator(mode="after")
    def _some_cannot_be_taken_away(self) -> Self:
        refuse_nulls(self, "closes_at", "draw_at")
        return self


class DrawQuery(PageQuery):
    """Which draws to list."""

    state: DrawState | None = None
    since: Instant | None = Field(default=None, description="Drawn at this time or later.")
    until: Instant | None = Field(default=None, description="Drawn before this time.")

    _in_order = require_order(("since", "until"))


class DrawAction(RequestModel):
    """An explicit confirmation, and why."""

    reason: Prose | None = None
    confirm: ConfirmFlag = Field(description="Must be true: this cannot be taken back.")


class OfferView(ResponseModel):
    """A game offer of a lottery; `price` is in minor units of `currency`."""

    lottery_id: str
    lottery: str
    offer_id: str
    label: str
    price: int
    currency: str
    active: bool = Field(description="Whether it is still on sale.")
    origin: Origin
    created_at: datetime
    changed_at: datetime

    @classmethod
    def of(cls, lottery: Lottery, offer: Offer) -> Self:
        """The offer as it is shown."""
        return cls(
            lottery_id=lottery.lottery_id,
            lottery=offer.lottery,
            offer_id=offer.offer_id,
            label=offer.label,
            price=offer.price,
            currency=offer.currency,
            active=offer.active,
            origin="api" if offer.origin == "api" else "event",
            created_at=offer.created_at,
            changed_at=offer.changed_at,
        )


class NewOffer(RequestModel):
    """A game offer, under the id that purchases give it."""

    offer_id: Identifier
    label: ShortText
    price: Price
    currency: KnownCurrency


class OfferChanges(RequestModel):
    """What is to change; what is not given stays."""

    label: ShortText | None = None
    price: Price | None = None
    currency: KnownCurrency | None = None
    active: bool | None = None

    @model_validator(mode="after")
    def _some_cannot_be_taken_away(self) -> Self:
        refuse_nulls(self, "label", "price", "currency", "active")
        return self


class OfferQuery(PageQuery):
    """Which offers to list."""

    active: bool | None = None
