"""Correspondence over HTTP: a customer's history, and one message in full."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from services.notifications.correspondence import store
from services.notifications.correspondence.domain import Channel
from services.notifications.correspondence.timeline import TimelineEntry, timeline_of
from services.notifications.recipients.store import united_ids
from services.notifications.tracking.domain import Status
from shared.db import Database
from shared.web import (
    CustomerPath,
    Keyset,
    Page,
    PageQuery,
    Personal,
    ProblemType,
    RequestContext,
    RequestModel,
    ResponseModel,
    operation,
)

CORRESPONDENCE_NOT_FOUND = ProblemType(404, "correspondence_not_found", "There is no such message")

_BY_TIME = Keyset(tuple[datetime, UUID])
_MOST_REPORTS = 200


class MessagePath(RequestModel):
    """Which message."""

    message_id: UUID


class HistoryQuery(PageQuery):
    """A page of the history, of some statuses and channels if wanted."""

    status: list[Status] = Field(default=[], max_length=6, description="Only messages with one of these statuses.")
    channel: list[Channel] = Field(default=[], max_length=5, description="Only messages by one of these channels.")


class CorrespondenceItem(ResponseModel):
    """A message to a customer. `withheld_reason` says why a message with the status `not_sent` was not sent.

    `customer_id` is the id under which it was told, also when that customer was merged into another.
    """

    id: UUID
    customer_id: str
    created_at: datetime
    channel: Channel
    template: str
    subject: Annotated[str, Personal("prose")]
    recipient_address: Annotated[str | None, Personal("email")]
    status: Status
    status_changed_at: datetime
    withheld_reason: str | None


class AttemptItem(ResponseModel):
    """An attempt to send the message. `ended_at` and `outcome` are null while it lasts."""

    attempt: int
    started_at: datetime
    handed_over_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    status_code: str | None
    diagnostic: Annotated[str | None, Personal("prose")]


class TimelineItem(ResponseModel):
    """A step of the delivery: `source` is `notifications` or the provider that reported it."""

    occurred_at: datetime
    state: str
    source: str
    attempt: int | None
    status_code: str | None
    diagnostic: Annotated[str | None, Personal("prose")]


class CorrespondenceDetail(CorrespondenceItem):
    """A message in full, with each attempt to send it and all that is known of its delivery, in order of time."""

    template_version: int
    recipient_name: str
    html: Annotated[str, Personal("prose")]
    text: Annotated[str, Personal("prose")]
    next_attempt_at: datetime | None
    attempts: list[AttemptItem]
    timeline: list[TimelineItem]


class CorrespondenceApi:
    """The operations of this feature."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @operation(
        "GET", "/v1/customers/{customer_id}/correspondence", permission="correspondence:read",
        summary="Correspondence history of a customer", tags=("correspondence",),
    )  # fmt: skip
    async def correspondence_history(
        self, ctx: RequestContext, path: CustomerPath, query: HistoryQuery
    ) -> Page[CorrespondenceItem]:
        """Everything the customer was told, the newest first, and those that were merged with it."""
        async with self._database.read() as connection:
            rows = await store.history(
                connection,
                await united_ids(connection, path.customer_id),
                statuses=query.status,
                channels=query.channel,
                before=_BY_TIME.position(ctx, query),
                limit=query.limit + 1,
            )
        return _BY_TIME.page(
            ctx, query, rows, key=lambda row: (row.created_at, row.id), item=CorrespondenceItem.model_validate
        )

    @operation(
        "GET", "/v1/correspondence/{message_id}", permission="correspondence:read",
        summary="A message in full", tags=("correspondence",), problems=(CORRESPONDENCE_NOT_FOUND,),
    )  # fmt: skip
    async def open_correspondence(self, path: MessagePath) -> CorrespondenceDetail:
        """What the message says, to whom it went, and what became of it."""
        async with self._database.read() as connection:
            message = await store.opened(connection, path.message_id)
            if message is None:
                raise CORRESPONDENCE_NOT_FOUND(f"No message has the id {path.message_id}.")
            attempts = await store.attempts(connection, message.listed.customer_id, path.message_id)
            reports = await store.reports(connection, message.listed.customer_id, path.message_id, limit=_MOST_REPORTS)
        return _detail(message, attempts, timeline_of(message, attempts, reports))


def _detail(
    message: store.Opened, attempts: list[store.Attempt], timeline: list[TimelineEntry]
) -> CorrespondenceDetail:
    item = CorrespondenceItem.model_validate(message.listed)
    return CorrespondenceDetail(
        **item.model_dump(),
        template_version=message.template_version,
        recipient_name=message.recipient_name,
        html=message.html,
        text=message.text,
        next_attempt_at=message.next_attempt_at,
        attempts=[AttemptItem.model_validate(attempt) for attempt in attempts],
        timeline=[TimelineItem.model_validate(entry) for entry in timeline],
    )
