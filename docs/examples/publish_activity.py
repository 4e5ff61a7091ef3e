"""Publishes what a customer did on a web site: a login, a cart, a checkout and the empty cart after it, an opinion.

    .venv/bin/python docs/examples/publish_activity.py [BOOTSTRAP_SERVERS]

Each event has the id of what it speaks of, so that a second run publishes the same events and changes nothing.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaProducer

TOPIC = "activity"
CUSTOMER = "cus-2001"
BEGAN = datetime(2026, 11, 22, 9, 24, tzinfo=UTC)

Told = tuple[str, str, dict[str, Any]]


def visit() -> Iterator[Told]:
    """Type, event id and data of each event. Money is in minor units, times have a zone."""
    ticket = {
        "lottery": "Saturday Lotto",
        "draw_number": 4521,
        "offer_id": "book-6",
        "offer_label": "6 x ticket book $10.00",
        "price": 1000,
        "quantity": 2,
    }
    yield "recourse.login.succeeded.v1", "login-2001", _told(0, login_id="log-2001", device="Firefox on Windows")
    # The whole cart, each time: of two changes the later one counts, in whatever order they come.
    cart = {"currency": "AUD", "tickets": [ticket]}
    yield "recourse.cart.changed.v1", "cart-2001-1", _told(3, change_id="cart-2001-1", **cart)
    checkout = {"checkout_id": "chk-2001", "amount": 2000, "currency": "AUD", "items": [ticket]}
    yield "recourse.checkout.completed.v1", "checkout-2001", _told(5, **checkout)
    # A checkout does not empty the cart: what is in it is said by the cart alone.
    yield "recourse.cart.changed.v1", "cart-2001-2", _told(5, change_id="cart-2001-2", currency="AUD", tickets=[])
    yield (
        "recourse.feedback.left.v1",
        "feedback-2001",
        _told(9, feedback_id="fdb-2001", rating=5, text="Quick and easy"),
    )


def _told(minutes: int, **data: Any) -> dict[str, Any]:
    moment = BEGAN + timedelta(minutes=minutes)
    return {"customer_id": CUSTOMER, "occurred_at": moment.isoformat(), "channel": "website", **data}


async def main(servers: str, topic: str = TOPIC) -> None:
    """Publish all and wait until Kafka has them."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        for event_type, event_id, data in visit():
            await producer.send_and_wait(
                topic,
                key=CUSTOMER.encode(),
                value=json.dumps(data).encode(),
                headers=[
                    ("ce_specversion", b"1.0"),
                    ("ce_id", event_id.encode()),
                    ("ce_source", b"shop/website"),
                    ("ce_type", event_type.encode()),
                    ("ce_time", data["occurred_at"].encode()),
                    ("content-type", b"application/json"),
                ],
            )
    finally:
        await producer.stop()


if __name__ == "__main__":
    asyncio.run(main(*(sys.argv[1:] or ["127.0.0.1:9192"])))
