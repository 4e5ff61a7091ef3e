"""What agents ask for: each request under one Idempotency-Key, and with a text that no other has."""

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Draw:
    """A draw, under the id of its lottery and the name that the model knows it by."""

    lottery_id: str
    lottery: str
    number: int

    @property
    def name(self) -> str:
        return f"{self.lottery}/{self.number}"


@dataclass(frozen=True)
class Request:
    """What `who` asks of a service under one key. `target` is the id of what it is about, unless that is a customer."""

    operation: str
    who: str
    key: str
    service: str
    path: str
    body: Json
    customer: str = ""
    target: str | None = None
    amount: int = 0

    @property
    def text(self) -> str:
        """The reason or description given: it says of an effect whose it is."""
        return text_of(self.key)

    def as_json(self) -> Json:
        """For the model, which knows neither paths nor bodies."""
        names = ("operation", "who", "key", "customer", "target", "amount", "text")
        return {name: getattr(self, name) for name in names}


def text_of(key: str) -> str:
    """The text that goes with a key."""
    return f"text of {key}"


def cancellation(who: str, key: str, customer: str, ticket: str) -> Request:
    """Cancel one ticket."""
    body = {"reason": text_of(key), "confirm": True}
    return Request(
        "cancel", who, key, "tickets", f"/v1/tickets/{ticket}/cancellation", body, customer=customer, target=ticket
    )


def withdrawal(who: str, key: str, customer: str, amount: int) -> Request:
    """Pay out; above the threshold of the stack, once somebody else approved."""
    body = {"amount": amount, "type": "admin", "customer_visible_description": text_of(key)}
    path = f"/v1/customers/{customer}/withdrawals"
    return Request("withdraw", who, key, "accounts", path, body, customer=customer, amount=amount)


def decision(who: str, key: str, customer: str, withdrawal_id: str, *, approve: bool) -> Request:
    """Say what becomes of a withdrawal that waits."""
    operation, what = ("approve", "approval") if approve else ("reject", "rejection")
    path = f"/v1/customers/{customer}/withdrawals/{withdrawal_id}/{what}"
    body = {"reason": text_of(key)}
    return Request(operation, who, key, "accounts", path, body, customer=customer, target=withdrawal_id)


def order_cancellation(who: str, key: str, order: str) -> Request:
    """Cancel all tickets of an order, by a job."""
    body = {"order_id": order, "reason": text_of(key), "confirm": True}
    return Request("cancel_order", who, key, "tickets", "/v1/bulk-cancellations", body, target=order)


def draw_cancellation(who: str, key: str, draw: Draw) -> Request:
    """Cancel a draw, and by a job its tickets."""
    path = f"/v1/lotteries/{draw.lottery_id}/draws/{draw.number}/cancellation"
    body = {"reason": text_of(key), "confirm": True}
    return Request("cancel_draw", who, key, "tickets", path, body, target=draw.name)


def draw_sweep(who: str, key: str, draw: Draw) -> Request:
    """Cancel what tickets a cancelled draw has, by one more job."""
    body = {"lottery_id": draw.lottery_id, "draw_number": draw.number, "reason": text_of(key), "confirm": True}
    return Request("sweep_draw", who, key, "tickets", "/v1/bulk-cancellations", body, target=draw.name)
