"""Topic `loyalty`: points earned and taken back. Written by the loyalty service."""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from shared.contracts.base import CustomerEvent, Identifier, Moment, Points

SignedPoints = Annotated[int, Field(ge=-(10**15), le=10**15)]


class _PointsMoved(CustomerEvent):
    entry_id: Identifier
    occurred_at: Moment
    points: Points
    balance: SignedPoints
    order_id: Identifier
    ticket_id: Identifier


_EXAMPLE: dict[str, Any] = {
    "customer_id": "cus-1001",
    "entry_id": "0199a1f0-0000-7000-8000-000000000004",
    "occurred_at": "2026-11-22T09:30:02Z",
    "points": 10,
    "balance": 20,
    "order_id": "pur-20261122-0001",
    "ticket_id": "tic-1",
}


class PointsAwarded(_PointsMoved):
    """A paid ticket earned points."""

    type: ClassVar[str] = "recourse.points.awarded.v1"
    topic: ClassVar[str] = "loyalty"
    example: ClassVar[dict[str, Any]] = _EXAMPLE


class PointsClawedBack(_PointsMoved):
    """A cancelled ticket gave back the points that it had earned."""

    type: ClassVar[str] = "recourse.points.clawed_back.v1"
    topic: ClassVar[str] = "loyalty"
    example: ClassVar[dict[str, Any]] = _EXAMPLE | {"balance": 10}
