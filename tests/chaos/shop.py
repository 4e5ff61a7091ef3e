"""An outside system that sells tickets: a seeded stream of purchases, with all the noise that real ones have."""

import asyncio
import json
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.contracts import PrizePaid, PurchaseCompleted, PurchaseFailed
from shared.messaging import EventPublisher, KafkaError, KafkaSettings, Publication

SOURCE = "shop/chaos"
ADDRESSES = (*("mail",) * 12, "bounce-hard", "bounce-soft", "slow", "refuse", None)
METHODS = ("card", "card", "card", "cash", "bank_transfer", "balance", "balance", "balance")
LOTTERIES = ("Saturday Lotto", "Car Draw", "House Draw")
# Its draws have many tickets each, and are cancelled while they are sold.
CANCELLED_LOTTERY = "Night Draw"
DRAWS_AT_ONCE = 4
ORDERS_A_DRAW = 40
CURRENCY = "AUD"
# Guests pay by card and play no draw that is cancelled. Nobody does anything about them but erase them.
GUEST = "guest-"


@dataclass(frozen=True)
class Sold:
    """A ticket that was published, and whose it is."""

    ticket_id: str
    customer_id: str
    order_id: str = "p-none"


@dataclass
class Shop:
    """Makes batches of records. New customers keep coming; few of the known ones buy most."""

    rng: random.Random
    customers: list[dict[str, Any]] = field(default_factory=list)
    sold: list[Sold] = field(default_factory=list)
    guests: list[str] = field(default_factory=list)
    records: int = 0
    opened_at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    _orders: int = 0
    _tickets: int = 0
    _prizes: int = 0
    _published: deque[tuple[str, PurchaseCompleted | PurchaseFailed | PrizePaid]] = field(
        default_factory=lambda: deque(maxlen=400)
    )

    def batch(self, size: int) -> list[Publication]:
        """The next `size` purchases, some of them with copies of their own or of earlier ones among them."""
        found: list[Publication] = []
        for _ in range(size):
            event = self._purchase()
            event_id = f"event-{self._orders}"
            self._published.append((event_id, event))
            found.append(self._publication(event, event_id))
            if self.rng.random() < 0.1:
                found.append(self._publication(event, event_id))
            if self.rng.random() < 0.1:
                found.append(self._again())
            if self.sold and self.rng.random() < 0.05:
                found.append(self._prize())
        return found

    def publish_now(self, batch: Sequence[Publication]) -> None:
        """Kafka has these: agents may know of their tickets."""
        self.records += len(batch)
        for publication in batch:
            data = json.loads(publication.value or b"{}")
            if data.get("tickets"):
                customer, order = data["customer"]["id"], data["purchase_id"]
                if customer.startswith(GUEST):
                    self.guests.append(customer)
                    continue
                self.sold += [Sold(ticket["id"], customer, order) for ticket in data["tickets"]]

    def draw(self) -> int:
        """The number of a draw of `CANCELLED_LOTTERY` that is sold now."""
        return self._orders // ORDERS_A_DRAW + self.rng.randint(1, DRAWS_AT_ONCE)

    def _again(self) -> Publication:
        """An earlier purchase under its event id, or as a careless system repeats it: under a new one."""
        event_id, event = self.rng.choice(self._published)
        if self.rng.random() < 0.5:
            event_id = f"{event_id}-again-{self.rng.getrandbits(40):x}"
        return self._publication(event, event_id)

    def _prize(self) -> Publication:
        """On any ticket, whatever becomes of it. Some tickets win twice."""
        self._prizes += 1
        won = self.rng.choice(self.sold[-200:])
        event_id, prize = f"prize-event-{self._prizes}", PrizePaid.model_validate({
            "customer_id": won.customer_id, "prize_id": f"prize-{self._prizes}", "ticket_id": won.ticket_id,
            "amount": 700, "currency": CURRENCY, "paid_at": datetime.now(UTC),
        })  # fmt: skip
        self._published.append((event_id, prize))
        return self._publication(prize, event_id)

    def _publication(self, event: PurchaseCompleted | PurchaseFailed | PrizePaid, event_id: str) -> Publication:
        return Publication.of(event, source=SOURCE, event_id=event_id)

    def _customer(self) -> dict[str, Any]:
        known = len(self.customers)
        if known < 10 or self.rng.random() < 0.05:
            address = self.rng.choice(ADDRESSES)
            guest = known >= 10 and self.rng.random() < 0.4
            customer: dict[str, Any] = {
                "id": f"{GUEST if guest else 'c-'}{known}",
                "first_name": "Ada",
                "last_name": f"Number {known}",
                "phone": "+61 491 570 156",
                "language": "en",
            }
            if address is not None:
                customer["email"] = f"{address}.{known}@example.com"
            self.customers.append(customer)
            return customer
        return self.customers[int(known * self.rng.random() ** 2)]

    def _purchase(self) -> PurchaseCompleted | PurchaseFailed:
        self._orders += 1
        number, rng = self._orders, self.rng
        failed = rng.random() < 0.06
        customer = self._customer()
        guest = customer["id"].startswith(GUEST)
        tickets = [] if failed else [self._ticket(guest=guest) for _ in range(rng.choice((1, 1, 2, 3)))]
        amount = sum(ticket["price"] for ticket in tickets) if tickets else 1000
        data: dict[str, Any] = {
            "purchase_id": f"p-{number}",
            "occurred_at": datetime.now(UTC).isoformat(),
            "customer": customer,
            "checkout_id": f"checkout-{number}",
            "receipt_id": f"receipt-{number}",
            "store_id": f"store-{number % 7}",
            "terminal_id": f"terminal-{number % 11}",
            "payment": {
                "transaction_id": f"txn-{number}", "method": "card" if guest else rng.choice(METHODS),
                "amount": amount, "currency": CURRENCY,
            },
            "tickets": tickets,
        }  # fmt: skip
        if failed:
            return PurchaseFailed.model_validate_json(json.dumps(data | {"reason": f"declined {number}"}))
        return PurchaseCompleted.model_validate_json(json.dumps(data))

    def _ticket(self, *, guest: bool) -> dict[str, Any]:
        self._tickets += 1
        lottery, number = self.rng.choice(LOTTERIES), self.rng.randint(1, 5000)
        draw_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=self.rng.randint(1, 20))
        if not guest and self.rng.random() < 0.3:
            # A draw that is cancelled shows its own times on each of its tickets, so all must name the same.
            lottery, number = CANCELLED_LOTTERY, self.draw()
            draw_at = self.opened_at + timedelta(days=2, minutes=number)
        ticket: dict[str, Any] = {
            "id": f"t-{self._tickets}",
            "lottery": lottery,
            "draw_number": number,
            "draw_at": draw_at.isoformat(),
            "draw_closes_at": (draw_at - timedelta(hours=1)).isoformat(),
            "offer_id": "book-3",
            "offer_label": "3 x ticket book",
            "price": self.rng.choice((50, 250, 500, 500, 1000, 1000, 2500)),
        }
        if self.rng.random() < 0.2:
            ticket["autoplay_id"] = f"auto-{self.rng.randint(1, 50)}"
        return ticket


class Till:
    """Publishes what the shop sells, in order, until Kafka has it; a batch whose fate is unknown is sent again."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._publisher: EventPublisher | None = None
        self.repeated = 0

    async def publish(self, batch: Sequence[Publication]) -> None:
        """Return when Kafka has all of it."""
        while True:
            try:
                if self._publisher is None:
                    self._publisher = await EventPublisher(self._kafka, source=SOURCE).__aenter__()
                await self._publisher.send(batch, timeout=8)
                return
            except (KafkaError, OSError, TimeoutError):
                self.repeated += 1
                await self.close()
                await asyncio.sleep(0.5)

    async def close(self) -> None:
        """Give the producer up, with what it still holds."""
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            await publisher.__aexit__()
