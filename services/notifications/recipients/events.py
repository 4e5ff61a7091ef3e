"""What tells notifications of customers."""

from services.notifications.recipients import store
from services.notifications.recipients.domain import Recipient
from shared.contracts import CustomerChanged
from shared.messaging import AnyHandler, Batch, Handler


def known_cause(customer_id: str) -> str:
    """What an event waits for whose customer is not known yet."""
    return f"customer:{customer_id}"


def handlers() -> list[AnyHandler]:
    """What this feature consumes. Versions, not the order of events, decide: nothing waits behind a dead letter."""
    return [Handler(CustomerChanged, learn, ordered=False)]


async def learn(batch: Batch[CustomerChanged]) -> None:
    """Keep the latest version of each customer and let go what waited for the new ones."""
    new = await store.save(batch.connection, [_recipient(event.data) for event in batch.events])
    batch.arrived(*map(known_cause, new))


def _recipient(changed: CustomerChanged) -> Recipient:
    return Recipient(
        customer_id=changed.customer_id,
        version=changed.version,
        first_name=changed.first_name,
        last_name=changed.last_name,
        email=changed.email,
        language=changed.language,
        time_zone=changed.time_zone,
        merged_into=changed.merged_into,
    )
