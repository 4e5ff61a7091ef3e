"""The HTTP operation that shows one masked field in clear."""

from typing import Literal
from uuid import UUID

from services.notifications.correspondence.api import CORRESPONDENCE_NOT_FOUND, MessagePath
from services.notifications.unmasking import store
from shared import audit
from shared.messaging import UnitOfWork
from shared.web import Prose, RequestContext, RequestModel, ResponseModel, operation


class Unmasking(RequestModel):
    """Which field to see, and why; both are kept with the name of who asks."""

    field: Literal["recipient_address"]
    reason: Prose


class UnmaskedField(ResponseModel):
    """The field in clear; `value` is null when nothing is known."""

    message_id: UUID
    customer_id: str
    field: str
    value: str | None


class UnmaskingApi:
    """Looks at what is masked."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work

    @operation(
        "POST", "/v1/correspondence/{message_id}/unmaskings", permission="personal_data:unmask",
        summary="See to which address a message went", tags=("correspondence",), problems=(CORRESPONDENCE_NOT_FOUND,),
    )  # fmt: skip
    async def unmask_message(self, ctx: RequestContext, path: MessagePath, body: Unmasking) -> UnmaskedField:
        """Every call is written down, so there is no key to repeat one under."""
        async with self._unit_of_work.begin() as transaction:
            found = await store.addressed(transaction.connection, path.message_id)
            if found is None:
                raise CORRESPONDENCE_NOT_FOUND(f"No message has the id {path.message_id}.")
            # The value is no part of the entry: it would outlive its erasure.
            change = audit.Change(
                "personal_data.unmask", f"personal_data:{path.message_id}/{body.field}",
                customer_id=found.customer_id, after={"field": body.field}, reason=body.reason,
            )  # fmt: skip
            await audit.record(transaction.connection, ctx, change)
        return UnmaskedField(
            message_id=path.message_id, customer_id=found.customer_id, field=body.field, value=found.recipient_address
        )
