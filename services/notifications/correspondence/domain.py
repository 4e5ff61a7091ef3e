"""What a message to a customer is before it is sent."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.notifications.tracking.domain import Status, Withheld


class Channel(StrEnum):
    """The way a message takes."""

    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Draft:
    """Something a customer is to be told, once for each `cause_key` and channel."""

    customer_id: str
    cause_key: str
    channel: Channel
    template: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message in full, and the version of the template that made it."""

    template_version: int
    data: dict[str, Any]
    subject: str
    html: str
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it goes on record. Without an address it is withheld."""

    id: UUID
    created_at: datetime
    draft: Draft
    rendered: Rendered
    recipient_name: str
    recipient_address: str | None

    @property
    def withheld(self) -> Withheld | None:
        """Why it is not sent, None when it is."""
        return Withheld.NO_ADDRESS if self.recipient_address is None else None

    @property
    def status(self) -> Status:
        """The status it starts with."""
        return Status.NOT_SENT if self.withheld else Status.PENDING
