"""What tells notifications that a customer is to be forgotten."""

from services.notifications.erasure import store
from services.notifications.recipients.events import known_cause
from shared.contracts import CustomerErased
from shared.messaging import AnyHandler, Batch, Handler
from shared.messaging.erasure import erase_settled_letters


def handlers() -> list[AnyHandler]:
    """What this feature consumes."""
    return [Handler(CustomerErased, erase, ordered=False)]


async def erase(batch: Batch[CustomerErased]) -> None:
    """Forget each customer; what waited to be told to one that was not known yet is let go, and dropped."""
    latest = {event.key: event.data for event in batch.events}
    erased = [(data.customer_id, data.version, data.erased_at) for data in latest.values()]
    unknown = await store.erase_recipients(batch.connection, erased)
    await store.erase_messages(batch.connection, list(latest))
    await erase_settled_letters(batch.connection, list(latest))
    batch.arrived(*map(known_cause, unknown))
