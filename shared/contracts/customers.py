"""Topic `customers` (compacted): the current public details of each customer. Written by accounts."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from shared.contracts.base import (
    CustomerEvent,
    EmailAddress,
    Language,
    Moment,
    PhoneNumber,
    ShortText,
)


class CustomerChanged(CustomerEvent):
    """A customer as it is now. `version` grows with each change: an older one never replaces a newer."""

    type: ClassVar[str] = "recourse.customer.changed.v1"
    topic: ClassVar[str] = "customers"
    example: ClassVar[dict[str, Any]] = {
        "customer_id": "cus-1001",
        "version": 1,
        "changed_at": "2026-11-22T09:30:01Z",
        "first_name": "Ada",
        "last_name": "Novák",
        "email": "ada.novak@example.com",
        "phone": "+61 491 570 156",
        "language": "en",
        "time_zone": "Australia/Brisbane",
        "status": "active",
    }

    version: Annotated[int, Field(ge=1, le=10**15)]
    changed_at: Moment
    first_name: ShortText
    last_name: ShortText
    email: EmailAddress | None = None
    phone: PhoneNumber | None = None
    language: Language | None = None
    time_zone: ShortText | None = None
    status: Literal["active", "suspended", "closed"] = "active"
