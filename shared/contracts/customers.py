"""Topic `customers` (compacted): the current public details of each customer. Written by accounts.

Of each customer compaction keeps the last event, so whatever else is told of one is followed by its details as they
are then; only its erasure is not.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from shared.contracts.base import (
    CustomerEvent,
    EmailAddress,
    Identifier,
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
    merged_into: Identifier | None = None


class _Merging(CustomerEvent):
    survivor_id: Identifier
    version: Annotated[int, Field(ge=1, le=10**15)]
    changed_at: Moment


_MERGING: dict[str, Any] = {
    "customer_id": "cus-1002",
    "survivor_id": "cus-1001",
    "version": 4,
    "changed_at": "2026-11-22T11:00:00Z",
}


class CustomerMerged(_Merging):
    """A customer was found to be `survivor_id`: what is known of either is to be shown as one.

    Events go on naming either id, and the record of each stays: `recourse.customer.unmerged.v1` takes it back.
    """

    type: ClassVar[str] = "recourse.customer.merged.v1"
    topic: ClassVar[str] = "customers"
    example: ClassVar[dict[str, Any]] = _MERGING


class CustomerUnmerged(_Merging):
    """A customer is one of its own again, no longer `survivor_id`."""

    type: ClassVar[str] = "recourse.customer.unmerged.v1"
    topic: ClassVar[str] = "customers"
    example: ClassVar[dict[str, Any]] = _MERGING | {"version": 5}


class CustomerErased(CustomerEvent):
    """Nothing personal of a customer may be kept any more; money, tickets and points stay under the id.

    It is the last event of its customer on this topic, whose compaction so takes the details away too. Whatever
    comes later with details of the customer is not to be kept.
    """

    type: ClassVar[str] = "recourse.customer.erased.v1"
    topic: ClassVar[str] = "customers"
    example: ClassVar[dict[str, Any]] = {"customer_id": "cus-1001", "version": 6, "erased_at": "2026-11-22T12:00:00Z"}

    version: Annotated[int, Field(ge=1, le=10**15)]
    erased_at: Moment
