"""Topic `deliveries`: what became of messages. Written by mail servers' and providers' gateways."""

import re
from typing import Any, ClassVar, Literal

from shared.contracts.base import CustomerEvent, EmailAddress, Identifier, LongText, Moment, ShortText

DeliveryState = Literal["accepted", "delivered", "deferred", "soft_bounce", "hard_bounce", "complaint"]

_CODE = re.compile(r"[A-Za-z0-9._:-]+(?!\S)")


class DeliveryReported(CustomerEvent):
    """One report about one message. Reports may come in any order and more than once."""

    type: ClassVar[str] = "recourse.delivery.reported.v1"
    topic: ClassVar[str] = "deliveries"
    example: ClassVar[dict[str, Any]] = {
        "customer_id": "cus-1001",
        "message_id": "0199a1f0-0000-7000-8000-000000000005",
        "state": "delivered",
        "occurred_at": "2026-11-22T09:30:05Z",
        "recipient": "ada.novak@example.com",
        "provider": "smtp-local",
        "status_code": "2.0.0",
        "diagnostic": "delivered to mailbox",
    }

    message_id: Identifier
    state: DeliveryState
    occurred_at: Moment
    recipient: EmailAddress | None = None
    provider: ShortText
    status_code: ShortText | None = None
    diagnostic: LongText | None = None

    @property
    def code(self) -> str | None:
        """`status_code` as far as it is one: a gateway may write a whole answer there, which names the recipient."""
        found = _CODE.match(self.status_code or "")
        return found[0] if found else None
