"""What providers report of messages."""

from datetime import timedelta
from uuid import UUID

from services.notifications.tracking import store
from services.notifications.tracking.domain import Report
from shared.contracts import DeliveryReported
from shared.messaging import AnyHandler, Batch, Handler, Received

# A report can only be early when a restored database has yet to learn again of what was sent.
PATIENCE = timedelta(minutes=10)


def message_cause(message_id: UUID) -> str:
    """What a report waits for whose message is not known yet."""
    return f"message:{message_id}"


def handlers() -> list[AnyHandler]:
    """What this feature consumes. A status does not depend on the order of reports."""
    return [Handler(DeliveryReported, take_reports, ordered=False)]


async def take_reports(batch: Batch[DeliveryReported]) -> None:
    """Keep each report once, with the message it speaks of, whatever customer the reporter thinks it is of."""
    named = [(event, _message_id(event.data.message_id)) for event in batch.events]
    found = await store.lock_messages(batch.connection, [message_id for _, message_id in named if message_id])
    reports = []
    for event, message_id in named:
        if message_id is not None and message_id in found:
            reports.append(_reported(event, message_id))
        elif message_id is None or event.overdue:
            batch.reject(event, "unknown_message", f"no message {event.data.message_id} was ever sent from here")
        else:
            batch.wait(event, message_cause(message_id), timeout=PATIENCE)
    if reports:
        await store.add_reports(batch.connection, reports)


def _message_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _reported(event: Received[DeliveryReported], message_id: UUID) -> store.Reported:
    data = event.data
    return store.Reported(
        message_id=message_id,
        state=Report(data.state),
        occurred_at=data.occurred_at,
        provider=data.provider,
        recipient_address=data.recipient or "",
        status_code=data.code,
        diagnostic=data.diagnostic or (data.status_code if data.status_code != data.code else None),
        event_source=event.source,
        event_id=event.id,
    )
