"""Work to do: events of cold or hot customers on Kafka, made fast because there are many of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

from shared.contracts import CorrespondenceRequested, Event, PurchaseCompleted, TicketsPaid, TicketsPurchased
from shared.messaging import EventPublisher, KafkaSettings, Publication
from shared.messaging.cloudevents import binary_headers

SOURCE = "shop/bench"
_CHUNK = 5000
# Long after any run: a ticket can be cancelled until its draw closes.
_CLOSED, _DRAWN = "2126-11-28T08:30:00Z", "2126-11-28T09:30:00Z"
_MOMENT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def _template(event: type[Event], changes: dict[str, object]) -> str:
    """The example of a contract as JSON with `@n` for the number of the event and `@c` for its customer's."""
    return json.dumps(event.example | changes)


_TICKETS = [
    ticket | {"id": f"tic-@n-{index}", "autoplay_id": None, "draw_at": _DRAWN, "draw_closes_at": _CLOSED}
    for index, ticket in enumerate(TicketsPurchased.example["tickets"])
]
_CUSTOMER = TicketsPurchased.example["customer"] | {"id": "cus-@c", "email": "cus-@c@example.com"}
_PAYMENT = TicketsPurchased.example["payment"] | {"transaction_id": "txn-@n"}
_ORDER: dict[str, object] = {
    "customer": _CUSTOMER, "payment": _PAYMENT, "tickets": _TICKETS, "checkout_id": "chk-@n", "receipt_id": "rcp-@n",
}  # fmt: skip

TEMPLATES: dict[type[Event], str] = {
    PurchaseCompleted: _template(PurchaseCompleted, _ORDER | {"purchase_id": "ord-@n"}),
    TicketsPurchased: _template(TicketsPurchased, _ORDER | {"order_id": "ord-@n"}),
    TicketsPaid: _template(
        TicketsPaid,
        {"order_id": "ord-@n", "customer_id": "cus-@c", "checkout_id": "chk-@n", "receipt_id": "rcp-@n",
         "payment_transaction_id": "txn-@n", "tickets": _TICKETS},
    ),
    CorrespondenceRequested: _template(
        CorrespondenceRequested, {"customer_id": "cus-@c", "idempotency_key": "note-@n"}
    ),
}  # fmt: skip


def publications(event: type[Event], count: int, *, customers: int | None = None) -> Iterator[Publication]:
    """`count` events, of a customer each, or of so many customers in turn."""
    template = TEMPLATES[event]
    for number in range(count):
        customer = number % customers if customers else number
        headers = binary_headers(
            event_id=f"evt-{number}", source=SOURCE, event_type=event.type, time=_MOMENT, subject=f"cus-{customer}",
            traceparent=f"00-{number + 1:032x}-{number + 1:016x}-01",
        )  # fmt: skip
        value = template.replace("@n", str(number)).replace("@c", str(customer)).encode()
        yield Publication(event.topic, f"cus-{customer}".encode(), headers, value)


def purchase(name: str, **of_tickets: object) -> Publication:
    """The order `ord-<name>` of customer `cus-<name>`, told now; its tickets have `of_tickets` instead of their own."""
    value = TEMPLATES[PurchaseCompleted].replace("@n", name).replace("@c", name)
    if of_tickets:
        order = json.loads(value)
        value = json.dumps(order | {"tickets": [ticket | of_tickets for ticket in order["tickets"]]})
    customer = f"cus-{name}"
    headers = binary_headers(
        event_id=f"evt-{name}", source=SOURCE, event_type=PurchaseCompleted.type, time=datetime.now(UTC),
        subject=customer, traceparent=None,
    )  # fmt: skip
    return Publication(PurchaseCompleted.topic, customer.encode(), headers, value.encode())


async def publish(kafka: KafkaSettings, event: type[Event], count: int, *, customers: int | None = None) -> None:
    """Put `publications` on Kafka."""
    async with EventPublisher(kafka, source=SOURCE) as publisher:
        for chunk in _chunks(publications(event, count, customers=customers)):
            await publisher.send(chunk)


def _chunks(items: Iterator[Publication]) -> Iterator[list[Publication]]:
    while chunk := list(islice(items, _CHUNK)):
        yield chunk
