"""What customers are told of: orders paid, tickets cancelled, and whatever another service asks for."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any, TypeVar

from services.notifications.correspondence import store
from services.notifications.correspondence.domain import Channel, Draft, Message
from services.notifications.correspondence.templates import TemplateDataError, Templates, UnknownTemplateError
from services.notifications.delivery.store import Key, enqueue
from services.notifications.recipients import store as recipients
from services.notifications.recipients.domain import Recipient
from services.notifications.recipients.events import known_cause
from services.notifications.tracking.events import message_cause
from shared.contracts import CorrespondenceRequested, Event, TicketCancelled, TicketsPaid
from shared.ids import uuid7
from shared.messaging import AnyHandler, Batch, Handler, Received

E = TypeVar("E", bound=Event)

# The database ends a transaction in which nothing is heard of a client for some seconds, and the event loop serves
# others too: rendering a batch pauses this often for a statement.
_LONGEST_SILENCE_SECONDS = 0.1
_TICKET = {"id", "lottery", "draw_number", "draw_at", "price"}


class CorrespondenceEvents:
    """Handlers that turn events into messages on record, and have them sent."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates

    def handlers(self) -> list[AnyHandler]:
        """What this feature consumes. One message that cannot be made holds up no other."""
        return [
            Handler(TicketsPaid, self.confirm_orders, ordered=False),
            Handler(TicketCancelled, self.notify_of_cancellations, ordered=False),
            Handler(CorrespondenceRequested, self.tell, ordered=False),
        ]

    async def confirm_orders(self, batch: Batch[TicketsPaid]) -> None:
        """A confirmation for each paid order."""
        await self._tell(batch, lambda paid: [_order_confirmation(paid)])

    async def notify_of_cancellations(self, batch: Batch[TicketCancelled]) -> None:
        """A notice for each cancelled ticket whose price is back."""
        await self._tell(batch, lambda cancelled: [] if cancelled.credited == 0 else [_cancellation_notice(cancelled)])

    async def tell(self, batch: Batch[CorrespondenceRequested]) -> None:
        """What other services ask for, once for each of their keys and each channel."""
        await self._tell(batch, _requested)

    async def _tell(self, batch: Batch[E], drafts_of: Callable[[E], Sequence[Draft]]) -> None:
        known = await recipients.known(batch.connection, list({event.key for event in batch.events}))
        messages: list[Message] = []
        since = monotonic()
        for event in batch.events:
            recipient = known.get(event.key)
            if recipient is None:
                batch.wait(event, known_cause(event.key))
                continue
            if not recipient.is_erased:
                messages += self._messages(batch, event, drafts_of(event.data), recipient)
            if monotonic() - since > _LONGEST_SILENCE_SECONDS:
                await _record(batch, messages)
                messages, since = [], monotonic()
        await _record(batch, messages)

    def _messages(
        self, batch: Batch[E], event: Received[E], drafts: Sequence[Draft], recipient: Recipient
    ) -> list[Message]:
        try:
            return [self._message(draft, recipient) for draft in drafts]
        except UnknownTemplateError as error:
            batch.reject(event, "unknown_template", str(error))
        except TemplateDataError as error:
            batch.reject(event, "template_data_invalid", str(error))
        return []

    def _message(self, draft: Draft, recipient: Recipient) -> Message:
        personal = {"first_name": recipient.first_name, "time_zone": recipient.time_zone}
        return Message(
            id=uuid7(),
            created_at=datetime.now(UTC),
            draft=draft,
            rendered=self._templates.render(draft.template, personal | draft.data),
            recipient_name=recipient.name,
            recipient_address=recipient.email,
        )


async def _record(batch: Batch[Any], messages: Sequence[Message]) -> None:
    """Put the messages on record and those that are new and have an address into the queue."""
    if not messages:
        return
    added = await store.add(batch.connection, messages)
    await enqueue(
        batch.connection,
        [
            Key(message.draft.customer_id, message.id)
            for message in messages
            if message.id in added and message.withheld is None
        ],
    )
    batch.arrived(*map(message_cause, added))


def _order_confirmation(paid: TicketsPaid) -> Draft:
    data = paid.model_dump(
        mode="json",
        include={"order_id": True, "paid_at": True, "currency": True, "receipt_id": True,
                 "payment_transaction_id": True, "payment_amount": True, "tickets": {"__all__": _TICKET}},
    )  # fmt: skip
    return Draft(
        customer_id=paid.customer_id,
        cause_key=f"paid:{paid.order_id}",
        channel=Channel.EMAIL,
        template="order_confirmation",
        data=data | {"total": sum(ticket.price for ticket in paid.tickets)},
    )


def _cancellation_notice(cancelled: TicketCancelled) -> Draft:
    data = cancelled.model_dump(
        mode="json", include={"order_id": True, "cancelled_at": True, "currency": True, "ticket": _TICKET}
    )
    return Draft(
        customer_id=cancelled.customer_id,
        cause_key=f"cancelled:{cancelled.ticket.id}",
        channel=Channel.EMAIL,
        template="cancellation_notice",
        data=data,
    )


def _requested(request: CorrespondenceRequested) -> list[Draft]:
    return [
        Draft(
            customer_id=request.customer_id,
            cause_key=f"requested:{request.idempotency_key}",
            channel=Channel(channel),
            template=request.template,
            data=dict(request.data),
        )
        for channel in dict.fromkeys(request.channels)
    ]
