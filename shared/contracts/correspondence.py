"""Topic `correspondence`: requests of any service to tell a customer something."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StringConstraints

from shared.contracts.base import NO_NUL, CustomerEvent, Identifier, Moment

TemplateValue = Annotated[str, StringConstraints(max_length=2000, pattern=NO_NUL)] | int | bool | None


class CorrespondenceRequested(CustomerEvent):
    """Tell a customer something, once for each idempotency key."""

    type: ClassVar[str] = "recourse.correspondence.requested.v1"
    topic: ClassVar[str] = "correspondence"
    example: ClassVar[dict[str, Any]] = {
        "customer_id": "cus-1001",
        "idempotency_key": "draw-result:4521:cus-1001",
        "requested_at": "2026-11-28T10:00:00Z",
        "template": "plain_message",
        "data": {"subject": "Your draw results", "text": "Draw 4521 of Saturday Lotto has been drawn."},
        "channels": ["email"],
    }

    idempotency_key: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NO_NUL)]
    requested_at: Moment
    template: Identifier
    data: Annotated[dict[str, TemplateValue], Field(max_length=50)]
    channels: Annotated[list[Literal["email"]], Field(min_length=1, max_length=5)]
