"""Publishes a purchase as any other system would: a Kafka client, JSON, and the headers of CloudEvents.

    .venv/bin/python docs/examples/publish_purchase.py [BOOTSTRAP_SERVERS]

A second run publishes the same event ids and purchase again, and changes nothing.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaProducer

TOPIC = "purchases"
CUSTOMER = "cus-2001"


def purchase() -> dict[str, object]:
    """The event's data: one card payment for two tickets. Money is in minor units, times have a zone."""
    now = datetime.now(UTC)
    draw_at = now + timedelta(days=6)
    ticket = {
        "lottery": "Saturday Lotto",
        "draw_number": 4521,
        "draw_at": draw_at.isoformat(),
        "draw_closes_at": (draw_at - timedelta(hours=1)).isoformat(),
        "offer_id": "book-6",
        "offer_label": "6 x ticket book $10.00",
        "price": 1000,
    }
    return {
        "purchase_id": "pur-2001",
        "occurred_at": now.isoformat(),
        "customer": {
            "id": CUSTOMER,
            "first_name": "Grace",
            "last_name": "Hopper",
            "email": "grace.hopper@example.com",
        },
        "checkout_id": "chk-2001",
        "receipt_id": "rcp-2001",
        "store_id": "store-17",
        "terminal_id": "term-3",
        "payment": {"transaction_id": "txn-2001", "method": "card", "amount": 2000, "currency": "AUD"},
        "tickets": [ticket | {"id": "tic-2001-1"}, ticket | {"id": "tic-2001-2"}],
    }


async def main(servers: str, topic: str = TOPIC) -> None:
    """Publish it and wait until Kafka has it."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        await producer.send_and_wait(
            topic,
            key=CUSTOMER.encode(),
            value=json.dumps(purchase()).encode(),
            headers=[
                ("ce_specversion", b"1.0"),
                ("ce_id", b"shop-17-000001"),
                ("ce_source", b"shop/17"),
                ("ce_type", b"recourse.purchase.completed.v1"),
                ("ce_time", datetime.now(UTC).isoformat().encode()),
                ("content-type", b"application/json"),
            ],
        )
    finally:
        await producer.stop()


if __name__ == "__main__":
    asyncio.run(main(*(sys.argv[1:] or ["127.0.0.1:9192"])))
