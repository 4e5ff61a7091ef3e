"""Events between services, effectively once, in batches, over Kafka and PostgreSQL.

A service declares a `Handler` for each type of event, gives them to a `Consumer`, runs a `Relay` beside it, and
writes only inside a `UnitOfWork`:

    async def book(batch: Batch[TicketsPurchased]) -> None:
        await store.book(batch.connection, [event.data for event in batch.events])
        for event in batch.events:
            batch.publish(BalanceDebited(...), cause=event)

    Consumer(name="accounts", kafka=..., unit_of_work=..., handlers=[Handler(TicketsPurchased, book)], lock=...)

State, inbox, consumer offset and outbox commit in one transaction. `docs/messaging.md` explains how.

To read it along the way of a record: `consumer` (a member of the group) gives its partitions to an `assignment`,
whose `reader` fills a `lane` for each; `processor` applies what they hold, decoded by `cloudevents` and cut by
`waves`, and keeps `progress` (offsets, inbox), what is `deferred` (parked, waiting) and `dead_letters`, which
`operator` settles. What is published goes from the `unit_of_work` into the `outbox`, and from there with the
`relay` to Kafka.
"""

from pathlib import Path

from shared.messaging.backlog import backlog_gauges
from shared.messaging.batch import AnyHandler, Batch, Handler
from shared.messaging.consumer import Consumer
from shared.messaging.kafka import KafkaError, KafkaSettings
from shared.messaging.outbox import Prepared
from shared.messaging.publisher import EventPublisher, Publication
from shared.messaging.records import Received
from shared.messaging.relay import Relay
from shared.messaging.unit_of_work import Transaction, UnitOfWork

MIGRATIONS = Path(__file__).parent / "migrations"

__all__ = [
    "MIGRATIONS",
    "AnyHandler",
    "Batch",
    "Consumer",
    "EventPublisher",
    "Handler",
    "KafkaError",
    "KafkaSettings",
    "Prepared",
    "Publication",
    "Received",
    "Relay",
    "Transaction",
    "UnitOfWork",
    "backlog_gauges",
]
