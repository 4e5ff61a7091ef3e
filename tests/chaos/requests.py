"""What agents ask for: each request under one Idempotency-Key, and with a text that no other has."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from tests.chaos.catalogue import AUTOPLAY_LOTTERY, OFFER

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
    if_match: str | None = None
    method: str = "POST"

    @property
    def text(self) -> str:
        """The reason or description given: it says of an effect whose it is."""
        return text_of(self.key)

    def as_json(self) -> Json:
        """For the model, which knows no paths."""
        names = ("operation", "who", "key", "customer", "target", "amount", "text", "body")
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


def resolution(who: str, key: str, ticket: str, action: str) -> Request:
    """Decide on a ticket in limbo."""
    body = {"action": action, "reason": text_of(key), "confirm": True}
    return Request("resolve", who, key, "tickets", f"/v1/tickets/{ticket}/resolution", body, target=ticket)


def withdrawal(who: str, key: str, customer: str, amount: int) -> Request:
    """Pay out; above the threshold of the stack, once somebody else approved."""
    body = {"amount": amount, "type": "admin", "customer_visible_description": text_of(key)}
    path = f"/v1/customers/{customer}/withdrawals"
    return Request("withdraw", who, key, "accounts", path, body, customer=customer, amount=amount)


def merge(who: str, key: str, survivor: str, merged: str) -> Request:
    """Two ids are one customer."""
    body = {"merged_id": merged, "reason": text_of(key)}
    path = f"/v1/customers/{survivor}/merges"
    return Request("merge", who, key, "accounts", path, body, customer=survivor, target=merged)


def parting(who: str, key: str, survivor: str, merged: str) -> Request:
    """They are two after all. This has no idempotency key."""
    path = f"/v1/customers/{survivor}/merges/{merged}?reason={quote(text_of(key))}"
    return Request("part", who, key, "accounts", path, {}, customer=survivor, target=merged, method="DELETE")


def erasure(who: str, key: str, customer: str) -> Request:
    """Forget who it is."""
    path = f"/v1/customers/{customer}/erasures"
    return Request("erase", who, key, "accounts", path, {"reason": text_of(key)}, customer=customer)


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


def new_autoplay(who: str, key: str, customer: str, games: int, method: str) -> Request:
    """Buy every draw of the lottery from now on."""
    body = {
        "lottery": AUTOPLAY_LOTTERY, "offer_id": OFFER["offer_id"], "games": games, "payment_method": method,
        "schedule": {"cadence": "every_draw"},
    }  # fmt: skip
    path = f"/v1/customers/{customer}/autoplays"
    return Request("create_autoplay", who, key, "tickets", path, body, customer=customer)


def autoplay_action(who: str, key: str, autoplay: str, what: str) -> Request:
    """Pause, resume, skip or cancel, whatever has happened since somebody looked."""
    path, body = f"/v1/autoplays/{autoplay}/{what}", {"reason": text_of(key)}
    return Request(f"autoplay_{what}", who, key, "tickets", path, body, target=autoplay, if_match="*")


def new_draw(who: str, key: str, draw: Draw, closes_at: datetime) -> Request:
    """A draw for AutoPlays to buy."""
    times = {"closes_at": closes_at.isoformat(), "draw_at": (closes_at + timedelta(minutes=5)).isoformat()}
    path = f"/v1/lotteries/{draw.lottery_id}/draws"
    return Request("add_draw", who, key, "tickets", path, {"draw_number": draw.number} | times, target=draw.name)
